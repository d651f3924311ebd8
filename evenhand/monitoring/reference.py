"""What a model's data, predictions and reasons looked like when it was registered: counts, and no row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import UNKNOWN, Dataset, are_favorable, favorable_labels
from evenhand.data.frames import value_text
from evenhand.data.people import PeopleRows, one_row_each
from evenhand.exceptions import DataError, shorten
from evenhand.explain import make_explainer
from evenhand.explain.attributions import Attributions, LocalExplainer
from evenhand.fairness.statistics import auc_delong
from evenhand.monitoring.profile import ColumnProfile, profile_column, profile_groups

__all__ = ["ROUNDING", "Reference", "attribution_values", "build_reference", "favorable_score", "make_watcher"]

_FORMAT = 1
_DECIMALS = 12
ROUNDING = 10.0**-_DECIMALS
"""What of an attribution, in log-odds or probability, says nothing: rounding leaves some 1e-16."""


@dataclass(frozen=True)
class Reference:
    """What later data are compared with.

    Attributes
    ----------
    features
        Every feature over the model's snapshot: all rows, or one of each person.
    groups
        Every sensitive attribute over the same rows, as :func:`evenhand.monitoring.profile.profile_groups` has it.
    prediction, score, target
        The predicted label, :func:`favorable_score` and the outcome on the test part; `score` is None without
        probabilities.
    attributions
        The attribution to each feature, over a sample of the test part; empty where nobody asked for them.
    people
        Which rows of a person count: ``one``, or ``all`` as if they did not depend on one another.
    correct, rows
        Correct decisions and rows of the test part.
    auc, auc_variance
        The area under the ROC curve there with DeLong's variance, for two labels; else None.
    classes, favorable_label
        The labels as text; the favorable one, a list of several, or None.
    """

    features: Mapping[str, ColumnProfile]
    groups: Mapping[str, ColumnProfile]
    prediction: ColumnProfile
    score: ColumnProfile | None
    target: ColumnProfile
    correct: int
    rows: int
    classes: tuple[str, ...]
    favorable_label: str | list[str] | None = None
    auc: float | None = None
    auc_variance: float | None = None
    attributions: Mapping[str, ColumnProfile] = field(default_factory=dict)
    people: PeopleRows = "one"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; :meth:`from_dict` is the way back."""

        def all_of(profiles: Mapping[str, ColumnProfile]) -> dict[str, Any]:
            return {name: profile.to_dict() for name, profile in profiles.items()}

        return {
            "format": _FORMAT,
            "features": all_of(self.features),
            "groups": all_of(self.groups),
            "attributions": all_of(self.attributions),
            "prediction": self.prediction.to_dict(),
            "score": None if self.score is None else self.score.to_dict(),
            "target": self.target.to_dict(),
            "correct": self.correct,
            "rows": self.rows,
            "classes": list(self.classes),
            "favorable_label": self.favorable_label,
            "auc": self.auc,
            "auc_variance": self.auc_variance,
            "people": self.people,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reference":
        """The reference that :meth:`to_dict` wrote.

        Raises
        ------
        DataError
            When it has another format.
        """
        if values.get("format") != _FORMAT:
            raise DataError(
                f"the reference has format {shorten(values.get('format'))} and this version reads {_FORMAT}: "
                "train the model again"
            )
        maps: dict[str, Any] = {
            name: {column: ColumnProfile.from_dict(each) for column, each in values[name].items()}
            for name in ("features", "groups", "attributions")
        }
        single: dict[str, Any] = {
            name: None if values[name] is None else ColumnProfile.from_dict(values[name])
            for name in ("prediction", "score", "target")
        }
        plain = {name: values[name] for name in ("correct", "rows", "favorable_label", "auc", "auc_variance")}
        return cls(**maps, **single, **plain, classes=tuple(values["classes"]), people=values.get("people", "one"))


def build_reference(
    whole: Dataset,
    test: Dataset,
    y_pred: npt.ArrayLike,
    y_proba: npt.NDArray[np.float64] | None,
    *,
    classes: Sequence[Any],
    attributions: Attributions | None = None,
    bins: int = 10,
    min_cell: int = 10,
    people: PeopleRows = "one",
) -> Reference:
    """Profile a model's data and what it says on its test part.

    Parameters
    ----------
    whole
        All rows of the snapshot.
    test
        Its test part, m rows.
    y_pred, y_proba
        Predicted labels, shape (m,), and probabilities in the order of `classes`, shape (m, k).
    classes
        The model's labels.
    attributions
        Of rows of the test part.
    bins, min_cell
        As in :func:`evenhand.monitoring.profile.profile_column`.
    people
        Which rows of a person count, here and at every look; of `test` those are chosen already.
    """
    if people == "one":
        whole = whole.take(one_row_each(whole))
    predicted = pd.Series(np.asarray(y_pred), name="prediction")
    truth = test.y.reset_index(drop=True)
    good = whole.favorable_label
    score = None if y_proba is None else favorable_score(y_proba, classes, good)
    auc = None
    if score is not None and len(classes) == 2 and good is not None:
        auc = auc_delong(are_favorable(truth, good), score)
    reasons = {} if attributions is None else _reasons(attributions, good, bins, min_cell)
    labels = [value_text(label) for label in classes]
    return Reference(
        features={str(name): profile_column(whole.X[name], bins=bins, min_cell=min_cell) for name in whole.X.columns},
        groups={
            str(name): profile_groups(whole.sensitive_features[name], unknown=UNKNOWN, min_cell=min_cell)
            for name in whole.sensitive_features.columns
        },
        prediction=_labels("prediction", predicted, labels),
        score=None if score is None else profile_column(pd.Series(score, name="score"), bins=bins, min_cell=min_cell),
        target=_labels("target", truth, labels),
        correct=int((predicted.to_numpy() == truth.to_numpy()).sum()),
        rows=len(test),
        classes=tuple(labels),
        favorable_label=_favorable(whole),
        auc=None if auc is None or np.isnan(auc.value) else auc.value,
        auc_variance=None if auc is None or np.isnan(auc.variance) else auc.variance,
        attributions=reasons,
        people=people,
    )


def _favorable(whole: Dataset) -> str | list[str] | None:
    good = [value_text(label) for label in favorable_labels(whole.favorable_label)]
    return good if len(good) > 1 else next(iter(good), None)


def favorable_score(proba: npt.NDArray[np.float64], classes: Sequence[Any], favorable: Any) -> npt.NDArray[np.float64]:
    """The probability of the favorable label, shape (n,), of several the sum; that of the likeliest one without any.

    Parameters
    ----------
    proba
        Shape (n, k), in the order of `classes`.
    classes, favorable
        The labels, and the favorable one, several of them or None.

    Examples
    --------
    >>> favorable_score(np.array([[0.2, 0.8]]), ["no", "yes"], "no").tolist()
    [0.2]
    >>> favorable_score(np.array([[0.25, 0.5, 0.25]]), ["bad", "fair", "good"], ["fair", "good"]).tolist()
    [0.75]
    """
    places = _places([value_text(label) for label in classes], favorable)
    return np.asarray(proba[:, places].sum(axis=1) if places else proba.max(axis=1))


def _places(names: Sequence[str], favorable: Any) -> list[int]:
    """Where the favorable labels stand among the labels as text."""
    good = {value_text(label) for label in favorable_labels(favorable)}
    return [place for place, name in enumerate(names) if name in good]


def make_watcher(model: Any, background: pd.DataFrame, *, favorable_label: Any = None, seed: int = 0) -> LocalExplainer:
    """The explainer whose attributions are compared over time: the same one at registration and at every look.

    Where a model has no exact form of SHAP, one order of the features against twenty rows is enough to see whether the
    distribution of the attributions moves; a person's reasons need more.

    Parameters
    ----------
    model
        A fitted classifier.
    background
        Its training rows.
    favorable_label
        Whose log-odds the attributions of two labels are of; of more every label is explained.
    seed
        Of the draws; the same one draws the same rows.
    """
    return make_explainer(model, background, favorable_label=favorable_label, background_rows=20, orders=1, seed=seed)


def attribution_values(made: Attributions, favorable: Any) -> npt.NDArray[np.float64]:
    """One figure a row and feature, shape (n, f): the favorable label's attribution, of several the sum of theirs.

    Where several labels are explained and none of them is favorable: the sum of the absolute attributions. What is
    left of a sum by rounding is 0, so that no column that moves nothing is watched for a change.
    """
    values = made.by_label
    if len(made.labels) == 1:
        found = values[:, :, 0]
    else:
        places = _places([value_text(label) for label in made.labels], favorable)
        found = values[:, :, places].sum(axis=2) if places else np.abs(values).sum(axis=2)
    return np.round(found, _DECIMALS) + 0.0


def _reasons(made: Attributions, favorable: Any, bins: int, min_cell: int) -> dict[str, ColumnProfile]:
    values = attribution_values(made, favorable)
    return {
        name: profile_column(pd.Series(values[:, at], name=name), bins=bins, min_cell=min_cell)
        for at, name in enumerate(made.features)
    }


def _labels(name: str, values: pd.Series, labels: Sequence[str]) -> ColumnProfile:
    """The labels of the model are no person's value: each keeps its cell."""
    cells = ColumnProfile(name, "categorical", (), categories=tuple(sorted(labels)))
    return cells.count(values)
