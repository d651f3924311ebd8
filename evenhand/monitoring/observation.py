"""What a look at new data is made of: the layout of its columns, the model as the monitor needs it, the counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.sensitive import Sensitive
from evenhand.exceptions import Problem
from evenhand.fairness.counts import CountTable
from evenhand.monitoring.profile import ColumnProfile

__all__ = ["Champion", "Layout", "Observation"]


class Champion(Protocol):
    """The model as the monitor needs it."""

    def predict(self, X: pd.DataFrame, people: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None]:
        """Labels, and the favorable score or None, of plain rows."""

    def attribute(self, X: pd.DataFrame, people: pd.DataFrame) -> npt.NDArray[np.float64] | None:
        """Attributions of plain rows, shape (n, f) in the order of the reference; None where there is no explainer."""


@dataclass(frozen=True)
class Layout:
    """Which columns of new data mean what.

    Attributes
    ----------
    sensitive
        How the sensitive attributes follow from the columns.
    target, key
        The outcome, where it is known already, and what names a row; they may be absent from the data.
    person
        The column whose rows belong together: one row of each person counts. None takes every row as somebody's only
        one.
    target_above
        Where the target is a number: above it the label is 1, else 0.
    prediction, score
        Columns of predictions that were made already; None lets the champion predict.
    """

    sensitive: Mapping[str, Sensitive] = field(default_factory=dict)
    target: str | None = None
    key: str | None = None
    person: str | None = None
    target_above: float | None = None
    prediction: str | None = None
    score: str | None = None

    @property
    def columns(self) -> list[str]:
        """Every column that it names."""
        people = [column for how in self.sensitive.values() for column in how.columns]
        return [
            *people,
            *(name for name in (self.target, self.key, self.person, self.prediction, self.score) if name is not None),
        ]


@dataclass(frozen=True)
class Observation:
    """What new data looks like, as counts.

    Attributes
    ----------
    n
        Rows that count.
    features, groups, attributions, prediction, score, target
        As in :class:`Reference`, in its cells; what was not there is left out or None.
    attribution_rows
        Rows that were explained.
    decisions
        Predictions by group, both labels of the table being the prediction; None without predictions or groups.
    schema, broken
        Violations of the data contract, and those among them that are no ordinary noise.
    notes
        What could not be watched, and why.
    """

    n: int
    features: Mapping[str, ColumnProfile]
    groups: Mapping[str, ColumnProfile]
    prediction: ColumnProfile | None = None
    score: ColumnProfile | None = None
    target: ColumnProfile | None = None
    attributions: Mapping[str, ColumnProfile] = field(default_factory=dict)
    attribution_rows: int = 0
    decisions: CountTable | None = None
    schema: tuple[Problem, ...] = ()
    broken: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; :meth:`from_dict` is the way back."""
        many = ("features", "groups", "attributions")
        single = ("prediction", "score", "target")
        profiles = {role: {name: each.to_dict() for name, each in getattr(self, role).items()} for role in many}
        return {
            "n": self.n,
            "attribution_rows": self.attribution_rows,
            "schema": [asdict(problem) for problem in self.schema],
            "broken": [asdict(problem) for problem in self.broken],
            "notes": list(self.notes),
            "decisions": None if self.decisions is None else _table_dict(self.decisions),
            **profiles,
            **{role: None if (one := getattr(self, role)) is None else one.to_dict() for role in single},
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Observation":
        """The observation that :meth:`to_dict` wrote."""

        def one(role: str) -> ColumnProfile | None:
            return None if value[role] is None else ColumnProfile.from_dict(value[role])

        def many(role: str) -> dict[str, ColumnProfile]:
            return {name: ColumnProfile.from_dict(each) for name, each in value[role].items()}

        return cls(
            n=value["n"],
            features=many("features"),
            groups=many("groups"),
            attributions=many("attributions"),
            prediction=one("prediction"),
            score=one("score"),
            target=one("target"),
            attribution_rows=value["attribution_rows"],
            decisions=None if value["decisions"] is None else _table(value["decisions"]),
            schema=tuple(Problem(**problem) for problem in value["schema"]),
            broken=tuple(Problem(**problem) for problem in value["broken"]),
            notes=tuple(value["notes"]),
        )


def _table_dict(table: CountTable) -> dict[str, Any]:
    return {
        "attributes": list(table.attributes),
        "labels": [list(map(str, labels)) for labels in table.labels],
        "cells": table.cells.tolist(),
        "classes": [str(label) for label in table.classes],
        "counts": table.counts.tolist(),
    }


def _table(value: Mapping[str, Any]) -> CountTable:
    return CountTable(
        attributes=tuple(value["attributes"]),
        labels=tuple(tuple(labels) for labels in value["labels"]),
        cells=np.array(value["cells"], dtype=np.int64),
        classes=tuple(value["classes"]),
        counts=np.array(value["counts"], dtype=np.int64),
    )
