"""What an explanation holds: a public part, and the rows of people apart from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain._public import public
from evenhand.explain.attributions import Attributions
from evenhand.explain.cases import Case, Chosen
from evenhand.explain.dependence import Dependence
from evenhand.explain.importance import Importance
from evenhand.explain.proxies import ProxyReport
from evenhand.explain.summary import FeatureSummary, GroupSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explanation", "LocalExplanation"]


@dataclass(frozen=True)
class LocalExplanation:
    """Attributions of single people's rows. Restricted: it is stored apart and never shown on a card.

    Attributes
    ----------
    rows
        Their raw features; the index is the position in the test part.
    attributions
        Of the same rows.
    sampled
        How many of the first rows are the random sample; the chosen cases follow.
    cases
        The chosen cases, whose `row` is a position in the test part.
    ice
        For each feature with a dependence plot the curve of each sampled row, shape (rows, points, labels), along the
        grid of that :class:`Dependence`.
    """

    rows: pd.DataFrame = field(repr=False)
    attributions: Attributions = field(repr=False)
    sampled: int
    cases: tuple[Chosen, ...] = field(repr=False)
    ice: Mapping[str, npt.NDArray[np.float64]] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One line a row, feature and class: ``row, feature, value, label, attribution, base, cases``.

        The value is text, since features of every kind share the column.
        """
        made, n, f = self.attributions, len(self.rows), len(self.attributions.features)
        k = len(made.labels)
        roles: dict[int, list[str]] = {}
        for case in self.cases:
            if case.row is not None:
                roles.setdefault(case.row, []).append(f"{case.attribute}={case.group}: {case.kind}")
        texts = self.rows.astype("string").astype(object).to_numpy()
        places = self.rows.index.to_numpy()
        return pd.DataFrame(
            {
                "row": np.repeat(places, f * k),
                "feature": np.tile(np.repeat(np.array(made.features, dtype=object), k), n),
                "value": np.repeat(texts.ravel(), k),
                "label": np.tile(np.array(made.labels, dtype=object), n * f),
                "attribution": made.by_label.ravel(),
                "base": np.repeat(made.base.reshape(n, 1, k), f, axis=1).ravel(),
                "cases": np.repeat(np.array(["; ".join(roles.get(int(p), ())) for p in places], dtype=object), f * k),
            }
        )


@dataclass(frozen=True)
class Explanation:
    """How a model comes to its answers, as may be shown; the rows of people are in :attr:`local` only.

    Attributes
    ----------
    method, unit
        The local explainer and what its attributions are measured in.
    labels
        The explained class, or all classes.
    base
        The mean base of the explained rows, one number a label: the margin before any feature is known.
    features
        Every feature's attributions, the largest mean size first.
    groups
        Attributions within each group of each sensitive attribute.
    importance
        Permutation importance of the model with its threshold.
    dependence
        Partial dependence and the spread of ICE for the first features.
    cases
        The closest denial and the most confident error of each group, seen from afar.
    proxies
        How well features tell the groups of each sensitive attribute.
    sizes
        How many rows each part is based on.
    additivity
        The largest gap between the attributions' sum and the margin, relative to the margin; None for LIME.
    fidelity
        Mean R2 of LIME's surrogates; None for SHAP.
    min_cell, confidence, seed
        As they were asked for.
    notes
        What a reader must know: sampling, the scale of the attributions.
    local
        The rows of people: restricted, and not part of ``to_dict``.
    """

    method: str
    unit: str
    labels: tuple[str, ...]
    base: tuple[float, ...]
    features: tuple[FeatureSummary, ...]
    groups: tuple[GroupSummary, ...]
    importance: Importance
    dependence: tuple[Dependence, ...]
    cases: tuple[Case, ...]
    proxies: tuple[ProxyReport, ...]
    sizes: Mapping[str, int]
    additivity: float | None
    fidelity: float | None
    min_cell: int
    confidence: float
    seed: int
    notes: tuple[str, ...]
    local: LocalExplanation = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The public part: dicts, lists, text and numbers of five digits; no value of a single row."""
        made: dict[str, Any] = public(self)
        return made

    def to_frame(self) -> pd.DataFrame:
        """One line a feature: mean size of attribution and permutation importance, each with its interval."""
        fall = {item.feature: item for item in self.importance.features}
        return pd.DataFrame(
            [
                {
                    "feature": item.feature,
                    "mean_abs": item.mean_abs,
                    "mean_abs_low": item.low,
                    "mean_abs_high": item.high,
                    "importance": fall[item.feature].value,
                    "importance_low": fall[item.feature].low,
                    "importance_high": fall[item.feature].high,
                }
                for item in self.features
            ]
        )

    def to_local_frame(self) -> pd.DataFrame:
        """The rows of people, for the restricted artifact only; see :meth:`LocalExplanation.to_frame`."""
        return self.local.to_frame()

    def plots(self) -> "dict[str, Figure]":
        """The public figures by name."""
        from evenhand.explain.plots import public_figures

        return public_figures(self)
