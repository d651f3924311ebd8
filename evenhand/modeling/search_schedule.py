"""The order of a search: what is proposed when, what runs side by side, and what is told in which order."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evenhand.exceptions import SearchError
from evenhand.modeling.candidates import Candidate
from evenhand.modeling.search_fairness import Groups, Probe, deb_scores, incumbent
from evenhand.modeling.search_proposers import Proposal, Proposer
from evenhand.modeling.search_pruning import FIRST_FOLDS, is_hopeless, project
from evenhand.modeling.search_results import Trial, TrialFairness, best_trial
from evenhand.modeling.search_scoring import Scorer
from evenhand.modeling.search_worker import FoldOutcome, FoldTask, Outcome, Pool

__all__ = ["Plan", "Schedule"]


@dataclass(frozen=True)
class Plan:
    """What stays the same for every trial.

    Attributes
    ----------
    directory
        Where the encoded folds are.
    candidates, proposer
        What may be tried, and who says what is.
    scorer, folds, prune, seed
        How a trial is judged.
    batch_size
        How many trials may be under way at a time.
    groups, probes
        A limit on a disparity, and the groups of each fold's held-out rows.
    """

    directory: Path
    candidates: tuple[Candidate, ...]
    proposer: Proposer
    scorer: Scorer
    folds: int
    prune: bool
    seed: int
    batch_size: int
    groups: Groups | None = None
    probes: tuple[Probe, ...] = ()

    @property
    def wave(self) -> int:
        """Trials that are proposed at a time: half a batch, so that one half runs while the next is thought out."""
        return max(1, self.batch_size // 2)

    def known(self, number: int) -> int:
        """How many trials are told before the wave of trial `number` is proposed.

        It depends on the number alone, never on which trial happened to end first.
        """
        start = number - number % self.wave
        return start if self.batch_size == 1 else max(0, start - self.wave)

    def told(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials as the proposer is told of them."""
        if self.groups is None:
            return list(trials)
        return deb_scores(trials, self.groups.limit.kind, self.groups.limit.limit)

    def incumbent(self, trials: Sequence[Trial]) -> Trial | None:
        """What a running trial is compared with; with a limit only what keeps it may stop another."""
        return best_trial(trials) if self.groups is None else incumbent(trials)

    @property
    def may_prune(self) -> bool:
        """Whether a trial can be stopped: with too few folds, nothing would be saved."""
        return self.prune and self.folds >= FIRST_FOLDS + 2


@dataclass
class _Job:
    """One trial under way."""

    number: int
    proposal: Proposal
    incumbent: Trial | None
    outcomes: list[Outcome] = field(default_factory=list)
    trial: Trial | None = None


