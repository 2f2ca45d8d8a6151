"""The looks that all charts share: a palette that colour-blind people can tell apart, dashes, sizes.

Colours are those of Okabe and Ito (2008), less black and yellow, which vanish on a dark and on a light page. Fonts,
grid and page colours come from the page's own theme, light or dark. No distinction rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

VERMILLION, BLUE, GREEN, ORANGE, PINK, SKY, GREY = (
    "#D55E00", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#8C8C8C",
)  # fmt: skip
STUDENT_COLOUR, TEACHER_COLOUR, REST_COLOUR = VERMILLION, BLUE, GREY
OTHER_COLOURS = (GREEN, ORANGE, PINK, SKY, GREY)
SOLID: tuple[int, ...] = (1, 0)
OTHER_DASHES: tuple[tuple[int, ...], ...] = ((8, 3), (4, 3), (10, 3, 2, 3), (6, 2, 2, 2), (2, 2))
GHOST_DASH: tuple[int, ...] = (2, 4)
HEIGHT_PX = 360  # title, plot, axis and legend together
RULE_COLOUR = GREY
# Blue that reads on both pages: the palette's own is too dark for thin lines on a dark one.
BLUE_ON_BOTH = "#2E8BC9"


@dataclass(frozen=True)
class Look:
    """How one series is drawn: colour and dash, so that neither stands alone."""

    name: str
    colour: str
    dash: tuple[int, ...]


def looks(names: list[str], student: str, teacher: str) -> list[Look]:
    """A look for each name, in order: the student and its teacher are solid in fixed colours, the rest dashed."""
    out = []
    others = [name for name in names if name not in (student, teacher)]
    for name in names:
        if name == student:
            out.append(Look(name, STUDENT_COLOUR, SOLID))
        elif name == teacher:
            out.append(Look(name, BLUE_ON_BOTH, SOLID))
        else:
            turn, place = divmod(others.index(name), len(OTHER_COLOURS))
            # Colours come again with another dash, so that no two of 25 look alike.
            dash = OTHER_DASHES[(place + turn) % len(OTHER_DASHES)]
            out.append(Look(name, OTHER_COLOURS[place], dash))
    return out
