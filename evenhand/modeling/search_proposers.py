"""Which parameters to try next: Bayesian, random and grid.

A proposer is a pure function of the search's seed and the trials before: nothing but the trial log is needed to go on
where a killed search stood.
"""

import itertools
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from evenhand.modeling.candidates import Candidate
from evenhand.modeling.search_results import Trial
from evenhand.modeling.space import Choice, Dimension, Range

__all__ = ["GRID_LEVELS", "Method", "Proposal", "Proposer", "make_proposer"]

Method = Literal["bayes", "random", "grid"]

GRID_LEVELS = 3
"""Values that a grid takes of each range."""

_DESIGN = 2
"""Points of a candidate that the Bayesian search takes from a space-filling sequence before it trusts a model."""


@dataclass(frozen=True)
class Proposal:
    """A candidate and the parameters to try."""

    candidate: Candidate
    params: dict[str, Any]

    @property
    def key(self) -> str:
        """Equal for equal proposals."""
        return _key(self.candidate.name, self.params)


class Proposer(Protocol):
    """Proposes batches."""

    def propose(self, history: Sequence[Trial], under_way: Sequence[Proposal], size: int) -> list[Proposal]:
        """The next `size` proposals after these trials and those under way; fewer when the space is exhausted."""


def make_proposer(method: Method, candidates: Sequence[Candidate], seed: int) -> Proposer:
    """The proposer of this method."""
    makers = {"bayes": _Bayes, "random": _Random, "grid": _Grid}
    proposer: Proposer = makers[method](tuple(candidates), seed)
    return proposer


def _key(name: str, params: Mapping[str, Any]) -> str:
    return json.dumps([name, dict(params)], sort_keys=True, default=repr)


def _tried(history: Sequence[Trial]) -> set[str]:
    return {_key(trial.candidate, trial.params) for trial in history}


def _fresh(candidate: Candidate, rng: np.random.Generator, tried: set[str]) -> Proposal | None:
    # A space of a few points runs out; 50 draws that all stood before are taken as that.
    for _ in range(50):
        proposal = Proposal(candidate, candidate.sample(rng))
        if proposal.key not in tried:
            return proposal
    return None


@dataclass(frozen=True)
class _Random:
    """Candidates in turn, parameters drawn at random without repetition."""

    candidates: tuple[Candidate, ...]
    seed: int

    def propose(self, history: Sequence[Trial], under_way: Sequence[Proposal], size: int) -> list[Proposal]:
        tried, wave = _tried(history) | {proposal.key for proposal in under_way}, list[Proposal]()
        first = len(history) + len(under_way)
        for number in range(first, first + size):
            rng = np.random.default_rng([self.seed, number])
            turn = number % len(self.candidates)
            order = [*self.candidates[turn:], *self.candidates[:turn]]
            drawn = (_fresh(candidate, rng, tried) for candidate in order)
            proposal = next((p for p in drawn if p is not None), None)
            if proposal is None:
                break
            tried.add(proposal.key)
            wave.append(proposal)
        return wave


@dataclass(frozen=True)
class _Grid:
    """All points of every candidate's grid, candidates in turn, each grid in a seeded order.

    The order matters only when the budget ends before the grid: then every corner had the same chance.
    """

    candidates: tuple[Candidate, ...]
    seed: int

    def propose(self, history: Sequence[Trial], under_way: Sequence[Proposal], size: int) -> list[Proposal]:
        first = len(history) + len(under_way)
        return self._points()[first : first + size]

    def _points(self) -> list[Proposal]:
        queues = []
        for index, candidate in enumerate(self.candidates):
            levels = [dimension.grid(GRID_LEVELS) for dimension in candidate.space.values()]
            points = [dict(zip(candidate.space, values, strict=True)) for values in itertools.product(*levels)]
            order = np.random.default_rng([self.seed, index]).permutation(len(points))
            queues.append([Proposal(candidate, points[i]) for i in order])
        turns = itertools.zip_longest(*queues)
        return [proposal for turn in turns for proposal in turn if proposal is not None]


