"""A limit on a disparity for the search: the best score among the trials that keep it.

Decisions are those of the held-out rows of all folds together. With two labels they come from the probability of the
favorable one, cut where the balanced accuracy of these rows is best (what a retrain's threshold does by default); with
more, the most probable label decides. Only counts leave a fold, so nothing of it depends on which worker was first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.modeling.search_results import Trial, TrialFairness, best_trial

__all__ = ["BINS", "FairnessLimit", "Groups", "Probe", "count_fold", "deb_scores", "eligible_trials", "pareto_front"]

BINS = 256
"""Cuts of the probability that are compared; its resolution is one in so many."""

Codes = npt.NDArray[np.intp]
Counts = tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True)
class FairnessLimit:
    """What every selected trial has to keep.

    Attributes
    ----------
    metric
        A disparity, such as ``demographic_parity_difference``.
    limit
        The largest difference, or the smallest ratio, allowed.
    sensitive_features
        One column for each attribute that it is about, in the order of the rows; the worst attribute counts.
    minimum_group
        Groups of fewer rows take no part, like ``unknown``.
    """

    metric: str
    limit: float
    sensitive_features: pd.DataFrame
    minimum_group: int = 20

    @property
    def kind(self) -> str:
        """Whether a difference or a ratio is bounded."""
        return "ratio" if self.metric.endswith("_ratio") else "difference"


@dataclass(frozen=True)
class Probe:
    """The groups of one fold's held-out rows, as a worker needs them.

    Attributes
    ----------
    codes, sizes
        Of each attribute, group codes (n,) and the number of groups.
    positive, n_classes
        Code of the favorable class of two, and how many classes there are.
    """

    codes: tuple[Codes, ...]
    sizes: tuple[int, ...]
    positive: int
    n_classes: int


def count_fold(probe: Probe, classifier: Any, X: Any, y: Codes) -> Counts:
    """Of each attribute, rows by group, class and (two classes) bin of the score or (more) predicted class."""
    chances = np.asarray(classifier.predict_proba(X))
    if probe.n_classes == 2:
        found = np.minimum((chances[:, probe.positive] * BINS).astype(np.intp), BINS - 1)
        wide, truth = BINS, (y == probe.positive).astype(np.intp)
    else:
        found, wide, truth = chances.argmax(axis=1), probe.n_classes, y
    shapes = [(size, probe.n_classes, wide) for size in probe.sizes]
    return tuple(
        np.bincount((codes * shape[1] + truth) * shape[2] + found, minlength=int(np.prod(shape))).reshape(shape)
        for codes, shape in zip(probe.codes, shapes, strict=True)
    )


class Groups:
    """A limit made ready for the folds of one search.

    Parameters
    ----------
    limit
        The limit.
    classes, favorable
        The labels, and the codes of the favorable ones; none when none is declared.

    Raises
    ------
    ConfigError
        The metric does not exist, or not for these labels.
    """

    def __init__(self, limit: FairnessLimit, classes: Sequence[Any], favorable: Sequence[int] = ()) -> None:
        self.limit, self._classes = limit, len(classes)
        self._declared = tuple(sorted(favorable))
        # Of two classes a table's second one is the favorable one.
        self._favorable = (1,) if self._classes == 2 and len(favorable) == 1 else self._declared
        self._positive = self._declared[0] if len(favorable) == 1 else self._classes - 1
        columns = {str(name): _labels(limit.sensitive_features[name]) for name in limit.sensitive_features.columns}
        found = {name: np.unique(labels, return_inverse=True) for name, labels in columns.items()}
        self._names = {name: tuple(groups.tolist()) for name, (groups, _) in found.items()}
        self._codes = {name: np.ravel(codes) for name, (_, codes) in found.items()}
        self._check()

    def _check(self) -> None:
        from evenhand.fairness.policies.families import metric_names

        limit, where = self.limit, "search.fairness"
        if not self._names:
            raise _refused(where, "there is no sensitive attribute", "name one under data.sensitive")
        if limit.metric not in metric_names():
            remedy = nearest(limit.metric, metric_names())
            raise _refused(where, f"there is no limit for {shorten(limit.metric)}", remedy)
        if not 0 < limit.limit < 1:
            raise _refused(where, f"the limit is {shorten(limit.limit)}", "give a number between 0 and 1")
        if self._classes == 2 and len(self._declared) != 1:
            what = "both labels are favorable" if self._declared else "no label is favorable"
            raise _refused(where, what, "name one as data.favorable_label")
        self.read(
            tuple(np.ones((len(names), self._classes, self._wide), dtype=np.int64) for names in self._names.values())
        )

    @property
    def _wide(self) -> int:
        return BINS if self._classes == 2 else self._classes

    def identity(self) -> dict[str, Any]:
        """What of it determines the trials, for the search's digest."""
        from hashlib import sha256

        digest = sha256()
        for name, codes in self._codes.items():
            digest.update(repr([name, self._names[name]]).encode() + codes.astype(np.int64).tobytes())
        asked = (self.limit.metric, self.limit.limit, self.limit.minimum_group)
        # One favorable label is told by the scorer's positive class.
        several = {"favorable": list(self._declared)} if len(self._declared) > 1 else {}
        return {"limit": list(asked), "groups": digest.hexdigest(), **several}

    def probe(self, rows: Codes) -> Probe:
        """The groups of these rows."""
        codes = tuple(part[rows] for part in self._codes.values())
        return Probe(codes, tuple(len(names) for names in self._names.values()), self._positive, self._classes)

    def read(self, counts: Counts) -> TrialFairness:
        """The worst disparity over the attributes, of the counts of all folds together."""
        tables = self._decide(counts)
        read = [self._read(name, table) for name, table in zip(self._names, tables, strict=True)]
        return max(read, key=lambda one: (isnan(one.value), -one.value if self.limit.kind == "ratio" else one.value))

    def _decide(self, counts: Counts) -> Counts:
        """Tables of group, class and decision."""
        if self._classes > 2:
            return counts
        # Decisions "at or above this bin": all rows of a group stand in every attribute's table, so any serves.
        by_bin = counts[0].sum(axis=0)
        above = by_bin[:, ::-1].cumsum(axis=1)[:, ::-1]
        rates = above / np.maximum(by_bin.sum(axis=1, keepdims=True), 1)
        cut = int(np.argmax(rates[1] - rates[0]))
        return tuple(
            np.stack([table[..., :cut].sum(axis=-1), table[..., cut:].sum(axis=-1)], axis=-1) for table in counts
        )

    def _read(self, name: str, table: npt.NDArray[np.int64]) -> TrialFairness:
        from evenhand.data.dataset import UNKNOWN
        from evenhand.fairness.policies.families import ConfusionCounts, families
        from evenhand.fairness.statistics.gaps import undefined_groups, worst_pair
        from evenhand.fairness.statistics.rates_by_group import pairs_of

        sizes = table.sum(axis=(1, 2))
        keep = [
            at
            for at, group in enumerate(self._names[name])
            if group != UNKNOWN and sizes[at] >= self.limit.minimum_group
        ]
        names = tuple(self._names[name][at] for at in keep)
        rates = families(self.limit.metric, ConfusionCounts(names, table[keep], self._favorable))
        pairs = pairs_of(rates)
        worst = worst_pair(pairs, self.limit.kind)  # type: ignore[arg-type]  # one of two words
        undefined = undefined_groups(rates)
        if worst is None:
            reason = "every rate is 0" if len(pairs) else f"fewer than two groups of {name} have this rate"
            return TrialFairness(nan, name, (), inside=False, reason=reason)
        value = float(pairs.gaps(self.limit.kind)[worst.at])  # type: ignore[arg-type]
        kept = value >= self.limit.limit if self.limit.kind == "ratio" else value <= self.limit.limit
        reason = f"undefined for {', '.join(undefined)}" if undefined else ""
        return TrialFairness(value, name, worst.names, inside=kept and not undefined, reason=reason)


