"""Probabilities that mean what they say: calibration on the validation part, only where it helps.

The candidates are compared by cross-validation *within* the validation part: the fitted model is frozen, its scores
are computed once, and only the calibrators (one or two numbers, or a step function) are refitted in the folds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold

from evenhand.exceptions import ConfigError, ModelError, Problem, nearest, shorten
from evenhand.modeling._values import plain
from evenhand.modeling.decisions import Decisions

__all__ = ["TRUSTED_TYPES", "CalibrationCandidate", "CalibrationReport", "Method", "calibrate"]

Method = Literal["auto", "none", "isotonic", "sigmoid"]
FloatArray = npt.NDArray[np.float64]

TRUSTED_TYPES = ("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")
"""What a calibrated model needs beside skops' own list of trusted types; they hold arrays and numbers only."""

FOLDS = 5
MINIMUM_PER_CLASS = 20
"""Rows of the rarest class under which ``auto`` leaves the probabilities alone."""
ISOTONIC_ROWS = 1000
"""Rows under which ``auto`` does not try isotonic regression, which overfits small samples (scikit-learn's user
guide, section 1.16, names about a thousand)."""
CLIP = 1e-15


@dataclass(frozen=True)
class CalibrationCandidate:
    """What one way of calibrating gives on rows that its calibrator has not seen.

    Attributes
    ----------
    method
        ``none``, ``sigmoid`` or ``isotonic``.
    log_loss, brier
        Cross-validated within the validation part; lower is better; NaN when it was not tried.
    log_loss_difference, standard_error
        Mean over the rows of (this log-loss - that of ``none``), and the standard error of this paired mean.
    score, score_error
        What its decisions score by the report's `scorer`, cross-validated like the rest, and the standard error of the
        paired difference to ``none``; NaN where calibration changes no decision that was asked for.
    reason
        Why it was not tried, or why it was not chosen.
    """

    method: str
    log_loss: float = float("nan")
    brier: float = float("nan")
    log_loss_difference: float = float("nan")
    standard_error: float = float("nan")
    score: float = float("nan")
    score_error: float = float("nan")
    reason: str = ""


@dataclass(frozen=True)
class CalibrationReport:
    """What was chosen, why, and the figures of every candidate.

    Attributes
    ----------
    method
        What was applied: ``none``, ``sigmoid`` or ``isotonic``.
    requested
        What was asked for.
    reason
        Why this one.
    rule
        The rule that ``auto`` decides by, in words.
    n
        Rows of the validation part.
    candidates
        One entry for each method.
    scorer
        What the decisions were held to, or "".
    """

    method: str
    requested: str
    reason: str
    rule: str
    n: int
    candidates: tuple[CalibrationCandidate, ...] = ()
    scorer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON knows it; undefined figures are None."""
        result: dict[str, Any] = plain(self)
        return result

    def to_frame(self) -> pd.DataFrame:
        """One row a candidate."""
        return pd.DataFrame([plain(candidate) for candidate in self.candidates])


class _Scores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Hands ready scores to scikit-learn's calibrators, so that the model predicts once and not once a fold."""

    def __init__(self, classes: npt.NDArray[Any]) -> None:
        self.classes = classes
        self.classes_ = classes

    def fit(self, X: FloatArray, y: npt.NDArray[Any]) -> "_Scores":  # noqa: ARG002 - what makes it an estimator
        return self

    def decision_function(self, X: FloatArray) -> FloatArray:
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X: FloatArray) -> npt.NDArray[Any]:
        best = X.argmax(axis=1) if X.shape[1] > 1 else (X[:, 0] > 0).astype(int)
        return np.asarray(self.classes[best])


