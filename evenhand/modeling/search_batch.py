"""One batch of trials: its folds fitted in any order, its trials told in theirs."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evenhand.modeling.search_proposers import Proposal
from evenhand.modeling.search_pruning import FIRST_FOLDS, is_hopeless, project
from evenhand.modeling.search_results import Trial, best_trial
from evenhand.modeling.search_scoring import Scorer
from evenhand.modeling.search_worker import FoldOutcome, FoldTask, Outcome, Pool

__all__ = ["Batch", "Plan"]


@dataclass(frozen=True)
class Plan:
    """What every fold of every trial needs: where the encoded folds are, how to score, when to stop."""

    directory: Path
    scorer: Scorer
    folds: int
    prune: bool
    seed: int


@dataclass
class _Job:
    """One trial under way."""

    number: int
    proposal: Proposal
    incumbent: Trial | None
    outcomes: list[Outcome] = field(default_factory=list)
    trial: Trial | None = None


@dataclass(frozen=True)
class Batch:
    """Trials that run side by side.

    Attributes
    ----------
    plan
        What they share.
    history
        The trials of the batches before: all that a decision to prune may depend on.
    first
        Number of the first trial.
    proposals
        What to try.
    spared
        Proposals of this batch whose trials were done before the search was killed.
    """

    plan: Plan
    history: tuple[Trial, ...]
    first: int
    proposals: tuple[Proposal, ...]
    spared: list[Proposal] = field(default_factory=list)

    def run(self, pool: Pool, deadline: float | None) -> Iterator[Trial]:
        """The trials in order; the ones that the deadline (of `time.monotonic`) leaves undone are dropped.

        The very first trial of a search has no deadline, so that there is always one.
        """
        jobs = [self._job(offset) for offset in range(len(self.proposals))]
        stage = FIRST_FOLDS if self._may_prune() else self.plan.folds
        # The costly ones first, so that the batch does not end with one worker waiting for another.
        for job in sorted(jobs, key=lambda job: (-job.proposal.candidate.simplicity, job.number)):
            self._submit(job, pool, range(stage))
        told = 0
        while told < len(jobs):
            for job in jobs:
                self._advance(job, pool)
            while told < len(jobs) and (trial := jobs[told].trial) is not None:
                told += 1
                yield trial
            waiting = [o for job in jobs if job.trial is None for o in job.outcomes if not o.done()]
            if not waiting:
                continue
            limit = deadline if self.first + told > 0 else None
            if limit is not None and time.monotonic() >= limit:
                for outcome in waiting:
                    outcome.cancel()
                return
            pool.wait(waiting, None if limit is None else max(0.0, limit - time.monotonic()))

    def _may_prune(self) -> bool:
        return self.plan.prune and self.plan.folds >= FIRST_FOLDS + 2

    def _job(self, offset: int) -> _Job:
        proposal = self.proposals[offset]
        incumbent = best_trial(self.history) if self._may_prune() else None
        name = proposal.candidate.name
        # Every candidate gets a full trial, so that the table of preferences has a row for it.
        known = any(trial.candidate == name and trial.status == "complete" for trial in self.history)
        earlier = [*self.spared, *self.proposals[:offset]]
        exempt = not known and all(other.candidate.name != name for other in earlier)
        return _Job(self.first + offset, proposal, None if exempt else incumbent)

    def _submit(self, job: _Job, pool: Pool, folds: range) -> None:
        candidate, plan = job.proposal.candidate, self.plan
        for fold in folds:
            classifier = candidate.make(job.proposal.params, plan.seed, plan.scorer.n_classes)
            task = FoldTask(plan.directory, fold, candidate.scale, classifier, plan.scorer)
            job.outcomes.append(pool.submit(task))

    def _advance(self, job: _Job, pool: Pool) -> None:
        """Decide what the finished folds of a trial allow: go on, stop it, or close it."""
        if job.trial is not None or not all(outcome.done() for outcome in job.outcomes):
            return
        outcomes = [outcome.result() for outcome in job.outcomes]
        scores = tuple(outcome.score for outcome in outcomes)
        failed = next((outcome.reason for outcome in outcomes if not math.isfinite(outcome.score)), "")
        if failed:
            kept = scores[: next(i for i, score in enumerate(scores) if not math.isfinite(score))]
            job.trial = self._trial(job, outcomes, kept, status="failed", reason=failed)
        elif len(scores) == self.plan.folds:
            job.trial = self._trial(job, outcomes, scores, told=sum(scores) / len(scores))
        elif job.incumbent is not None and is_hopeless(scores, job.incumbent):
            told = project(scores, job.incumbent)
            reason = f"more than one standard error below trial {job.incumbent.number} on each of {len(scores)} folds"
            job.trial = self._trial(job, outcomes, scores, status="pruned", reason=reason, told=told)
        else:
            self._submit(job, pool, range(len(scores), self.plan.folds))

    def _trial(self, job: _Job, outcomes: list[FoldOutcome], scores: tuple[float, ...], **rest: object) -> Trial:
        seconds = sum(outcome.seconds for outcome in outcomes)
        name, params = job.proposal.candidate.name, job.proposal.params
        return Trial(job.number, name, params, scores, seconds=seconds, **rest)  # type: ignore[arg-type]
