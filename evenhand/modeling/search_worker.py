"""Fitting folds, here or in worker processes that share the encoded matrices."""

import contextlib
import functools
import math
import os
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sklearn.base import ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from threadpoolctl import ThreadpoolController

from evenhand.exceptions import SearchError, shorten
from evenhand.modeling.fit import fit_errors
from evenhand.modeling.folds import load_fold
from evenhand.modeling.search_fairness import Counts, Probe, count_fold
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
    probe: Probe | None = None


@dataclass(frozen=True)
class FoldOutcome:
    """The score of one fold, NaN with a reason when there is none, its seconds, and counts by group when asked for."""

    score: float
    seconds: float
    reason: str = ""
    counts: Counts | None = None


def fit_fold(task: FoldTask) -> FoldOutcome:
    """Fit on the fold's training rows with their weights and score on its test rows, on one thread."""
    start = time.perf_counter()
    fold = load_fold(task.directory, task.fold, scale=task.scale)
    with _threads().limit(limits=1), warnings.catch_warnings():
        # Whether a fit has settled and whether a metric is defined shows in the score, which is what counts here;
        # overflowing fits end as a failed trial with its reason.
        for category in (ConvergenceWarning, UndefinedMetricWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        try:
            task.classifier.fit(fold.X_train, fold.y_train, sample_weight=fold.weights)
            score = float(task.scorer.build()(task.classifier, fold.X_test, fold.y_test))
            counts = count_fold(task.probe, task.classifier, fold.X_test, fold.y_test) if task.probe else None
        except fit_errors as error:
            reason = f"fold {task.fold}: {type(error).__name__}: {shorten(str(error), 200)}"
            return FoldOutcome(math.nan, time.perf_counter() - start, reason)
    reason = "" if math.isfinite(score) else f"fold {task.fold}: the score is {score}"
    return FoldOutcome(score, time.perf_counter() - start, reason, counts)


@functools.cache
def _threads() -> ThreadpoolController:
    # Finding the thread pools takes as long as a small fit, and all of them are loaded with the candidates.
    return ThreadpoolController()


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


class _Fit:
    """An outcome that a helper has been given, or that the calling thread computes when it has to wait."""

    def __init__(self, task: FoldTask) -> None:
        self.task: FoldTask | None = task
        self.future: Any = None
        self._outcome: FoldOutcome | None = None

    def done(self) -> bool:
        return self._outcome is not None or (self.future is not None and self.future.done())

    def result(self) -> FoldOutcome:
        if self._outcome is None and self.future is not None:
            self._outcome = self.future.result()
        if self._outcome is None:
            self.compute()
        if self._outcome is None:
            raise SearchError("a fold was asked for after it had been given up")
        return self._outcome

    def compute(self) -> None:
        if self.task is not None:
            # A copy, so that the classifier that was handed in stays unfitted here as it does in a helper.
            self._outcome = fit_fold(replace(self.task, classifier=clone(self.task.classifier)))

    def cancel(self) -> bool:
        self.task = None
        return self.future.cancel() if self.future is not None else self._outcome is None


class _Team:
    """The calling thread and its helpers, which are processes: fits hold the interpreter's lock too long for threads.

    The caller fits folds itself whenever it would wait, so nothing stands still while helpers start.
    """

    def __init__(self, executor: Any, helpers: int) -> None:
        self._executor, self._helpers = executor, helpers
        self._queue: deque[_Fit] = deque()
        self._given: list[_Fit] = []

    def submit(self, task: FoldTask) -> Outcome:
        fit = _Fit(task)
        self._queue.append(fit)
        self._give()
        return fit

    def _give(self) -> None:
        """Keep one fold running and one waiting with every helper."""
        self._given = [fit for fit in self._given if not fit.done()]
        while self._queue and len(self._given) < 2 * self._helpers:
            fit = self._queue.popleft()
            if fit.task is not None:
                fit.future = self._executor.submit(fit_fold, fit.task)
                self._given.append(fit)

    def wait(self, outcomes: list[Outcome], seconds: float | None) -> None:
        self._give()
        if any(outcome.done() for outcome in outcomes):
            return
        if self._queue:
            self._queue.popleft().compute()
            return
        from concurrent.futures import FIRST_COMPLETED, wait

        futures = [outcome.future for outcome in outcomes if isinstance(outcome, _Fit)]
        wait(futures, timeout=seconds, return_when=FIRST_COMPLETED)


@contextlib.contextmanager
def open_pool(workers: int) -> Iterator[Pool]:
    """A pool of so many workers: the calling thread and, beyond one, helper processes.

    Helpers are started afresh, not forked, so that threads of the caller (a Prefect task has several) cannot leave
    them with a held lock. They end with the pool, at once when an error or an interruption ends it.
    """
    if workers <= 1:
        yield _Team(None, 0)
        return
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    executor = ProcessPoolExecutor(
        workers - 1,
        env=dict.fromkeys(_THREADS, "1"),
        timeout=300,
        initializer=_end_with_parent,
        initargs=(os.getpid(),),
    )
    finished = False
    try:
        for _ in range(workers - 1):
            executor.submit(_warm_up)
        yield _Team(executor, workers - 1)
        finished = True
    except BrokenProcessPool as error:
        raise SearchError(
            "a worker of the search died, most likely for want of memory: use fewer workers or fewer rows; "
            "with a trial log the same call goes on where it stood"
        ) from error
    finally:
        if not finished:
            _give_up_waiting(executor)
        executor.shutdown(wait=True, kill_workers=not finished)


def _give_up_waiting(executor: Any) -> None:
    """Take back what no helper has been given.

    The thread of loky (as of joblib 1.6) that ends its helpers forgets all work, then looks up whose turn is next: a
    KeyError with its traceback, or an InvalidStateError for work that was cancelled.
    """
    with contextlib.suppress(queue.Empty):
        while True:
            turn = executor._work_ids.get_nowait()  # noqa: SLF001 - loky has no public way
            work = executor._pending_work_items.pop(turn, None)  # noqa: SLF001
            if work is not None:
                work.future.cancel()


def _end_with_parent(parent: int) -> None:
    """Let a helper end within a second of its caller, which may have been killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _warm_up() -> None:
    """Import what fits need, while the caller is still encoding."""
    import sklearn.ensemble
    import sklearn.neural_network  # noqa: F401
