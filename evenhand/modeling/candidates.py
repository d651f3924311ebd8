"""The classifiers that a search chooses among, each with its space."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import InvalidParameterError

from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.modeling.space import Choice, Dimension, Range, Space, parse_dimension

__all__ = ["CANDIDATES", "HIDDEN_UNITS", "Candidate", "get_candidates", "refused_values"]

HIDDEN_UNITS = 64


@dataclass(frozen=True)
class Candidate:
    """A kind of classifier and the space of its parameters.

    Attributes
    ----------
    name
        What configurations and results call it.
    simplicity
        Rank: 0 is the simplest to interpret. ``prefer: simplest`` goes by it.
    scale
        Whether it needs standardised numbers.
    space
        Its dimensions by parameter name.
    defaults
        A point that serves most data: the first one that a Bayesian search tries.
    build
        The estimator's class or a function like it.
    fixed
        Parameters that no search changes.
    """

    name: str
    simplicity: int
    scale: bool
    space: Space
    defaults: Mapping[str, Any]
    build: Callable[..., ClassifierMixin] = field(repr=False)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def make(self, params: Mapping[str, Any], seed: int, n_classes: int = 2) -> ClassifierMixin:
        """An unfitted classifier with these parameters.

        Parameters
        ----------
        params
            Values by parameter name; what is left out keeps its default.
        seed
            Seed of everything random in the fit.
        n_classes
            Number of classes; scikit-learn's classifiers find it themselves, others may need it.
        """
        del n_classes
        return self.build(**{**self.fixed, **self.defaults, **params, "random_state": seed})

    def start(self) -> dict[str, Any]:
        """The first point to try: the defaults, or the middle of a dimension that leaves them out."""
        point = {}
        for name, dimension in self.space.items():
            default = self.defaults.get(name)
            point[name] = default if dimension.contains(default) else dimension.grid(1)[0]
        return point

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """A random point of the space."""
        return {name: dimension.sample(rng) for name, dimension in self.space.items()}


_LOGISTIC = Candidate(
    name="logistic",
    simplicity=0,
    scale=True,
    space=MappingProxyType({"C": Range(1e-4, 1e2, log=True)}),
    defaults=MappingProxyType({"C": 1.0}),
    build=LogisticRegression,
    fixed=MappingProxyType({"max_iter": 300}),
)

_BOOSTING = Candidate(
    name="boosting",
    simplicity=1,
    scale=False,
    space=MappingProxyType(
        {
            "learning_rate": Range(0.02, 0.3, log=True),
            "max_iter": Range(30, 100, log=True, integer=True),
            "max_leaf_nodes": Range(4, 32, log=True, integer=True),
            "min_samples_leaf": Range(5, 100, log=True, integer=True),
            "l2_regularization": Range(1e-6, 10.0, log=True),
        }
    ),
    defaults=MappingProxyType(
        {
            "learning_rate": 0.1,
            "max_iter": 60,
            "max_leaf_nodes": 12,
            "min_samples_leaf": 20,
            "l2_regularization": 1e-3,
        }
    ),
    build=HistGradientBoostingClassifier,
    # Early stopping would set rows aside that the folds do not know of.
    fixed=MappingProxyType({"early_stopping": False}),
)

# One rectified hidden layer and one output a class; for two classes scikit-learn keeps the single logit that two
# softmax outputs amount to. Training passes are a dimension: stopping early is this network's regularisation.
_PERCEPTRON = Candidate(
    name="perceptron",
    simplicity=2,
    scale=True,
    space=MappingProxyType(
        {
            "alpha": Range(1e-6, 1.0, log=True),
            "learning_rate_init": Range(5e-4, 2e-2, log=True),
            "max_iter": Range(4, 40, log=True, integer=True),
        }
    ),
    defaults=MappingProxyType({"alpha": 1e-3, "learning_rate_init": 3e-3, "max_iter": 12}),
    build=functools.partial(MLPClassifier, hidden_layer_sizes=(HIDDEN_UNITS,)),
    fixed=MappingProxyType({"activation": "relu"}),
)

CANDIDATES: Mapping[str, Candidate] = MappingProxyType(
    {candidate.name: candidate for candidate in (_LOGISTIC, _BOOSTING, _PERCEPTRON)}
)
"""The candidates by name, simplest first."""


def get_candidates(
    names: Sequence[str | Candidate], space: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Candidate, ...]:
    """The candidates of these names, with a person's changes to their spaces.

    Parameters
    ----------
    names
        Names out of :data:`CANDIDATES`, or candidates of one's own.
    space
        By candidate, by parameter: a range ``{"low": .., "high": .., "log": ..}``, a list of options or a fixed value.
        Any parameter of the estimator may stand there.

    Raises
    ------
    ConfigError
        Names that do not exist and ranges that are none; all at once, with the nearest name.
    """
    problems: list[Problem] = []
    chosen: dict[str, Candidate] = {}
    for name in names:
        candidate = name if isinstance(name, Candidate) else CANDIDATES.get(name)
        if candidate is None:
            problems.append(Problem("candidates", f"no candidate is called {shorten(name)}", nearest(name, CANDIDATES)))
        elif candidate.name in chosen:
            problems.append(Problem("candidates", f"{candidate.name!r} stands twice", "leave one out"))
        else:
            chosen[candidate.name] = candidate
    if not names:
        problems.append(Problem("candidates", "none is given", nearest("", CANDIDATES)))
    for name, changes in (space or {}).items():
        if name in chosen:
            chosen[name], wrong = _with_space(chosen[name], changes)
            problems += wrong
        elif name in CANDIDATES:
            continue  # a space for a candidate that this search leaves out says nothing wrong
        else:
            problems.append(Problem(f"space.{name}", "no such candidate", nearest(name, {*CANDIDATES, *chosen})))
    if problems:
        raise ConfigError("the search cannot start", problems)
    return tuple(chosen.values())


def _with_space(candidate: Candidate, changes: Mapping[str, Any]) -> tuple[Candidate, list[Problem]]:
    options = set(candidate.make({}, 0).get_params()) - {"random_state"}
    space: dict[str, Dimension] = dict(candidate.space)
    problems: list[Problem] = []
    for name, value in changes.items():
        where = f"space.{candidate.name}.{name}"
        if name not in options:
            problems.append(Problem(where, "the classifier has no such parameter", nearest(name, options)))
            continue
        dimension, wrong = parse_dimension(value, where)
        problems += wrong
        if dimension is not None:
            space[name] = dimension
    return replace(candidate, space=MappingProxyType(space)), problems


def refused_values(candidate: Candidate) -> Iterator[Problem]:
    """The options, or the ends of ranges, that the classifier takes in no fit: by scikit-learn's own constraints."""
    for name, value in ((name, value) for name, dimension in candidate.space.items() for value in dimension.grid(2)):
        where = f"space.{candidate.name}.{name}"
        classifier = candidate.make({name: value}, 0)
        if not hasattr(classifier, "_parameter_constraints"):
            return  # of somebody else: its fit will tell
        try:
            classifier._validate_params()  # noqa: SLF001 (what every fit of scikit-learn's begins with)
        except InvalidParameterError as error:
            rule = str(error).partition(" must ")[2].partition(" Got ")[0]
            yield Problem(where, f"{shorten(value)} is no value of it", f"it must {rule.rstrip('.')}")


def space_to_dict(candidate: Candidate) -> dict[str, Any]:
    """The space as JSON can hold it, for the digest of a search."""
    return {
        name: {"options": [repr(option) for option in dimension.options]}
        if isinstance(dimension, Choice)
        else {"low": dimension.low, "high": dimension.high, "log": dimension.log, "integer": dimension.integer}
        for name, dimension in candidate.space.items()
    }