@dataclass(frozen=True)
class _Suggestion:
    """A model's favourite point of one candidate, and the improvement on the best of all that it expects there."""

    proposal: Proposal | None
    improvement: float


@dataclass(frozen=True)
class _Bayes:
    """One Gaussian process a candidate; each place goes to the greatest expected improvement.

    A candidate begins with its defaults and two space-filling points. Then scikit-optimize's optimizer is told the
    candidate's trials, in their order, and asked; the candidates' answers compete by the improvement that they
    promise over the best of all. Points under way are told as if they had scored as well as their
    candidate's best ("constant liar", Ginsbourger et al., Kriging is well-suited to parallelize optimization, 2010).
    """

    candidates: tuple[Candidate, ...]
    seed: int
    _memory: dict[str, _Suggestion] = field(default_factory=dict, repr=False, compare=False)

    def propose(self, history: Sequence[Trial], under_way: Sequence[Proposal], size: int) -> list[Proposal]:
        design, lies = self._design(), list(under_way)
        for _ in range(size):
            number = len(history) + len(lies)
            proposal = design[number] if number < len(design) else self._improve(history, lies)
            if proposal is None:
                break
            lies.append(proposal)
        return lies[len(under_way) :]

    def _design(self) -> list[Proposal]:
        from scipy.stats import qmc

        rounds: list[list[Proposal]] = [[Proposal(candidate, candidate.start()) for candidate in self.candidates]]
        spread = []
        for index, candidate in enumerate(self.candidates):
            n, d = _DESIGN, len(candidate.space)
            rng = np.random.default_rng([self.seed, index])
            points = qmc.Halton(d, rng=rng).random(n) if d else np.zeros((n, 0))
            spread.append([Proposal(candidate, _params(candidate.space, point)) for point in points])
        rounds += [list(turn) for turn in zip(*spread, strict=True)]
        unique = {proposal.key: proposal for turn in rounds for proposal in turn}
        return list(unique.values())

    def _improve(self, history: Sequence[Trial], under_way: list[Proposal]) -> Proposal | None:
        told = [trial.told for trial in history if trial.told is not None]
        tried = _tried(history) | {proposal.key for proposal in under_way}
        best = max(told, default=0.0)
        offers = [self._suggest(candidate, history, under_way, best, tried) for candidate in self.candidates]
        open_ = [offer for offer in offers if offer.proposal is not None]
        return max(open_, key=lambda offer: offer.improvement).proposal if open_ else None

    def _suggest(
        self,
        candidate: Candidate,
        history: Sequence[Trial],
        under_way: list[Proposal],
        best: float,
        tried: set[str],
    ) -> _Suggestion:
        own = [trial for trial in history if trial.candidate == candidate.name]
        lies = [proposal for proposal in under_way if proposal.candidate.name == candidate.name]
        key = json.dumps([candidate.name, len(own), len(lies), best])
        if key not in self._memory:
            self._memory[key] = self._ask(candidate, own, lies, best, tried)
        return self._memory[key]

    def _ask(
        self, candidate: Candidate, own: list[Trial], lies: list[Proposal], best: float, tried: set[str]
    ) -> _Suggestion:
        index = self.candidates.index(candidate)
        rng = np.random.default_rng([self.seed, index, len(own), len(lies), 1])
        spare = _fresh(candidate, rng, tried)
        free = {name: dimension for name, dimension in candidate.space.items() if not _is_fixed(dimension)}
        scores = _targets(own)
        if spare is None or scores is None or not free:
            return _Suggestion(spare, -math.inf)
        points = [_point(free, trial.params) for trial in own] + [_point(free, lie.params) for lie in lies]
        scores = np.append(scores, np.full(len(lies), scores.max()))
        point, improvement = _ask_skopt(free, points, scores, best, int(rng.integers(2**31 - 1)))
        fixed = {name: dimension.grid(1)[0] for name, dimension in candidate.space.items() if name not in free}
        chosen = _params(free, point) | fixed
        proposal = Proposal(candidate, {name: chosen[name] for name in candidate.space})
        return _Suggestion(spare if proposal.key in tried else proposal, improvement)