def calibrate(
    model: Any,
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    method: Method = "auto",
    standard_errors: float = 1.0,
    seed: int = 0,
    decisions: Decisions | None = None,
) -> tuple[Any, CalibrationReport]:
    """Calibrate the probabilities of a fitted model on the validation part when that helps.

    ``auto`` takes the candidate with the lowest cross-validated log-loss whose paired improvement over the model as it
    is exceeds `standard_errors` standard errors and whose Brier score is no worse; else it leaves the model alone.
    Where the calibrated probabilities decide by themselves, their decisions must not score lower either: the likeliest
    of several classes is another one after calibration, and training weights that raised a rare class are undone by it.

    Parameters
    ----------
    model
        A fitted classifier with ``predict_proba`` and ``classes_``; it is neither refitted nor changed.
    X, y
        The validation part, n rows, unseen by the model.
    method
        ``auto`` decides; ``none`` leaves the model as it is; ``sigmoid`` (Platt 1999) and ``isotonic`` (Zadrozny and
        Elkan 2002) are applied as asked for whenever each class has two rows.
    standard_errors
        The margin of ``auto``.
    seed
        Of the folds.
    decisions
        How the probabilities decide, and by what scorer ``auto`` keeps these decisions from becoming worse by more than
        `standard_errors` standard errors; None when a threshold is chosen afterwards, which makes up for it.

    Returns
    -------
    model, report
        The model itself, or ``CalibratedClassifierCV(FrozenEstimator(model))``, and the :class:`CalibrationReport`.

    Raises
    ------
    ConfigError
        For an unknown method.
    ModelError
        When the model gives no probabilities or `y` has a label that it does not know.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=2000)
    >>> X = pd.DataFrame({"a": a, "copy": a, "again": a})  # copies make naive Bayes over-confident
    >>> y = np.where(a + rng.normal(size=2000) > 0, "yes", "no")
    >>> model, report = calibrate(GaussianNB().fit(X[:1000], y[:1000]), X[1000:], y[1000:])
    >>> report.method
    'sigmoid'
    """
    _check_method(method)
    labels = _check_labels(model, y)
    rule = _rule(standard_errors, decisions)
    obstacle = _obstacle(labels, model.classes_, method)
    if method == "none" or obstacle:
        reason = obstacle or "asked for"
        return model, CalibrationReport("none", method, reason, rule, len(labels))
    enough = _rarest(labels, model.classes_) >= FOLDS
    candidates = _compare(model, X, labels, seed, decisions) if enough else []
    scorer = decisions.scorer if decisions else ""
    if method == "auto":
        chosen, reason = _choose(candidates, standard_errors, scorer)
    else:
        chosen, reason = method, "asked for" + _decided(candidates, method, scorer)
    report = CalibrationReport(chosen, method, reason, rule, len(labels), tuple(candidates), scorer)
    if chosen == "none":
        return model, report
    return _calibrator(model, chosen).fit(X, labels), report


def _rule(standard_errors: float, decisions: Decisions | None) -> str:
    rule = (
        f"lowest {FOLDS}-fold log-loss within validation, if better than none by more than {standard_errors:g} "
        "standard errors of the paired difference and with no worse Brier score"
    )
    if decisions is None:
        return rule
    return f"{rule}, and if the decisions score no lower by {decisions.scorer} beyond as many standard errors"


def _check_method(method: str) -> None:
    options = ("auto", "none", "isotonic", "sigmoid")
    if method not in options:
        problem = Problem("calibration.method", f"{shorten(method)} is no method", nearest(method, options))
        raise ConfigError("The probabilities cannot be calibrated:", [problem])


def _check_labels(model: Any, y: npt.ArrayLike) -> npt.NDArray[Any]:
    if not hasattr(model, "predict_proba"):
        raise ModelError(f"{type(model).__name__} has no predict_proba: choose a classifier that gives probabilities")
    labels = np.asarray(y)
    unknown = set(labels.tolist()) - set(np.asarray(model.classes_).tolist())
    if unknown:
        shown = ", ".join(shorten(label) for label in sorted(unknown, key=str)[:5])
        raise ModelError(f"labels that the model has never seen: {shown}; fit it on data that has every class")
    return labels


def _rarest(labels: npt.NDArray[Any], classes: npt.ArrayLike) -> int:
    return min(int((labels == label).sum()) for label in np.asarray(classes).tolist())


def _obstacle(labels: npt.NDArray[Any], classes: npt.ArrayLike, method: str) -> str:
    """Why these rows do not suffice, or ""."""
    if len(np.asarray(classes)) < 2:
        return "the model knows one class only"
    minimum = MINIMUM_PER_CLASS if method == "auto" else 2
    rarest = _rarest(labels, classes)
    if rarest < minimum:
        return f"the rarest class has {rarest} rows in validation and {minimum} are needed"
    return ""


def _calibrator(model: Any, method: str) -> CalibratedClassifierCV:
    # The model is frozen, so the inner folds only collect its predictions: two are the fewest that scikit-learn takes.
    return CalibratedClassifierCV(FrozenEstimator(model), method=method, ensemble=False, cv=2)


