"""The worlds that a recipe may name, told apart by their kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evalsuite.distill.worlds.addition import Addition
from evalsuite.distill.worlds.countdown import Countdown
from evalsuite.distill.worlds.knowledge import Knowledge

AnyWorld = Annotated[Knowledge | Addition | Countdown, Field(discriminator="kind")]
WORLDS: dict[str, Knowledge | Addition | Countdown] = {
    "knowledge": Knowledge(),
    "addition": Addition(),
    "countdown": Countdown(),
}
