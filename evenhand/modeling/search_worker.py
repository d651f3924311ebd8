"""Fitting folds, here or in worker processes that share the encoded matrices."""

import contextlib
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from threadpoolctl import threadpool_limits

from evenhand.exceptions import SearchError, shorten
from evenhand.modeling.fit import fit_errors
from evenhand.modeling.folds import load_fold
from evenhand.modeling.search_scoring import Scorer

__all__ = ["FoldOutcome", "FoldTask", "Outcome", "Pool", "fit_fold", "open_pool"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


@dataclass(frozen=True)
class FoldTask:
    """One fit of one trial: an unfitted classifier and the fold to fit and score it on."""

    directory: Path
    fold: int
    scale: bool
    classifier: ClassifierMixin
    scorer: Scorer


@dataclass(frozen=True)
class FoldOutcome:
    """The score of one fold, NaN with a reason when there is none, and the seconds that it took."""

    score: float
    seconds: float
    reason: str = ""


def fit_fold(task: FoldTask) -> FoldOutcome:
    """Fit on the fold's training rows with their weights and score on its test rows, on one thread."""
    start = time.perf_counter()
    fold = load_fold(task.directory, task.fold, scale=task.scale)
    with threadpool_limits(1), warnings.catch_warnings():
        # Whether a fit has settled and whether a metric is defined shows in the score, which is what counts here;
        # overflowing fits end as a failed trial with its reason.
        for category in (ConvergenceWarning, UndefinedMetricWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        try:
            task.classifier.fit(fold.X_train, fold.y_train, sample_weight=fold.weights)
            score = float(task.scorer.build()(task.classifier, fold.X_test, fold.y_test))
        except fit_errors as error:
            reason = f"fold {task.fold}: {type(error).__name__}: {shorten(str(error), 200)}"
            return FoldOutcome(math.nan, time.perf_counter() - start, reason)
    reason = "" if math.isfinite(score) else f"fold {task.fold}: the score is {score}"
    return FoldOutcome(score, time.perf_counter() - start, reason)


class Outcome(Protocol):
    """A fold's outcome to come."""

    def result(self) -> FoldOutcome:
        """Wait for it."""

    def done(self) -> bool:
        """Whether it is there."""

    def cancel(self) -> bool:
        """Give it up when it has not begun."""


class Pool(Protocol):
    """Where folds are fitted."""

    def submit(self, task: FoldTask) -> Outcome:
        """Hand in one fold."""

    def wait(self, outcomes: list[Outcome], seconds: float | None) -> None:
        """Until one of them is done, or so many seconds have passed."""


class _Now:
    """An outcome that is computed when the pool has nothing else to do."""

    def __init__(self, task: FoldTask) -> None:
        self._task: FoldTask | None = task
        self._outcome: FoldOutcome | None = None

    def result(self) -> FoldOutcome:
        if self._outcome is None:
            if self._task is None:
                raise SearchError("a fold was asked for after it had been given up")
            self._outcome = fit_fold(self._task)
        return self._outcome

    def done(self) -> bool:
        return self._outcome is not None

    def cancel(self) -> bool:
        self._task = None
        return self._outcome is None


class _Here:
    """A pool of one worker: this very thread."""

    def submit(self, task: FoldTask) -> Outcome:
        return _Now(task)

    def wait(self, outcomes: list[Outcome], seconds: float | None) -> None:
        del seconds
        outcomes[0].result()


class _Processes:
    """A pool of processes: fits hold the interpreter's lock too long for threads."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def submit(self, task: FoldTask) -> Outcome:
        outcome: Outcome = self._executor.submit(fit_fold, task)
        return outcome

    def wait(self, outcomes: list[Outcome], seconds: float | None) -> None:
        from concurrent.futures import FIRST_COMPLETED, wait

        futures: list[Any] = list(outcomes)
        wait(futures, timeout=seconds, return_when=FIRST_COMPLETED)


@contextlib.contextmanager
def open_pool(workers: int) -> Iterator[Pool]:
    """A pool of so many workers; with one, fits run in the calling thread.

    Worker processes are started afresh, not forked, so that threads of the caller (a Prefect task has several) cannot
    leave them with a held lock. They end with the pool, at once when an error or an interruption ends it.
    """
    if workers <= 1:
        yield _Here()
        return
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    executor = ProcessPoolExecutor(workers, env=dict.fromkeys(_THREADS, "1"), timeout=300)
    finished = False
    try:
        for _ in range(workers):
            executor.submit(_warm_up)
        yield _Processes(executor)
        finished = True
    except BrokenProcessPool as error:
        raise SearchError(
            "a worker of the search died, most likely for want of memory: use fewer workers or fewer rows; "
            "with a trial log the same call goes on where it stood"
        ) from error
    finally:
        executor.shutdown(wait=True, kill_workers=not finished)


def _warm_up() -> None:
    """Import what fits need, while the caller is still encoding."""
    import sklearn.ensemble
    import sklearn.neural_network  # noqa: F401