def _scores(model: Any, X: pd.DataFrame) -> FloatArray:
    """What scikit-learn would calibrate: the decision function, else the probabilities; shape (n, 1 or k)."""
    if hasattr(model, "decision_function"):
        values = np.asarray(model.decision_function(X), dtype=float)
        return values[:, None] if values.ndim == 1 else values
    values = np.asarray(model.predict_proba(X), dtype=float)
    return values[:, 1:] if values.shape[1] == 2 else values


def _compare(
    model: Any, X: pd.DataFrame, labels: npt.NDArray[Any], seed: int, decisions: Decisions | None
) -> list[CalibrationCandidate]:
    classes = np.asarray(model.classes_)
    onehot = (labels[:, None] == classes[None, :]).astype(float)
    probabilities = np.asarray(model.predict_proba(X), dtype=float)
    base = _losses(probabilities, onehot)
    candidates = [CalibrationCandidate("none", base[0].mean(), base[1].mean(), 0.0, 0.0)]
    scores = _scores(model, X)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(scores, labels))
    for method in ("sigmoid", "isotonic"):
        if method == "isotonic" and len(labels) < ISOTONIC_ROWS:
            reason = f"isotonic regression overfits under {ISOTONIC_ROWS} rows; validation has {len(labels)}"
            candidates.append(CalibrationCandidate(method, reason=reason))
            continue
        held_out = np.empty_like(probabilities)
        for rows, values in _held_out(scores, labels, classes, method, folds):
            held_out[rows] = values
        candidates.append(_candidate(method, _losses(held_out, onehot), base))
        if decisions is not None:
            truth, names = onehot.argmax(axis=1), classes.tolist()
            given, made = (decisions.decide(each, names) for each in (probabilities, held_out))
            before, after, error = decisions.compare(truth, given, made, names, seed=seed)
            candidates[0] = replace(candidates[0], score=before, score_error=0.0)
            candidates[-1] = replace(candidates[-1], score=after, score_error=error)
    return candidates


def _held_out(
    scores: FloatArray,
    labels: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    method: str,
    folds: Sequence[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]],
) -> Iterator[tuple[npt.NDArray[np.intp], FloatArray]]:
    for fitted, rows in folds:
        calibrator = _calibrator(_Scores(classes), method).fit(scores[fitted], labels[fitted])
        yield rows, calibrator.predict_proba(scores[rows])


def _losses(probabilities: FloatArray, onehot: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-loss and Brier score of every row, shape (n,) each; the Brier score in scikit-learn's scale."""
    of_the_truth = np.clip((probabilities * onehot).sum(axis=1), CLIP, 1.0)
    brier = ((probabilities - onehot) ** 2).sum(axis=1)
    return -np.log(of_the_truth), brier / 2 if onehot.shape[1] == 2 else brier


def _candidate(
    method: str, losses: tuple[FloatArray, FloatArray], base: tuple[FloatArray, FloatArray]
) -> CalibrationCandidate:
    difference = losses[0] - base[0]
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return CalibrationCandidate(
        method, float(losses[0].mean()), float(losses[1].mean()), float(difference.mean()), error
    )


def _choose(candidates: Sequence[CalibrationCandidate], standard_errors: float, scorer: str) -> tuple[str, str]:
    none = candidates[0]
    better = sorted(
        (
            candidate
            for candidate in candidates[1:]
            if -candidate.log_loss_difference > standard_errors * candidate.standard_error
            and candidate.brier <= none.brier
        ),
        key=lambda candidate: candidate.log_loss,
    )
    if not better:
        return "none", f"no candidate is better than the model as it is (log-loss {none.log_loss:.4f}) by the margin"
    harmless = [one for one in better if not none.score - one.score > standard_errors * one.score_error]
    best = (harmless or better)[0]
    losses = f"log-loss {best.log_loss:.4f} against {none.log_loss:.4f} of the model as it is"
    said = _decided(candidates, best.method, scorer)
    if not harmless:
        return "none", f"{best.method} would make the decisions worse{said}, though not the probabilities: {losses}"
    return best.method, losses + said


def _decided(candidates: Sequence[CalibrationCandidate], method: str, scorer: str) -> str:
    """What the decisions score after calibration and before it, or ""."""
    score = next((one.score for one in candidates if one.method == method), float("nan"))
    return "" if np.isnan(score) else f", {scorer} of the decisions {score:.4f} against {candidates[0].score:.4f}"
