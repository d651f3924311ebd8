"""How the rows are divided into train, validation and test."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from evenhand.config._base import Conflict, Section

__all__ = ["SplitConfig"]


class SplitConfig(Section):
    """Train is for the search, validation for calibration and the threshold, test for evidence."""

    method: Literal["hash", "stratified", "time", "group"] = "hash"
    """`hash` keeps a row's part at every later retrain; `stratified` balances target and groups; `time` tests on the
    latest rows; `group` keeps the rows of one person together."""

    train: float = Field(default=0.6, ge=0.1, le=0.9)
    """Share of the rows to train on."""

    validation: float = Field(default=0.2, ge=0.05, le=0.8)
    """Share of the rows to calibrate and to choose the threshold on."""

    test: float = Field(default=0.2, ge=0.05, le=0.8)
    """Share of the rows kept for the evidence."""

    salt: str = Field(default="evenhand", min_length=1)
    """What the hash is mixed with: change it only to draw a new test set for good."""

    people: Literal["one", "all"] = "one"
    """Of a person (`data.group`) with several rows in the test part `one` is evidence, since they depend on one
    another; `all` takes them as if they did not, and intervals are too narrow."""

    def drawn_by(self) -> dict[str, Any]:
        """The arguments of :func:`~evenhand.data.splits.split_dataset`."""
        return self.model_dump(exclude={"people"})

    def conflicts(self) -> Iterator[Conflict]:
        """Shares that are no whole."""
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            told = f"train, validation and test must add up to 1, not {total:g}"
            yield Conflict(("train", "validation", "test"), told)
