"""Mitigated models as a service takes them: one frame in, labels out.

Some methods need the groups of the rows that they decide on. Where a model is stored and served there is one frame of
columns, so the sensitive attributes stand in it under names of their own, ``sensitive:race``, and nobody can overlook
in the model's signature that it needs them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from evenhand.data.dataset import Dataset
from evenhand.exceptions import ModelError
from evenhand.fairness.inputs import SENSITIVE_PREFIX, model_inputs
from evenhand.fairness.methods import TRUSTED_TYPES as METHOD_TYPES
from evenhand.fairness.methods import MitigationMethod

__all__ = ["TRUSTED_TYPES", "GroupAwareModel", "as_served", "as_taken", "decides_by_score", "plain_model"]

TRUSTED_TYPES = (*METHOD_TYPES, "evenhand.fairness.served.GroupAwareModel")
"""What a mitigated model holds beyond the types that skops trusts by itself."""


class GroupAwareModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A fitted model that needs the groups, behind the interface of one that does not.

    Parameters
    ----------
    model
        A fitted mitigation method that needs the sensitive attributes at prediction time.
    attributes
        Their names, in the order in which it was fitted with them.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from evenhand.fairness.methods import GroupThresholds
    >>> X, sex = pd.DataFrame({"x": [0.0, 1, 2, 3] * 5}), pd.DataFrame({"sex": ["f", "m"] * 10})
    >>> model = GroupThresholds(LogisticRegression(), cv=2).fit(X, [0, 0, 1, 1] * 5, sensitive_features=sex)
    >>> served = GroupAwareModel(model, ["sex"])
    >>> len(served.predict(X.assign(**{"sensitive:sex": sex["sex"]})))
    20
    """

    needs_sensitive_features: ClassVar[bool] = True

    def __init__(self, model: Any, attributes: Sequence[str]) -> None:
        self.model = model
        self.attributes = attributes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The sorted labels."""
        return np.asarray(self.model.classes_)

    def fit(self, X: Any, y: Any) -> "GroupAwareModel":
        """Refused: the model inside is fitted with groups."""
        del X, y
        raise ModelError("the model is fitted already: fit the mitigation method inside it, with sensitive_features")

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        """The label of each row, shape (n,)."""
        features, sensitive = self._parts(X)
        return np.asarray(self.model.predict(features, sensitive_features=sensitive))

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The probability of each class, shape (n, k)."""
        features, sensitive = self._parts(X)
        return np.asarray(self.model.predict_proba(features, sensitive_features=sensitive))

    def _parts(self, X: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        names = {SENSITIVE_PREFIX + name: name for name in self.attributes}
        missing = [name for name in names if name not in getattr(X, "columns", ())]
        if missing:
            raise ModelError(
                f"the model needs the sensitive attributes of the rows that it decides on: {', '.join(missing)} "
                "missing among the columns"
            )
        return X.drop(columns=list(names)), X[list(names)].rename(columns=names)


def as_served(model: Any, attributes: Sequence[str]) -> Any:
    """What is stored: a method that needs the groups takes them from its frame, any other model stays."""
    if isinstance(model, MitigationMethod) and model.needs_sensitive_features:
        return GroupAwareModel(model, [str(name) for name in attributes])
    return model


def as_taken(model: Any, part: Dataset) -> Dataset:
    """A part as the model takes it: with the sensitive attributes among the columns where it needs them."""
    X, _ = model_inputs(model, part)
    return part if X is part.X else replace(part, X=X, digest="")


def plain_model(model: Any) -> Any:
    """The pipeline that a method comes to when all it did was done once it was fitted; any other model stays.

    What changed the weights, the rows or the loss of its training is an ordinary scikit-learn model afterwards.
    """
    return model.plain() if isinstance(model, MitigationMethod) else model


def decides_by_score(model: Any) -> bool:
    """Whether a model's decisions follow from its probabilities alone, so that a threshold may be put on them."""
    decides = bool(getattr(type(model), "decides_by_score", not isinstance(model, MitigationMethod)))
    return decides and hasattr(model, "predict_proba")