class Schedule:
    """A search from where it stands to the end of its budget.

    Parameters
    ----------
    plan
        What stays the same.
    done
        The trials of the log.
    pool
        Where folds are fitted.
    """

    def __init__(self, plan: Plan, done: Sequence[Trial], pool: Pool) -> None:
        self._plan, self._pool = plan, pool
        self._trials = list(done)
        self._jobs: list[_Job] = []
        self._proposals: list[Proposal] = [self._from_log(trial) for trial in done]
        # The wave that a kill has cut in two is proposed anew, and compared with what the log holds of it.
        del self._proposals[len(done) - len(done) % plan.wave :]
        self._exhausted = False

    def run(self, limit: int | None, deadline: float | None) -> Iterator[Trial]:
        """The trials to come, in order.

        Parameters
        ----------
        limit
            Number of trials, those of the log included, or None.
        deadline
            In seconds of `time.monotonic`, or None. What is then not done is dropped; the very first trial of a
            search has no deadline, so that there is always one.
        """
        while True:
            late = deadline is not None and bool(self._trials) and time.monotonic() >= deadline
            if late:
                self._drop()
                return
            self._propose(limit)
            if not self._jobs:
                return
            for job in self._jobs:
                self._advance(job)
            while self._jobs and (trial := self._jobs[0].trial) is not None:
                self._jobs.pop(0)
                self._trials.append(trial)
                yield trial
            waiting = [o for job in self._jobs if job.trial is None for o in job.outcomes if not o.done()]
            if waiting and self._may_wait(limit):
                left = None if deadline is None or not self._trials else max(0.0, deadline - time.monotonic())
                self._pool.wait(waiting, left)

    def _may_wait(self, limit: int | None) -> bool:
        """Whether there is nothing to propose before a fold is done."""
        number = len(self._proposals)
        return (
            self._exhausted or (limit is not None and number >= limit) or self._plan.known(number) > len(self._trials)
        )

    def _drop(self) -> None:
        for job in self._jobs:
            for outcome in job.outcomes:
                outcome.cancel()

    def _propose(self, limit: int | None) -> None:
        """Propose and hand in every wave that the trials told so far allow."""
        plan = self._plan
        while not self._exhausted:
            start = len(self._proposals)
            known = plan.known(start)
            if (limit is not None and start >= limit) or known > len(self._trials):
                return
            wave = plan.proposer.propose(plan.told(self._trials[:known]), self._proposals[known:], plan.wave)
            self._exhausted = len(wave) < plan.wave
            self._proposals += wave
            numbers = range(start, start + len(wave) if limit is None else min(start + len(wave), limit))
            self._start(numbers, known)

    def _start(self, numbers: range, known: int) -> None:
        for number in numbers[: max(0, len(self._trials) - numbers.start)]:
            self._check(self._trials[number], self._proposals[number])
        jobs = [self._job(number, known) for number in numbers if number >= len(self._trials)]
        self._jobs += jobs
        stage = FIRST_FOLDS if self._plan.may_prune else self._plan.folds
        # The costly ones first, so that they do not end last, alone.
        for job in sorted(jobs, key=lambda job: (-job.proposal.candidate.simplicity, job.number)):
            self._submit(job, range(stage))

    def _from_log(self, trial: Trial) -> Proposal:
        for candidate in self._plan.candidates:
            if candidate.name == trial.candidate:
                return Proposal(candidate, dict(trial.params))
        raise SearchError(f"trial {trial.number} of the log is of an unknown candidate: delete the log")

    def _check(self, trial: Trial, proposal: Proposal) -> None:
        if (trial.candidate, dict(trial.params)) != (proposal.candidate.name, proposal.params):
            raise SearchError(f"trial {trial.number} of the log is not the one that this search makes: delete the log")

    def _job(self, number: int, known: int) -> _Job:
        """A trial to run; the incumbent it is compared with is the best of the trials told to its wave."""
        proposal, told = self._proposals[number], self._trials[:known]
        if not self._plan.may_prune:
            return _Job(number, proposal, None)
        # Every candidate gets a full trial, so that the table of preferences has a row for it.
        name = proposal.candidate.name
        complete = any(trial.candidate == name and trial.status == "complete" for trial in told)
        under_way = any(other.candidate.name == name for other in self._proposals[known:number])
        exempt = not complete and not under_way
        return _Job(number, proposal, None if exempt else self._plan.incumbent(told))

    def _submit(self, job: _Job, folds: range) -> None:
        candidate, plan = job.proposal.candidate, self._plan
        for fold in folds:
            classifier = candidate.make(job.proposal.params, plan.seed, plan.scorer.n_classes)
            probe = plan.probes[fold] if plan.probes else None
            task = FoldTask(plan.directory, fold, candidate.scale, classifier, plan.scorer, probe)
            job.outcomes.append(self._pool.submit(task))

    def _advance(self, job: _Job) -> None:
        """Decide what the finished folds of a trial allow: wait, go on, stop it, or close it."""
        if job.trial is not None or not all(outcome.done() for outcome in job.outcomes):
            return
        outcomes = [outcome.result() for outcome in job.outcomes]
        scores = tuple(outcome.score for outcome in outcomes)
        bad = next((place for place, score in enumerate(scores) if not math.isfinite(score)), None)
        if bad is not None:
            job.trial = _trial(job, outcomes, scores[:bad], status="failed", reason=outcomes[bad].reason)
        elif len(scores) == self._plan.folds:
            fairness = None if self._plan.groups is None else _read(self._plan.groups, outcomes)
            job.trial = _trial(job, outcomes, scores, told=math.fsum(scores) / len(scores), fairness=fairness)
        elif job.incumbent is not None and is_hopeless(scores, job.incumbent):
            reason = f"more than one standard error below trial {job.incumbent.number} on each of {len(scores)} folds"
            told = project(scores, job.incumbent)
            job.trial = _trial(job, outcomes, scores, status="pruned", reason=reason, told=told)
        else:
            self._submit(job, range(len(scores), self._plan.folds))


def _read(groups: Groups, outcomes: list[FoldOutcome]) -> TrialFairness:
    """The disparity of a trial, from the counts of its folds."""
    parts = [outcome.counts for outcome in outcomes if outcome.counts is not None]
    return groups.read(tuple(sum(tables[1:], tables[0]) for tables in zip(*parts, strict=True)))


def _trial(job: _Job, outcomes: list[FoldOutcome], scores: tuple[float, ...], **rest: Any) -> Trial:
    seconds = sum(outcome.seconds for outcome in outcomes)
    return Trial(job.number, job.proposal.candidate.name, job.proposal.params, scores, seconds=seconds, **rest)