def _labels(column: pd.Series) -> npt.NDArray[Any]:
    from evenhand.data.dataset import UNKNOWN

    return np.asarray(column.astype(object).where(column.notna(), UNKNOWN).astype(str).to_numpy(dtype=str))


def _refused(where: str, what: str, remedy: str) -> ConfigError:
    return ConfigError("the search cannot start", [Problem(where, what, remedy)])


def excess(trial: Trial, kind: str, limit: float) -> float:
    """How far a trial lies beyond the limit: 0 inside it, infinite where its disparity is not known."""
    found = trial.fairness
    if found is None or isnan(found.value):
        return float("inf")
    beyond = limit - found.value if kind == "ratio" else found.value - limit
    # A group without the rate keeps a trial out, however small the gap of the others.
    return max(beyond, 0.0) if found.inside or beyond > 0 else 1.0


def eligible_trials(trials: Sequence[Trial], kind: str, limit: float) -> tuple[list[Trial], bool]:
    """The complete trials inside the limit and whether there are any; without any, those that exceed it least."""
    complete = [trial for trial in trials if trial.status == "complete"]
    inside = [trial for trial in complete if trial.fairness is not None and trial.fairness.inside]
    if inside or not complete:
        return inside, True
    least = min(excess(trial, kind, limit) for trial in complete)
    return [trial for trial in complete if excess(trial, kind, limit) == least], False


