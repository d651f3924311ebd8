"""How decisions hold when rows come a little otherwise than they did, for everybody and for each group."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import DataError
from evenhand.modeling._values import plain
from evenhand.modeling.robustness_checks import Checks
from evenhand.modeling.robustness_names import FIGURES
from evenhand.modeling.robustness_seen import Finding, Seen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Finding", "Robustness", "assess_robustness"]


@dataclass(frozen=True)
class Robustness:
    """Every figure of every check; of each, more is better.

    Attributes
    ----------
    findings
        By the names in :data:`FIGURES`.
    n
        Rows of the test part.
    rows
        How many of them were drawn for the checks that ask the model again.
    confidence, seed, min_cell
        As they were asked for.
    """

    findings: Mapping[str, Finding]
    n: int
    rows: int
    confidence: float
    seed: int
    min_cell: int
    seen: Mapping[str, Seen] = field(default_factory=dict, repr=False, compare=False)
    """By the same names what the figures rest on; distances of single rows are in it, so it is never written."""

    def at(self, confidence: float, *, exact: bool = False) -> "Robustness":
        """The same figures with intervals at another level, without deciding anything again.

        Parameters
        ----------
        confidence
            Of the intervals.
        exact
            Whether the limits have to hold at any level, as a verdict needs them: those of shares are then Clopper and
            Pearson's, and a median has none where no two order statistics enclose it at this level. What is shown has
            Wilson's, which at small levels miss more often than they say.
        """
        findings = {name: seen.at(confidence, exact=exact) for name, seen in self.seen.items()}
        return replace(self, findings=findings, confidence=confidence)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """By figure ``check, setting, unit, value, low, high, n, reason, groups``, as JSON knows it.

        ``groups`` holds ``value, low, high, n, reason`` by attribute and group. Undefined and withheld is None.
        """
        return {name: plain(found) for name, found in self.findings.items()}

    def to_frame(self) -> pd.DataFrame:
        """One line a figure for everybody (attribute and group empty), then one for each group."""
        lines: list[dict[str, Any]] = []
        for name, found in self.findings.items():
            head = {"figure": name, "check": found.check, "setting": found.setting}
            lines.append({**head, "attribute": "", "group": "", **_estimate(found)})
            for attribute, groups in found.groups.items():
                lines += [
                    {**head, "attribute": attribute, "group": group, **_estimate(one)} for group, one in groups.items()
                ]
        return pd.DataFrame(lines)

    def plot(self) -> "Figure":
        """The shares with their intervals, everybody's and each group's."""
        from evenhand.modeling.robustness_plots import plot_robustness

        return plot_robustness(self)


def _estimate(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("value", "low", "high", "n", "reason")}


def assess_robustness(
    model: Any,
    X: pd.DataFrame,
    y: npt.ArrayLike,
    sensitive_features: pd.DataFrame,
    *,
    background: pd.DataFrame,
    favorable_label: Any = None,
    decided: npt.ArrayLike | None = None,
    rows: int = 2000,
    noise: float = 0.1,
    missing: float = 0.1,
    label_noise: float = 0.05,
    shift: float = 2.0,
    band: float = 0.05,
    flip_rows: int = 100,
    min_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Robustness:
    """Try the model on rows that are noisy, have gaps, hold new categories, lie near the threshold or are denied.

    Columns are told apart by the dtypes of `background`; the sensitive attributes among the features of a model that
    takes them (``sensitive:race``) are never changed. What each figure is, :data:`FIGURES` says.

    Parameters
    ----------
    model
        A fitted classifier of raw rows: ``predict``, ``classes_`` and, for the figures about the threshold,
        ``predict_proba``.
    X, y, sensitive_features
        The test part, n rows each.
    background
        Training rows: what a standard deviation is, and which values and categories occur.
    favorable_label
        The label that is good for the person, or several of more than two; None leaves the smallest changes that flip
        a denial undefined.
    decided
        The model's labels of `X` where they are known already, shape (n,).
    rows
        At most so many test rows, drawn once, are asked about again.
    noise
        Of numbers, in standard deviations of the training rows.
    missing
        The share of values that are taken away.
    label_noise
        The share of test labels that are taken to be wrong.
    shift
        The factor by which each group's share may change.
    band
        How near the threshold a probability lies at the boundary.
    flip_rows
        At most so many denied rows are moved until they flip; fewer where a row has very many moves.
    min_cell
        Groups with fewer rows are withheld.
    confidence
        Of the intervals.
    seed
        Of the sample and of every perturbation: the same seed gives the same figures.

    Raises
    ------
    DataError
        The parts have different numbers of rows, or there is none.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"income": [float(value) for value in range(100)]})
    >>> y, sex = (X["income"] >= 50).astype(int), pd.DataFrame({"sex": ["f", "m"] * 50})
    >>> found = assess_robustness(
    ...     LogisticRegression().fit(X, y), X, y, sex, background=X, favorable_label=1, noise=0.01
    ... )
    >>> found.findings["noise_agreement"].value > 0.98, found.findings["unseen_agreement"].reason
    (True, 'no feature is a category')
    """
    _check_sizes(X, np.asarray(y), sensitive_features)
    checks = Checks(
        model,
        X,
        np.asarray(y),
        sensitive_features,
        background,
        np.asarray(model.predict(X) if decided is None else decided),
        favorable_label=favorable_label,
        rows=rows,
        min_cell=min_cell,
        seed=seed,
    )
    made: Iterable[Callable[[], Mapping[str, Seen]]] = (
        lambda: checks.noise(noise),
        lambda: checks.missing(missing),
        checks.unseen,
        lambda: checks.shift(shift),
        lambda: checks.label_noise(label_noise),
        lambda: checks.boundary(band, noise / 10),
        lambda: checks.flips(flip_rows),
    )
    seen = {name: found for make in made for name, found in make().items()}
    return Robustness({}, len(X), checks.size, confidence, seed, min_cell, seen).at(confidence)


def _check_sizes(X: pd.DataFrame, y: npt.NDArray[Any], sensitive_features: pd.DataFrame) -> None:
    if not len(X):
        raise DataError("there is no row to try the model on: give the test part")
    for name, part in (("y", y), ("sensitive_features", sensitive_features)):
        if len(part) != len(X):
            raise DataError(f"{name} has {len(part)} rows and X has {len(X)}: give the same rows to both")
