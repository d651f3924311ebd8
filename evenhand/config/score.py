"""How new rows are scored by a registered version."""

from typing import Literal

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["ScoreConfig"]


class ScoreConfig(Section):
    """Batch predictions of a registered version, with the top reasons of a row."""

    reasons: dict[str, str] = {}
    """What a person is told when a feature is a reason: {hrat: Housing costs too high for the income}; features with
    the same text are one reason, and a feature without a text is told by its name."""

    most_reasons: int = Field(default=4, ge=0, le=20)
    """At most so many reasons a row; 0 leaves them out, and the attributions with them."""

    explain: Literal["denied", "all"] = "denied"
    """Which rows get reasons: those that are not given a favorable label, or all; without a favorable label, all."""
