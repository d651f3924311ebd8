"""Whether a column still looks as it did: one test on the counts of two samples, and how large the change is."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc
from scipy.stats import fisher_exact

from evenhand.exceptions import DataError, shorten
from evenhand.monitoring.profile import ColumnProfile

__all__ = ["Drift", "measure_drift", "population_stability_index"]

LEAST_EXPECTED = 20.0
"""Cells that expect fewer rows in one of the samples are joined.

With so many the test keeps its level of 0.01, and the rate of false rejections is at most 1.3 times the level at 0.001
and twice at 0.0001, in simulations with 3 to 10 cells, references of 2,000 and 1,000,000 rows and batches of 200 to
600; with 10 expected rows it is three times. The test of the simulated years says what is left of that in use.
"""

ONE_CELL = "the reference has one cell for all values"
"""Nothing but missing values is seen then: of a version that was trained before cells were cut as they are now."""

_EXACT_BELOW = 200.0

Counts = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drift:
    """The comparison of one column with its reference.

    Attributes
    ----------
    name
        The column.
    p_value
        That both samples come from one distribution; None where undefined.
    psi
        Population stability index over the cells that were tested; None where undefined.
    cell, before, now
        The cell whose share changed most, and its two shares.
    n_reference, n
        Rows of both samples.
    reason
        Why there is no value, otherwise "".
    """

    name: str
    p_value: float | None
    psi: float | None
    cell: str = ""
    before: float | None = None
    now: float | None = None
    n_reference: int = 0
    n: int = 0
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def measure_drift(reference: ColumnProfile, current: ColumnProfile) -> Drift:
    """Compare a column with its reference.

    Parameters
    ----------
    reference, current
        Counts in the same cells.

    Raises
    ------
    DataError
        When the cells differ.

    Notes
    -----
    Pearson's chi-square test of homogeneity of a 2 x k table. The cells come from quantiles of the reference; that
    leaves the test its level, since the shares of the population between n sample quantiles have the same variances
    and covariances (those of a Dirichlet distribution) as counts of n rows in cells that were fixed beforehand. So has
    text: a value has a cell of its own only where chance did not choose it, and the others are cut at quantiles of an
    order that says nothing of how common they are (see :func:`evenhand.monitoring.categories.choose_cells`).
    Missing values are a cell, so one test sees a shift and a gap. Cells are joined by what both samples together
    expect, which says nothing about their difference. Two cells with few rows are compared by Fisher's exact test. What
    is too rare for a cell of its own (categories that are new, or missing values) could vanish in the cell it is joined
    to: its share is compared by Fisher's test as well, and the smaller p-value of the two counts twice (Bonferroni).
    Cells of so few rows that the reference does not tell of them are taken as they would be without a change, up to the
    most rows that may be withheld: 0 in their place was a change in every second look at rare values. The population
    stability index is taken over the cells of the test, the larger one of two: over many cells of few rows it is above
    any limit without a change.

    Examples
    --------
    >>> before = ColumnProfile("sex", "categorical", (500, 500, 0, 0), categories=("f", "m"))
    >>> now = ColumnProfile("sex", "categorical", (120, 80, 0, 0), categories=("f", "m"))
    >>> drift = measure_drift(before, now)
    >>> round(drift.p_value, 4), round(drift.psi, 3), drift.cell
    (0.0105, 0.04, 'f')
    """
    if current.cells != reference.cells:
        raise DataError(f"column {shorten(reference.name)} was counted in other cells than its reference")
    now = np.array(current.counts, dtype=np.float64)
    before = _possible(reference, now)
    sizes: dict[str, Any] = {"n_reference": reference.n, "n": current.n}
    if not before.sum() or not now.sum():
        where = "its reference" if not before.sum() else "the new data"
        return Drift(reference.name, None, None, reason=f"no rows in {where}", **sizes)
    shares = before / before.sum(), now / now.sum()
    at = int(np.argmax(np.abs(shares[1] - shares[0])))
    told: dict[str, Any] = {"cell": reference.labels[at], "before": float(shares[0][at]), "now": float(shares[1][at])}
    table, cut = np.stack([before, now]), np.array(reference.cut)
    tables = [each for each in (_joined(table, cut), _rare(table, cut)) if each.shape[1] > 1]
    if not tables:
        if np.count_nonzero(table.any(axis=0)) > 1:
            return Drift(reference.name, None, None, reason="too few rows for two cells", **told, **sizes)
        why = ONE_CELL if len(reference.counts) == 2 else "all rows are in one cell"
        return Drift(reference.name, None, None if why == ONE_CELL else 0.0, reason=why, **told, **sizes)
    p_value = min(1.0, len(tables) * min(map(_p_value, tables)))
    return Drift(reference.name, p_value, max(population_stability_index(*each) for each in tables), **told, **sizes)


def _possible(reference: ColumnProfile, now: Counts) -> Counts:
    """The reference's counts; what it withheld is taken as it would be without a change, as far as that is possible."""
    before = np.array(reference.counts, dtype=np.float64)
    if reference.withheld and now.sum():
        alike = np.round(before.sum() * now / now.sum()).clip(max=reference.withheld)
        before = np.where(before == 0, alike, before)
    return before


