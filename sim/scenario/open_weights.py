"""The release of a model as open weights: dated, and never taken back."""

from __future__ import annotations

from pydantic import Field

from sim.scenario.base import Name, NotNegative, Part


class OpenRelease(Part):
    """A lab publishes the weights of a model that it offers; from then on the scenario's hosts may serve it."""

    offer: Name = Field(description="the own offer whose model is published; the offer itself stays as it is")
    day: NotNegative | None = Field(
        description="for good, and not before the lab has released the offer; null, or no release: it never happens"
    )