def _is_fixed(dimension: Dimension) -> bool:
    return len(dimension.options) == 1 if isinstance(dimension, Choice) else dimension.low == dimension.high


def _targets(own: Sequence[Trial]) -> npt.NDArray[np.float64] | None:
    """The scores that the model learns, shape (m,), or None when every trial failed.

    A failed trial counts as the worst. Scores far below the median are cut there: how bad a bad point is says nothing
    about where the best one lies, and would flatten the model's view of the rest.
    """
    told = [trial.told for trial in own if trial.told is not None]
    if not told:
        return None
    scores = np.array([min(told) if trial.told is None else trial.told for trial in own])
    middle = float(np.median(scores))
    floor = middle - 3.0 * (float(scores.max()) - middle)
    return np.maximum(scores, floor) if floor < middle else scores


def _params(space: Mapping[str, Dimension], point: Sequence[Any] | npt.NDArray[np.float64]) -> dict[str, Any]:
    params = {}
    for (name, dimension), position in zip(space.items(), point, strict=True):
        if isinstance(dimension, Range):
            params[name] = dimension.at(float(position))
        elif isinstance(position, str):
            params[name] = dimension.options[int(position)]
        else:
            params[name] = dimension.options[min(int(position * len(dimension.options)), len(dimension.options) - 1)]
    return params


def _point(space: Mapping[str, Dimension], params: Mapping[str, Any]) -> list[Any]:
    # Options go to scikit-optimize by their place, as text: it takes numbers for an order and 1 for True.
    return [
        dimension.position(params[name]) if isinstance(dimension, Range) else str(dimension.options.index(params[name]))
        for name, dimension in space.items()
    ]


def _ask_skopt(
    space: Mapping[str, Dimension], points: list[list[Any]], scores: npt.NDArray[np.float64], best: float, seed: int
) -> tuple[list[Any], float]:
    """The point that scikit-optimize asks for, and the improvement over `best` that its model expects there."""
    from skopt import Optimizer
    from skopt.acquisition import gaussian_ei
    from skopt.learning import GaussianProcessRegressor
    from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern
    from skopt.space import Categorical, Real
    from threadpoolctl import threadpool_limits

    dimensions = [
        Real(0.0, 1.0) if isinstance(d, Range) else Categorical([str(i) for i in range(len(d.options))])
        for d in space.values()
    ]
    width = sum(1 if isinstance(d, Range) or len(d.options) == 2 else len(d.options) for d in space.values())
    kernel = ConstantKernel(1.0, (0.01, 1000.0)) * Matern(np.full(width, 0.5), [(0.05, 20.0)] * width, nu=2.5)
    model = GaussianProcessRegressor(kernel=kernel, normalize_y=True, noise="gaussian", random_state=seed % 2**31)
    # skopt's defaults (hedging over three acquisitions, 10,000 samples, two restarts) cost 30 s at 100 trials; this
    # costs tens of milliseconds an ask and finds as good points in these few dimensions.
    optimizer = Optimizer(
        dimensions,
        base_estimator=model,
        n_initial_points=1,
        acq_func="EI",
        acq_func_kwargs={"xi": 0.0},
        acq_optimizer="lbfgs",
        acq_optimizer_kwargs={"n_points": 1000, "n_restarts_optimizer": 2},
        random_state=seed,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        # It warns when it repeats a point; repetitions are replaced by the caller.
        warnings.filterwarnings("ignore", message="The objective has been evaluated", category=UserWarning)
        optimizer.tell(points, (-scores).tolist())
        point = optimizer.ask()
        at = optimizer.space.transform([point])
        improvement = float(gaussian_ei(at, optimizer.models[-1], y_opt=-best, xi=0.0)[0])
    return list(point), improvement
