"""Attributions of many rows, summed up by feature, by band of its values, and by subgroup."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain.attributions import Attributions
from evenhand.explain.bands import Bands, shown_cells
from evenhand.order import group_order

__all__ = [
    "BandSummary",
    "FeatureSummary",
    "GroupSummary",
    "LabelSummary",
    "summarise_features",
    "summarise_groups",
]


@dataclass(frozen=True)
class BandSummary:
    """The attributions of the rows in one band of a feature; `n` and all values are None in a small cell.

    `q25`, `q50` and `q75` are quartiles of the attributions.
    """

    band: str
    n: int | None
    mean: float | None
    q25: float | None
    q50: float | None
    q75: float | None
    reason: str | None = None


@dataclass(frozen=True)
class LabelSummary:
    """A feature's attributions to one class: mean, mean size with its interval, and by band."""

    label: str
    mean: float
    mean_abs: float
    low: float
    high: float
    bands: tuple[BandSummary, ...]


@dataclass(frozen=True)
class FeatureSummary:
    """A feature's mean size of attribution over the rows (and classes), with its interval, and by class."""

    feature: str
    kind: str
    mean_abs: float
    low: float
    high: float
    by_label: tuple[LabelSummary, ...]


@dataclass(frozen=True)
class GroupSummary:
    """The attributions within one group of a sensitive attribute.

    `mean` and `mean_abs` map class to feature to value. `n` and both are None in a small cell.
    """

    attribute: str
    group: str
    n: int | None
    mean: dict[str, dict[str, float]] | None
    mean_abs: dict[str, dict[str, float]] | None
    reason: str | None = None


def summarise_features(
    attributions: Attributions, rows: pd.DataFrame, bands: dict[str, Bands], *, min_cell: int, confidence: float
) -> tuple[FeatureSummary, ...]:
    """Every feature, the largest mean size first.

    The interval is the normal one of a mean over the sampled rows, ``mean +- z * sd / sqrt(n)``.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    made = [
        _feature(attributions.by_label[:, j, :], attributions.labels, rows[name], bands[name], min_cell, z)
        for j, name in enumerate(attributions.features)
    ]
    return tuple(sorted(made, key=lambda feature: -feature.mean_abs))


def _feature(
    values: npt.NDArray[np.float64],
    labels: tuple[str, ...],
    column: pd.Series,
    bands: Bands,
    min_cell: int,
    z: float,
) -> FeatureSummary:
    codes = bands.codes(column)
    by_label = tuple(
        LabelSummary(
            label,
            float(values[:, k].mean()),
            *_mean_interval(np.abs(values[:, k]), z),
            _by_band(values[:, k], codes, bands, min_cell),
        )
        for k, label in enumerate(labels)
    )
    return FeatureSummary(bands.feature, bands.kind, *_mean_interval(np.abs(values).mean(axis=1), z), by_label)


def _mean_interval(values: npt.NDArray[np.float64], z: float) -> tuple[float, float, float]:
    mean = float(values.mean())
    half = z * float(values.std(ddof=1)) / float(np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return mean, max(0.0, mean - half), mean + half


def _by_band(
    values: npt.NDArray[np.float64], codes: npt.NDArray[np.intp], bands: Bands, min_cell: int
) -> tuple[BandSummary, ...]:
    counts = np.bincount(codes, minlength=len(bands.labels))
    made = []
    for code, (band, show) in enumerate(zip(bands.labels, shown_cells(counts.tolist(), min_cell), strict=True)):
        if counts[code] == 0:
            continue
        if not show:
            made.append(BandSummary(band, None, None, None, None, None, _small(min_cell)))
            continue
        inside = values[codes == code]
        q25, q50, q75 = np.quantile(inside, [0.25, 0.5, 0.75]).tolist()
        made.append(BandSummary(band, int(counts[code]), float(inside.mean()), q25, q50, q75))
    return tuple(made)


def summarise_groups(attributions: Attributions, sensitive: pd.DataFrame, *, min_cell: int) -> tuple[GroupSummary, ...]:
    """Mean attribution and mean size of attribution of each feature in each group of each sensitive attribute."""
    return tuple(
        summary for attribute in sensitive.columns for summary in _groups(attributions, sensitive[attribute], min_cell)
    )


def _groups(attributions: Attributions, groups: pd.Series, min_cell: int) -> list[GroupSummary]:
    counts = groups.astype(str).value_counts()
    counts = counts.reindex(sorted(counts.index, key=group_order))
    made = []
    for (group, count), show in zip(counts.items(), shown_cells(counts.tolist(), min_cell), strict=True):
        if not show:
            made.append(GroupSummary(str(groups.name), str(group), None, None, None, _small(min_cell)))
            continue
        inside = attributions.by_label[(groups.astype(str) == group).to_numpy()]
        made.append(
            GroupSummary(
                str(groups.name),
                str(group),
                int(count),
                _named(inside.mean(axis=0), attributions),
                _named(np.abs(inside).mean(axis=0), attributions),
            )
        )
    return made


def _named(values: npt.NDArray[np.float64], attributions: Attributions) -> dict[str, dict[str, float]]:
    """Values of shape (f, k) by class and feature."""
    return {
        label: dict(zip(attributions.features, values[:, k].tolist(), strict=True))
        for k, label in enumerate(attributions.labels)
    }


def _small(min_cell: int) -> str:
    return f"suppressed: fewer than {min_cell} rows, or another cell could be worked out from it"
