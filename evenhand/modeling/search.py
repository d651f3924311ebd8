"""The search for a candidate and its parameters by cross-validation."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import favorable_labels
from evenhand.exceptions import ConfigError, DataError, Problem, SearchError, nearest, shorten
from evenhand.modeling.candidates import CANDIDATES, Candidate, get_candidates, space_to_dict
from evenhand.modeling.fit import Resample, as_labels, check_weights
from evenhand.modeling.folds import encode_folds, encode_labels, make_folds
from evenhand.modeling.preprocessing import check_features
from evenhand.modeling.search_dask import open_dask_pool
from evenhand.modeling.search_fairness import FairnessLimit, Groups, eligible_trials, pareto_front
from evenhand.modeling.search_proposers import Method, make_proposer
from evenhand.modeling.search_results import Prefer, PreferenceRow, SearchResult, Trial, best_trial, weigh_preferences
from evenhand.modeling.search_schedule import Plan, Schedule
from evenhand.modeling.search_scoring import resolve_scorer
from evenhand.modeling.search_worker import Pool, open_pool
from evenhand.modeling.triallog import TrialLog

__all__ = ["Backend", "OnTrial", "search"]

Backend = Literal["local", "dask"]
OnTrial = Callable[[Trial, int, int | None], None]


def search(
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    resample: Resample | None = None,
    candidates: Sequence[str | Candidate] = tuple(CANDIDATES),
    method: Method = "bayes",
    scorer: str = "roc_auc",
    trials: int | None = 30,
    seconds: float | None = None,
    folds: int = 5,
    batch_size: int = 4,
    workers: int | None = None,
    backend: Backend = "local",
    prefer: Prefer = "best",
    prune: bool = True,
    space: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    log: Path | None = None,
    on_trial: OnTrial | None = None,
    favorable_label: Any = None,
    fairness: FairnessLimit | None = None,
) -> SearchResult:
    """Try candidates and parameters, score each by cross-validation, and select one.

    Parameters
    ----------
    X, y
        Raw features, shape (n, f), and labels, shape (n,).
    sample_weight
        Training weights, shape (n,): split with the folds, they reach every fit. Scores are not weighted.
    groups
        What must not straddle a fold, shape (n,).
    resample
        Balance the classes of the training folds only: ``over``, ``under`` or None.
    candidates
        Names out of :data:`evenhand.modeling.candidates.CANDIDATES`, or candidates of one's own.
    method
        ``bayes``, ``random`` or ``grid``.
    scorer
        Any of scikit-learn's scorers of classes; see :func:`evenhand.modeling.search_scoring.resolve_scorer`.
    trials, seconds
        The budget: a number of trials, seconds, or both (whichever ends first). Trials that are not done when the
        seconds are over are dropped; at least one trial is always made.
    folds
        Number of folds.
    batch_size
        Trials that may be under way at a time, proposed in two halves so that workers never wait. It belongs to the
        search's identity; the number of workers does not.
    workers
        Processes that fit at a time, each on one thread; all available cores when None.
    backend
        ``local``, or ``dask``: the cluster that the environment names fits the folds, on all of its workers; see
        :mod:`evenhand.modeling.search_dask`.
    prefer
        ``best``, or ``simplest``: the simplest candidate within one standard error of the best.
    prune
        Stop a hopeless trial after two folds; see :func:`evenhand.modeling.search_pruning.is_hopeless`.
    space
        Changes to the candidates' spaces; see :func:`evenhand.modeling.candidates.get_candidates`.
    seed
        Seed of folds, proposals, resampling and classifiers.
    log
        The trial log (JSON lines). A search that was killed goes on where its log ends.
    on_trial
        Called with every finished trial, the number of trials done and the budget in trials.
    favorable_label
        The positive class of scorers such as ``f1``, and the favorable one of a limit, which takes several as well.
    fairness
        A limit on a disparity: the best trial that keeps it is selected, and none outside it stops another. When no
        trial keeps it, those are selected from that exceed it least, and the result says so.

    Returns
    -------
    SearchResult
        The same for the same data, arguments and versions, on any number of workers and after any number of kills.

    Raises
    ------
    ConfigError, DataError
        What was asked for does not exist, or the data cannot be searched on.
    SearchError
        No trial was completed, or the log is of another search.
    ServiceError
        The Dask cluster does not answer.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(["u", "v"], 200)})
    >>> result = search(X, (X["a"] > 0).astype(int), candidates=["logistic"], trials=3, workers=1)
    >>> len(result.trials), result.best.mean > 0.99
    (3, True)
    """
    start = time.monotonic()
    chosen = get_candidates(candidates, space)
    _check(
        method=method,
        prefer=prefer,
        backend=backend,
        trials=trials,
        seconds=seconds,
        batch_size=batch_size,
        workers=workers,
    )
    data = _prepare(X, y, sample_weight, groups)
    score = resolve_scorer(scorer, data.classes, favorable_label)
    options = {"method": method, "folds": folds, "batch_size": batch_size, "prune": prune, "resample": resample}
    groups_of = _groups(fairness, data, favorable_label)
    header = {**options, "seed": seed, "scorer": [score.name, score.positive], **_identity(chosen, data)}
    header |= {} if groups_of is None else {"fairness": groups_of.identity()}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    parts = make_folds(data.codes, folds, groups=groups, seed=seed)

    def encode(directory: Path) -> None:
        scales = {candidate.scale for candidate in chosen}
        weighting = {"sample_weight": data.weights, "resample": resample}
        encode_folds(directory, X, data.codes, parts, scales=scales, seed=seed, **weighting)  # type: ignore[arg-type]

    def plan(directory: Path) -> Plan:
        proposer = make_proposer(method, chosen, seed)
        probes = () if groups_of is None else tuple(groups_of.probe(held) for _, held in parts)
        return Plan(directory, chosen, proposer, score, folds, prune, seed, batch_size, groups_of, probes)

    count = _workers(workers, batch_size * folds)
    run = _Run(plan, encode, open_dask_pool if backend == "dask" else partial(open_pool, count), start)
    with ExitStack() as stack:
        book = None if log is None else stack.enter_context(TrialLog(Path(log), {**header, "digest": digest}))
        found = run.trials(book, trials, seconds, on_trial)
    eligible, limited = _eligible(found, fairness)
    best, selected, rows = _select(eligible, chosen, prefer)
    asked = {"method": method, "prefer": prefer, "folds": folds, "seed": seed, "digest": digest}
    return SearchResult(found, best, selected, score.name, rows, seconds=found[-1].elapsed, fairness=limited, **asked)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Data:
    """The data as the search takes it, checked."""

    codes: npt.NDArray[np.intp]
    classes: list[Any]
    weights: npt.NDArray[np.float64] | None
    digest: str


def _prepare(
    X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None, groups: npt.ArrayLike | None
) -> _Data:
    check_features(X)
    labels = as_labels(y)
    if len(labels) != len(X):
        raise DataError(f"the target has {len(labels)} rows and the features {len(X)}: give the same rows to both")
    codes, classes = encode_labels(labels)
    weights = check_weights(sample_weight, len(X))
    return _Data(codes, classes, weights, _data_digest(X, codes, classes, weights, groups))


def _identity(candidates: tuple[Candidate, ...], data: _Data) -> dict[str, Any]:
    """What else determines the trials: candidates with their spaces and fixed parameters, data, versions."""
    return {
        "candidates": {candidate.name: space_to_dict(candidate) for candidate in candidates},
        "defaults": {c.name: repr(sorted(c.make({}, 0).get_params().items())) for c in candidates},
        "data": data.digest,
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "scikit-optimize")},
    }


def _check(**choices: Any) -> None:
    problems = []
    for name, known in (("method", Method), ("prefer", Prefer), ("backend", Backend)):
        options = get_args(known)
        if choices[name] not in options:
            problems.append(Problem(name, f"{shorten(choices[name])} is not known", nearest(choices[name], options)))
    trials, seconds = choices["trials"], choices["seconds"]
    if trials is None and seconds is None and choices["method"] != "grid":
        problems.append(Problem("trials", "the search has no budget", "give trials, seconds or both"))
    for name in ("trials", "seconds", "batch_size", "workers"):
        value = choices[name]
        if value is not None and not value > 0:
            problems.append(Problem(name, f"{shorten(value)} is not above 0", "give a positive number"))
    if problems:
        raise ConfigError("the search cannot start", problems)


def _workers(workers: int | None, useful: int) -> int:
    from joblib import cpu_count

    return min(cpu_count() if workers is None else workers, useful)


def _data_digest(
    X: pd.DataFrame,
    codes: npt.NDArray[np.intp],
    classes: list[Any],
    weights: npt.NDArray[np.float64] | None,
    groups: npt.ArrayLike | None,
) -> str:
    # Unlike a Dataset's digest this one depends on the order of rows: so do the folds.
    digest = hashlib.sha256(repr([list(X.columns), [str(d) for d in X.dtypes], [repr(c) for c in classes]]).encode())
    digest.update(pd.util.hash_pandas_object(X, index=False).to_numpy().tobytes())
    digest.update(codes.astype(np.int64).tobytes())
    for name, extra in ((b"weights", weights), (b"groups", groups)):
        if extra is not None:
            digest.update(name + pd.util.hash_array(np.asarray(extra, dtype=object)).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Run:
    """One search at work: what it takes to go on from a log."""

    plan: Callable[[Path], Plan]
    encode: Callable[[Path], None]
    pool: Callable[[], AbstractContextManager[Pool]]
    start: float

    def trials(
        self, log: TrialLog | None, limit: int | None, seconds: float | None, on_trial: OnTrial | None
    ) -> tuple[Trial, ...]:
        """All trials up to the budget: those of the log, then new ones, each logged before it counts."""
        done = list(log.trials[:limit]) if log is not None else []
        before = done[-1].elapsed if done else 0.0
        late = seconds is not None and bool(done) and before >= seconds
        if late or (limit is not None and len(done) >= limit):
            return tuple(done)
        with _scratch(log) as directory, self.pool() as pool:
            self.encode(directory)
            schedule = Schedule(self.plan(directory), done, pool)
            deadline = None if seconds is None else self.start - before + seconds
            for new in schedule.run(limit, deadline):
                trial = replace(new, elapsed=before + time.monotonic() - self.start)
                if log is not None:
                    log.append(trial)
                done.append(trial)
                if on_trial is not None:
                    on_trial(trial, len(done), limit)
        return tuple(done)


@contextmanager
def _scratch(log: TrialLog | None) -> Iterator[Path]:
    """A folder for the encoded folds, beside the log when there is one; what a killed search left there is cleared."""
    if log is None:
        path = Path(tempfile.mkdtemp(prefix="evenhand-folds-"))
    else:
        path = log.path.with_name(log.path.name + ".folds")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _select(
    trials: tuple[Trial, ...], candidates: tuple[Candidate, ...], prefer: Prefer
) -> tuple[Trial, Trial, tuple[PreferenceRow, ...]]:
    best = best_trial(trials)
    if best is None:
        reasons = sorted({trial.reason for trial in trials})
        raise SearchError(f"none of {len(trials)} trials is complete; reasons: {'; '.join(reasons[:3])}")
    rows = weigh_preferences(trials, {candidate.name: candidate.simplicity for candidate in candidates})
    number = next(row.trial for row in rows if prefer in row.selected_by)
    return best, next(trial for trial in trials if trial.number == number), rows


def _groups(fairness: FairnessLimit | None, data: _Data, favorable_label: Any) -> Groups | None:
    if fairness is None:
        return None
    if len(fairness.sensitive_features) != len(data.codes):
        raise DataError(
            f"the sensitive features have {len(fairness.sensitive_features)} rows and the target {len(data.codes)}: "
            "give the same rows to both"
        )
    favorable = [data.classes.index(label) for label in favorable_labels(favorable_label) if label in data.classes]
    return Groups(fairness, data.classes, favorable)


def _eligible(
    trials: tuple[Trial, ...], fairness: FairnessLimit | None
) -> tuple[tuple[Trial, ...], dict[str, Any] | None]:
    """The trials that may be selected, and what came of the limit."""
    if fairness is None or best_trial(trials) is None:
        return trials, None
    eligible, met = eligible_trials(trials, fairness.kind, fairness.limit)
    front = list(pareto_front(trials, fairness.kind))
    return tuple(eligible), {"metric": fairness.metric, "limit": fairness.limit, "met": met, "front": front}