def population_stability_index(before: npt.ArrayLike, now: npt.ArrayLike) -> float:
    """Sum over the cells of (q - p) log(q / p), p and q the shares before and now, half a row added to each cell.

    Symmetric relative entropy, as credit scoring uses it (Siddiqi 2006, *Credit Risk Scorecards*, and its thresholds
    0.1 and 0.25). Without change its expectation is about (k - 1) (1/n + 1/m) and not 0.

    Parameters
    ----------
    before, now
        Counts in k cells, shape (k,).

    Examples
    --------
    >>> population_stability_index([50, 50], [50, 50])
    0.0
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    used = first + second > 0
    p, q = first[used] + 0.5, second[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _joined(table: Counts, cut: Mask) -> Counts:
    """Cells joined until each expects enough rows in both samples: neighbours where they were cut, else the smallest.

    What was cut at quantiles of the reference has as many rows there in each cell: by its size it would be in the order
    of the new rows. What is left of it is joined to the smallest of the other cells.
    """
    enough = _enough(table)
    columns: list[Counts] = [*table[:, cut].T, *sorted(table[:, ~cut].T, key=lambda column: float(column.sum()))]
    found: list[Counts] = []
    held = np.zeros(2)
    for column in columns:
        held = held + column
        if held.sum() >= enough:
            found.append(held)
            held = np.zeros(2)
    if held.sum() and found:
        found[-1] = found[-1] + held
    return np.stack(found, axis=1) if found else table.sum(axis=1, keepdims=True)


def _rare(table: Counts, cut: Mask) -> Counts:
    """What is too rare for a cell of its own against all the rest, shape (2, 2); (2, 1) where nothing is.

    What was cut is left out: its cells are joined to neighbours, which are alike.
    """
    enough = _enough(table)
    whole = np.asarray(table.sum(axis=1))
    rare = table[:, ~cut & (table.sum(axis=0) < enough)].sum(axis=1)
    if not 0 < rare.sum() < enough:
        return whole[:, None]
    return np.stack([rare, whole - rare], axis=1)


def _enough(table: Counts) -> float:
    """Rows of both samples together with which a cell expects enough in the smaller one."""
    return float(LEAST_EXPECTED / (table.sum(axis=1).min() / table.sum()))


def _p_value(table: Counts) -> float:
    """Pearson's test; Fisher's exact one for two cells with few rows, whose tail the approximation misses."""
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    expected = rows * columns / table.sum()
    if table.shape[1] == 2 and expected.min() < _EXACT_BELOW:
        return float(fisher_exact(table.astype(np.int64)).pvalue)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chdtrc(table.shape[1] - 1, statistic))
