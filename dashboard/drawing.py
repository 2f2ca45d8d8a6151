"""A chart as SVG, drawn without a browser, that reads on a light and on a dark page.

Text and grid have the colour of the text around them (`currentColor`); a picture that stands alone brings the two
colours along. Identifiers are named after the picture and counted in it: several pictures share a page, and the
renderer counts on from one picture to the next.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dashboard.figures import Figure

INK, DARK_INK = "#1f2328", "#e6e6e6"
FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"  # that of the page and of the pictures
ALONE = f"<style>svg{{color:{INK}}}@media(prefers-color-scheme:dark){{svg{{color:{DARK_INK}}}}}</style>"
TEXT = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 11, "titleFontSize": 11.5}
CONFIG: dict[str, object] = {
    "background": None,
    "padding": {"left": 14, "right": 14, "top": 5, "bottom": 5},  # a browser's font may be wider than the renderer's
    "font": FONT,
    "axis": {
        **TEXT,
        "titleFontWeight": "normal",
        "gridColor": "currentColor",
        "gridOpacity": 0.14,
        "labelSeparation": 14,
    },
    "legend": TEXT,
    "title": {"color": "currentColor"},
}


def svg(figure: Figure, width_px: int, name: str) -> str:
    """The chart as an SVG of that width, axes, title and legend included; the same chart gives the same text.

    Args:
        figure: as the modules of charts make it.
        width_px: of the whole picture.
        name: of the picture, different from those of other pictures on its page.
    """
    import vl_convert

    return _own_names(str(vl_convert.vegalite_to_svg(_specification(figure, width_px))), name)


def png(figure: Figure, width_px: int, scale: float = 2.0) -> bytes:
    """The chart as a PNG on a white ground, `scale` pixels for each of the picture's."""
    import vl_convert

    # Pixels have no text around them whose colour they could take.
    inked = json.dumps(_specification(figure, width_px)).replace('"currentColor"', f'"{INK}"')
    specification = json.loads(inked)
    specification["config"]["background"] = "#ffffff"
    return bytes(vl_convert.vegalite_to_png(specification, scale=scale))


def _specification(figure: Figure, width_px: int) -> dict[str, Any]:
    """Vega-Lite's specification of the chart at that width, in the colours of the text around it."""
    import altair as alt

    sized = figure.chart.properties(width=width_px, autosize=alt.AutoSizeParams(type="fit", contains="padding"))
    specification: dict[str, Any] = sized.to_dict()
    specification["config"] = _merged(CONFIG, {**specification.get("config", {}), "background": None})
    return specification


def alone(picture: str) -> str:
    """The picture as a file of its own, with its colours on a light and on a dark page."""
    return picture.replace(">", f">{ALONE}", 1) + "\n"


def _merged(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    """Settings, those of `above` first; one level of them is joined."""
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        out[key] = {**under, **value} if isinstance(under, dict) and isinstance(value, dict) else value
    return out


def _own_names(text: str, name: str) -> str:
    found = dict.fromkeys(re.findall(r'\bid="([^"]+)"', text))
    for place, old in enumerate(found):
        text = re.sub(rf'(\bid="|url\(#|href="#){re.escape(old)}(?=["\)])', rf"\g<1>{name}-{place}", text)
    return text
