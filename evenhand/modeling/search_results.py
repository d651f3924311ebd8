"""What a search leaves: its trials, the best one, and the one that a preference for simplicity selects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evenhand.exceptions import SearchError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Prefer",
    "PreferenceRow",
    "SearchResult",
    "Status",
    "Trial",
    "TrialFairness",
    "best_trial",
    "near_optimal",
    "weigh_preferences",
]

Status = Literal["complete", "pruned", "failed"]
Prefer = Literal["best", "simplest"]


@dataclass(frozen=True)
class TrialFairness:
    """A trial's disparity on the held-out rows of its folds, where the search has a limit on one.

    Attributes
    ----------
    value
        The worst value over the attributes; NaN where it is undefined.
    attribute, between
        Where it is worst, and between which groups.
    inside
        Whether it keeps the limit in every group that counts.
    reason
        Why it is undefined or leaves groups out, else "".
    """

    value: float
    attribute: str
    between: tuple[str, ...]
    inside: bool
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The reading as JSON can hold it."""
        return {**self.__dict__, "value": _finite(self.value), "between": list(self.between)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TrialFairness":
        """The reading that :meth:`to_dict` wrote."""
        value = math.nan if data["value"] is None else float(data["value"])
        return cls(value, data["attribute"], tuple(data["between"]), bool(data["inside"]), data["reason"])


@dataclass(frozen=True)
class Trial:
    """One set of parameters and what cross-validation says of it.

    Attributes
    ----------
    number
        Its place in the search, from 0.
    candidate
        Name of the candidate.
    params
        Values by parameter name.
    scores
        Score of each fold that was evaluated, in order of the folds; greater is better.
    status
        ``complete``, ``pruned`` (stopped after its first folds, never selected) or ``failed`` (never selected).
    reason
        Why it was pruned or failed; empty when it is complete.
    told
        The score that the optimizer was told: the mean, the projection of a pruned trial, or None for a failed one.
    seconds
        Seconds of computing, over all its folds. Not part of equality.
    elapsed
        Seconds since the search began when the trial was done. Not part of equality.
    fairness
        Its disparity, where the search has a limit on one and the trial is complete.
    """

    number: int
    candidate: str
    params: Mapping[str, Any]
    scores: tuple[float, ...]
    status: Status = "complete"
    reason: str = ""
    told: float | None = None
    seconds: float = field(default=0.0, compare=False)
    elapsed: float = field(default=0.0, compare=False)
    fairness: TrialFairness | None = None

    @property
    def mean(self) -> float:
        """Mean score over the evaluated folds; NaN without any."""
        return float(np.mean(self.scores)) if self.scores else math.nan

    @property
    def std(self) -> float:
        """Standard deviation of the folds' scores (one degree of freedom off); NaN with fewer than two."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """Standard error of the mean, as if folds were independent; NaN with fewer than two folds."""
        return self.std / math.sqrt(len(self.scores)) if len(self.scores) > 1 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON can hold it."""
        return {
            "number": self.number,
            "candidate": self.candidate,
            "params": dict(self.params),
            "scores": list(self.scores),
            "mean": _finite(self.mean),
            "std": _finite(self.std),
            "status": self.status,
            "reason": self.reason,
            "told": self.told,
            "seconds": self.seconds,
            "elapsed": self.elapsed,
            **({} if self.fairness is None else {"fairness": self.fairness.to_dict()}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trial":
        """The trial that :meth:`to_dict` wrote."""
        names = ("number", "candidate", "params", "status", "reason", "told", "seconds", "elapsed")
        found = data.get("fairness")
        fairness = None if found is None else TrialFairness.from_dict(found)
        return cls(scores=tuple(data["scores"]), fairness=fairness, **{name: data[name] for name in names})


def near_optimal(trials: Sequence[Trial], selected: int, most: int) -> list[Trial]:
    """The best complete trials within one standard error of the best one, without the selected one.

    Parameters
    ----------
    trials
        All trials of a search.
    selected
        The number of the trial that the search selected.
    most
        How many at most.

    Examples
    --------
    >>> trials = [Trial(0, "a", {}, (0.7, 0.8)), Trial(1, "b", {}, (0.72, 0.76)), Trial(2, "b", {}, (0.1, 0.2))]
    >>> [trial.number for trial in near_optimal(trials, 0, 5)]
    [1]
    """
    complete = [trial for trial in trials if trial.status == "complete"]
    complete.sort(key=lambda trial: (-trial.mean, trial.number))
    if not complete:
        return []
    best = complete[0]
    least = best.mean - (0.0 if math.isnan(best.standard_error) else best.standard_error)
    return [trial for trial in complete if trial.mean >= least and trial.number != selected][:most]


@dataclass(frozen=True)
class PreferenceRow:
    """What choosing the best trial of one candidate costs against the best trial of all.

    Attributes
    ----------
    candidate, trial
        The candidate and the number of its best complete trial.
    simplicity
        The candidate's rank; 0 is the simplest.
    mean, standard_error
        Of that trial.
    cost
        How much mean score it gives up against the best trial, in units of the scorer.
    within_one_standard_error
        Whether the cost is at most the standard error of the best trial.
    selected_by
        The preferences that select it: ``best``, ``simplest``, both or none.
    """

    candidate: str
    trial: int
    simplicity: int
    mean: float
    standard_error: float | None
    cost: float
    within_one_standard_error: bool
    selected_by: tuple[Prefer, ...]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON can hold it."""
        return {**self.__dict__, "selected_by": list(self.selected_by)}


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial with the greatest mean, the earliest of equals; None when no trial is complete."""
    complete = [trial for trial in trials if trial.status == "complete"]
    return max(complete, key=lambda trial: (trial.mean, -trial.number)) if complete else None


def weigh_preferences(trials: Sequence[Trial], simplicity: Mapping[str, int]) -> tuple[PreferenceRow, ...]:
    """The table of what simplicity costs, simplest candidate first.

    ``simplest`` selects the simplest candidate whose best trial is within one standard error of the best of all
    (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3). Without a standard error only the best
    itself is within it.

    Parameters
    ----------
    trials
        At least one of them complete.
    simplicity
        Rank by candidate; 0 is the simplest.
    """
    best = best_trial(trials)
    if best is None:
        raise SearchError("no trial is complete, so none can be preferred")
    allowed = 0.0 if math.isnan(best.standard_error) else best.standard_error
    firsts = []
    for name in sorted(simplicity, key=lambda key: (simplicity[key], key)):
        first = best_trial([trial for trial in trials if trial.candidate == name])
        if first is not None:
            firsts.append(first)
    near = [first for first in firsts if best.mean - first.mean <= allowed]
    return tuple(_row(first, best, near, simplicity[first.candidate]) for first in firsts)


def _row(trial: Trial, best: Trial, near: Sequence[Trial], rank: int) -> PreferenceRow:
    choices: list[Prefer] = []
    if trial is best:
        choices.append("best")
    if trial is near[0]:
        choices.append("simplest")
    error, cost = _finite(trial.standard_error), best.mean - trial.mean
    return PreferenceRow(trial.candidate, trial.number, rank, trial.mean, error, cost, trial in near, tuple(choices))


@dataclass(frozen=True)
class SearchResult:
    """A finished search.

    Attributes
    ----------
    trials
        All of them, in order.
    best
        The complete trial with the greatest mean.
    selected
        The trial that `prefer` selects.
    scorer
        The scorer's name as it was used, e.g. ``roc_auc_ovr_weighted`` for ``roc_auc`` with three classes.
    preference
        What choosing each candidate costs.
    method, prefer, folds, seed
        As the search was asked.
    digest
        Of everything that determines the trials; two searches with one digest and number of trials are identical.
    seconds
        How long it took, all its resumptions together. Not part of equality.
    fairness
        With a limit: ``metric``, ``limit``, ``met`` (whether any trial keeps it) and ``front``, the numbers of the
        trials that no other beats in both score and disparity.
    """

    trials: tuple[Trial, ...]
    best: Trial
    selected: Trial
    scorer: str
    preference: tuple[PreferenceRow, ...]
    method: str
    prefer: Prefer
    folds: int
    seed: int
    digest: str
    seconds: float = field(default=0.0, compare=False)
    fairness: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        plain = ("scorer", "method", "prefer", "folds", "seed", "digest", "seconds")
        return {
            **{name: getattr(self, name) for name in plain},
            "n_trials": len(self.trials),
            "best": self.best.to_dict(),
            "selected": self.selected.to_dict(),
            "preference": [row.to_dict() for row in self.preference],
            "trials": [trial.to_dict() for trial in self.trials],
            "fairness": None if self.fairness is None else dict(self.fairness),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row a trial: number, candidate, parameters as ``param_NAME``, mean, std, status, seconds, reason."""
        rows = []
        for trial in self.trials:
            head = {"number": trial.number, "candidate": trial.candidate, "mean": trial.mean, "std": trial.std}
            params = {f"param_{name}": value for name, value in trial.params.items()}
            tail = {"status": trial.status, "folds": len(trial.scores), "seconds": trial.seconds}
            rows.append({**head, **params, **tail, "reason": trial.reason})
        return pd.DataFrame(rows)

    def preference_frame(self) -> pd.DataFrame:
        """The table of what simplicity costs, a row a candidate."""
        return pd.DataFrame([row.to_dict() for row in self.preference])

    def plot(self) -> "Figure":
        """Scores by trial with the best so far; see :func:`evenhand.modeling.search_plots.plot_search`."""
        from evenhand.modeling.search_plots import plot_search

        return plot_search(self)

    def plot_front(self) -> "Figure":
        """Score by disparity of every trial; only where the search had a limit on one."""
        from evenhand.modeling.search_plots import plot_front

        return plot_front(self)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
