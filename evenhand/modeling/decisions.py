"""How good the decisions are that probabilities lead to, so that a change of the probabilities can be held to them."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold

from evenhand.modeling._values import check_positive_label
from evenhand.modeling.search_scoring import resolve_scorer

__all__ = ["Decided", "Decisions", "reads_decisions", "scorer_of_decisions"]

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

GROUPS = 20
"""Parts of the rows that the standard error of a difference of scores is read from, each left out once."""
EVEN = ("balanced", "resample")
"""Ways of weighting that make every class count as much as another."""


class Decided(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Answers with ready decisions, the codes in the first column, so that a scorer can be asked about them."""

    def __init__(self, n_classes: int = 2) -> None:
        self.n_classes = n_classes
        self.classes_ = np.arange(n_classes)

    def fit(self, X: FloatArray, y: FloatArray) -> "Decided":  # noqa: ARG002 - what makes it an estimator
        """Nothing: the decisions are ready."""
        return self

    def predict(self, X: FloatArray) -> Codes:
        """The first column, as codes."""
        return X[:, 0].astype(np.intp)


def reads_decisions(scorer: Any) -> bool:
    """Whether a scorer of scikit-learn's looks at the decisions alone, and not at probabilities.

    Examples
    --------
    >>> reads_decisions("balanced_accuracy"), reads_decisions("roc_auc_ovr_weighted")
    (True, False)
    """
    codes = np.array([0, 1, 0, 1])
    try:
        get_scorer(scorer)(Decided(), codes[:, None], codes)
    except AttributeError:  # it asks for probabilities or a decision function
        return False
    return True


def scorer_of_decisions(scorer: str, weighting: str) -> str:
    """What decisions are to be good by: the search's scorer, or what the weights of the training rows ask for.

    A scorer of probabilities says nothing of decisions. Weights that even out the classes do: each class counts as
    much as another, which balanced accuracy measures.

    Parameters
    ----------
    scorer
        The search's.
    weighting
        ``none``, ``balanced``, ``reweighing`` or ``resample``.

    Returns
    -------
    str
        A scorer's name, or "" when nothing was asked of the decisions.

    Examples
    --------
    >>> scorer_of_decisions("f1_macro", "none"), scorer_of_decisions("roc_auc", "balanced")
    ('f1_macro', 'balanced_accuracy')
    >>> scorer_of_decisions("roc_auc", "none")
    ''
    """
    if reads_decisions(scorer):
        return scorer
    return "balanced_accuracy" if weighting in EVEN else ""


@dataclass(frozen=True)
class Decisions:
    """How probabilities become decisions, and the scorer that these are to be good by.

    Attributes
    ----------
    scorer
        Any of scikit-learn's that reads decisions; see :func:`evenhand.modeling.search_scoring.resolve_scorer`.
    favorable_label
        The positive class of two; None means the last.
    threshold
        Of two classes the favorable one is decided at this probability; of more, the likeliest.

    Examples
    --------
    >>> decisions = Decisions("accuracy")
    >>> decisions.decide(np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]), ["a", "b", "c"]).tolist()
    [1, 0]
    """

    scorer: str
    favorable_label: Any = None
    threshold: float = 0.5

    def decide(self, probabilities: FloatArray, classes: list[Any]) -> Codes:
        """The code of the class that each row is given, shape (n,)."""
        if len(classes) > 2:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
        positive = classes.index(check_positive_label(self.favorable_label, classes))
        return np.where(probabilities[:, positive] >= self.threshold, positive, 1 - positive).astype(np.intp)

    def compare(
        self, truth: Codes, before: Codes, after: Codes, classes: list[Any], *, seed: int = 0
    ) -> tuple[float, float, float]:
        """The score of `before`, that of `after`, and the standard error of their paired difference.

        The error is that of a jackknife that leaves out one group of rows after the other, with the classes in
        their shares in each (Kott 2001, Journal of Official Statistics 17).

        Parameters
        ----------
        truth, before, after
            Class codes, shape (n,); each class needs two rows.
        classes
            What the codes count.
        seed
            Of the groups.
        """
        asked = resolve_scorer(self.scorer, classes, self.favorable_label).build()

        def score(decided: Codes, rows: Codes) -> float:
            with warnings.catch_warnings():
                # A class that is never predicted has no precision and is scored 0, as in the search.
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                return float(asked(Decided(len(classes)), decided[rows, None], truth[rows]))

        count = min(GROUPS, int(np.unique(truth, return_counts=True)[1].min()))
        kept = [rows for rows, _ in StratifiedKFold(count, shuffle=True, random_state=seed).split(truth, truth)]
        differences = np.array([score(after, rows) - score(before, rows) for rows in kept])
        error = float(np.sqrt((count - 1) * differences.var()))
        everything = np.arange(len(truth))
        return score(before, everything), score(after, everything), error