def deb_scores(trials: Sequence[Trial], kind: str, limit: float) -> list[Trial]:
    """The trials as an optimizer is told of them: any inside the limit above any outside, those by their excess alone.

    A constraint and not a weighted sum: Deb (2000), "An efficient constraint handling method for genetic algorithms",
    Computer Methods in Applied Mechanics and Engineering 186:311-338. Pruned trials keep their projected score.

    Examples
    --------
    >>> inside = Trial(0, "a", {}, (0.7,), told=0.7, fairness=TrialFairness(0.05, "sex", (), inside=True))
    >>> outside = Trial(1, "a", {}, (0.9,), told=0.9, fairness=TrialFairness(0.30, "sex", (), inside=False))
    >>> [round(trial.told, 2) for trial in deb_scores([inside, outside], "difference", 0.1)]
    [0.7, 0.66]
    """
    told = [trial.told for trial in trials if trial.told is not None]
    if not told:
        return list(trials)
    spread = (max(told) - min(told)) or 1.0
    out = []
    for trial in trials:
        beyond = excess(trial, kind, limit) if trial.status == "complete" else 0.0
        score = min(told) - spread * min(beyond, 1.0) if beyond > 0 else trial.told
        out.append(replace(trial, told=score))
    return out


def incumbent(trials: Sequence[Trial]) -> Trial | None:
    """What a running trial is compared with: the best one inside the limit, or none."""
    return best_trial([trial for trial in trials if trial.fairness is not None and trial.fairness.inside])


def pareto_front(trials: Sequence[Trial], kind: str) -> tuple[int, ...]:
    """Numbers of the complete trials that no other beats in both score and disparity, best score first."""
    known = [trial for trial in trials if trial.status == "complete" and trial.fairness is not None]
    points: Mapping[int, tuple[float, float]] = {
        trial.number: (trial.mean, -_gap(trial, kind)) for trial in known if not isnan(_gap(trial, kind))
    }
    front = [
        number
        for number, (score, gain) in points.items()
        if not any(s >= score and g >= gain and (s > score or g > gain) for s, g in points.values())
    ]
    return tuple(sorted(front, key=lambda number: (-points[number][0], number)))


def _gap(trial: Trial, kind: str) -> float:
    assert trial.fairness is not None
    return 1 - trial.fairness.value if kind == "ratio" else trial.fairness.value
