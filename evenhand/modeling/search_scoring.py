"""The scorer of a search: any of scikit-learn's, made to fit the labels at hand."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    get_scorer_names,
    jaccard_score,
    make_scorer,
    precision_score,
    recall_score,
)

from evenhand.data.dataset import favorable_labels
from evenhand.exceptions import ConfigError, Problem, nearest, shorten

__all__ = ["Scorer", "class_scorers", "resolve_scorer"]

_POSITIVE: dict[str, tuple[Callable[..., float], dict[str, Any]]] = {
    "f1": (f1_score, {"zero_division": 0.0}),
    "precision": (precision_score, {"zero_division": 0.0}),
    "recall": (recall_score, {"zero_division": 0.0}),
    "jaccard": (jaccard_score, {"zero_division": 0.0}),
    "average_precision": (
        average_precision_score,
        {"response_method": ("decision_function", "predict_proba")},
    ),
    "neg_brier_score": (brier_score_loss, {"response_method": "predict_proba", "greater_is_better": False}),
}
"""Scorers of the positive class: which class that is must be said, since labels may be strings."""

_MULTICLASS = {
    "roc_auc": "roc_auc_ovr_weighted",
    "f1": "f1_weighted",
    "precision": "precision_weighted",
    "recall": "recall_weighted",
    "jaccard": "jaccard_weighted",
}
"""What a binary scorer's name means with more classes: one against the rest, weighted by the class's size."""


_REGRESSION = ("r2", "explained_variance", "d2_absolute", "neg_max", "neg_mean", "neg_median", "neg_root")
"""How the names of scorers of numbers begin: on class codes they would run, and mean nothing."""
_MULTILABEL = "_samples"
"""How the names of scorers of several labels at once end."""


def class_scorers() -> list[str]:
    """The names of scikit-learn's scorers that take one class a row.

    Examples
    --------
    >>> [name in class_scorers() for name in ("roc_auc", "r2", "f1_samples")]
    [True, False, False]
    """
    return [name for name in get_scorer_names() if not name.startswith(_REGRESSION) and not name.endswith(_MULTILABEL)]


@dataclass(frozen=True)
class Scorer:
    """A scorer by name, and the code of the class that counts as positive. Greater is better.

    Attributes
    ----------
    name
        A name that scikit-learn knows.
    positive
        Code of the positive class; used by scorers of one class, and only with two classes.
    n_classes
        Number of classes.
    """

    name: str
    positive: int
    n_classes: int

    def build(self) -> Callable[..., float]:
        """A function of (classifier, X, class codes) that returns the score."""
        if self.n_classes > 2 or self.name not in _POSITIVE:
            scorer: Callable[..., float] = get_scorer(self.name)
            return scorer
        function, options = _POSITIVE[self.name]
        made: Callable[..., float] = make_scorer(function, pos_label=self.positive, **options)
        return made


def resolve_scorer(name: str, classes: list[Any], favorable_label: Any = None) -> Scorer:
    """The scorer of this name for these classes.

    With more than two classes ``roc_auc``, ``f1``, ``precision``, ``recall`` and ``jaccard`` mean their averages over
    the classes, weighted by size. With two, the favorable label is the positive one; without one the greater label is,
    as in scikit-learn.

    Raises
    ------
    ConfigError
        scikit-learn has no such scorer, or it cannot score a classifier with these classes.
    """
    known = class_scorers()
    if name not in known:
        problem = Problem("scorer", f"scikit-learn has no scorer of classes {shorten(name)}", nearest(name, known))
        raise ConfigError("the search cannot start", [problem])
    good = [label for label in favorable_labels(favorable_label) if label in classes]
    positive = classes.index(good[0]) if len(good) == 1 else len(classes) - 1
    mapped = _MULTICLASS.get(name, name) if len(classes) > 2 else name
    scorer = Scorer(mapped, positive, len(classes))
    _try(scorer, name)
    return scorer


def _try(scorer: Scorer, name: str) -> None:
    # A classifier that guesses shows at once whether the scorer is one for classes and for this many of them.
    codes = np.arange(4 * scorer.n_classes) % scorer.n_classes
    X = np.zeros((len(codes), 1))
    guess = DummyClassifier(strategy="uniform", random_state=0).fit(X, codes)
    try:
        with warnings.catch_warnings():
            # A guess may leave a metric undefined; whether it can be computed at all is what is asked here.
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            scorer.build()(guess, X, codes)
    except (ValueError, TypeError) as error:
        remedy = f"choose another for {scorer.n_classes} classes: {shorten(str(error), 120)}"
        problem = Problem("scorer", f"{name!r} cannot score this target", remedy)
        raise ConfigError("the search cannot start", [problem]) from error
