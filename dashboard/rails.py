"""The two rails of controls as widgets in the sidebar; what they hold survives a change of page."""

from __future__ import annotations

import streamlit as st

from dashboard.controls import BY_NAME, CONTROLS, Control, Rail, Value, Values, opening
from sim.scenario.scenario import Scenario

TITLES: dict[Rail, str] = {"players": "What the players do", "world": "How the world works"}


def draw(scenario: Scenario, first: Values) -> dict[str, Value]:
    """Draw both rails and return the value of every control; `first` are values that the session starts from."""
    own = opening(scenario)
    # Streamlit forgets the state of widgets that are not drawn, so the values live beside them.
    kept: dict[str, Value] = st.session_state.setdefault(_values_key(scenario), {**own, **first})
    st.session_state.setdefault(_touched_key(scenario), set(first))
    if st.session_state.setdefault("rails of", scenario.name) != scenario.name:
        # The widgets still hold what they held for another scenario.
        st.session_state["rails of"] = scenario.name
        for control in CONTROLS:
            st.session_state[key_of(control)] = kept[control.name]
    for rail, title in TITLES.items():
        st.subheader(title)
        for control in CONTROLS:
            if control.rail == rail and not control.advanced:
                _draw(control, own, kept)
        folded = [control for control in CONTROLS if control.rail == rail and control.advanced]
        with st.expander("More"):
            for control in folded:
                _draw(control, own, kept)
    if kept != own:
        st.button("Reset all controls", on_click=_reset_all, args=(own, kept), width="stretch")
    touched(scenario).update(name for name, value in kept.items() if value != own[name])
    return dict(kept)


def values(scenario: Scenario) -> dict[str, Value]:
    """The value of every control, as the rails of this scenario hold them."""
    found: dict[str, Value] = st.session_state[_values_key(scenario)]
    return dict(found)


def put(scenario: Scenario, new: Values) -> None:
    """Set some controls of a scenario, each to what its range allows; for callbacks, before widgets are drawn."""
    kept: dict[str, Value] = st.session_state[_values_key(scenario)]
    for name, value in new.items():
        control = BY_NAME[name]
        if control.choices is None:
            value = min(max(float(value), float(control.low)), float(control.high))
        kept[name] = value
        st.session_state[key_of(control)] = value


def touched(scenario: Scenario) -> set[str]:
    """Names of the controls that were ever set in this session, or by the link that opened it."""
    found: set[str] = st.session_state[_touched_key(scenario)]
    return found


def _values_key(scenario: Scenario) -> str:
    return f"values of {scenario.name}"


def _touched_key(scenario: Scenario) -> str:
    return f"touched of {scenario.name}"


def key_of(control: Control) -> str:
    """The key of a control's widget."""
    return f"control {control.name}"


def _draw(control: Control, own: dict[str, Value], kept: dict[str, Value]) -> None:
    if control.shown_if is not None and kept[control.shown_if[0]] not in control.shown_if[1]:
        return
    key = key_of(control)
    if key not in st.session_state:
        st.session_state[key] = kept[control.name]
    text = f"{control.title} ({control.unit})" if control.unit else control.title
    help_text = f"{control.help} Default {_shown(control, own[control.name])}: {control.source}."
    value: Value | None
    if control.choices is not None:
        value = st.selectbox(
            text,
            list(control.choices),
            format_func=lambda name: str((control.choices or {})[name]),
            key=key,
            help=help_text,
        )
    else:
        value = st.slider(
            text, float(control.low), float(control.high), step=float(control.step), format=control.format, key=key,
            help=help_text,
        )  # fmt: skip
    kept[control.name] = own[control.name] if value is None else value
    if kept[control.name] != own[control.name]:
        st.button(
            f"Reset to {_shown(control, own[control.name])}",
            key=f"reset {control.name}",
            type="tertiary",
            icon=":material/undo:",
            on_click=_reset,
            args=(control, own, kept),
        )


def _shown(control: Control, value: Value) -> str:
    if control.choices is not None:
        return f'"{control.choices[str(value)]}"'
    return control.format % value


def _reset(control: Control, own: dict[str, Value], kept: dict[str, Value]) -> None:
    kept[control.name] = own[control.name]
    st.session_state[key_of(control)] = own[control.name]


def _reset_all(own: dict[str, Value], kept: dict[str, Value]) -> None:
    for control in CONTROLS:
        _reset(control, own, kept)
