"""What all mitigation methods share: how they are fitted, how they predict, and what they refuse."""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from evenhand.exceptions import DataError, ModelError
from evenhand.fairness.methods._problem import (
    Codes,
    Floats,
    Problem,
    as_dense,
    attribute_names,
    combinations,
    fixed_draws,
    group_codes,
    group_labels,
    in_fitted_order,
    read_labels,
    read_weights,
    split_estimator,
    weight_argument,
)

__all__ = ["MitigationMethod"]


class MitigationMethod(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that is fitted with the groups of its rows.

    Frames may hold numbers, booleans, strings and missing values: a pipeline's own preprocessing is used, and a bare
    classifier gets ours. Sensitive columns travel as metadata and never stand among the features.

    Attributes
    ----------
    family
        ``preprocessing``, ``regularization``, ``ensemble`` or ``postprocessing``.
    multiclass
        Whether it works for more than two labels.
    needs_sensitive_features
        Whether it needs the groups at prediction time, too; otherwise they may be given and are only checked.
    decides_by_score
        Whether its decisions are the most probable labels, so that calibration and a threshold may follow.
    dense
        Whether it needs encoded rows as an array, where an encoder gives a sparse matrix.
    classes_, groups_, attributes_
        The sorted labels, the groups that it was fitted on, and the names of the sensitive columns that they cross.
    weights_reached_fit_
        Whether the training weights (those given, and the method's own) reached the classifier's fit.
    """

    family: ClassVar[str]
    multiclass: ClassVar[bool] = True
    needs_sensitive_features: ClassVar[bool] = False
    decides_by_score: ClassVar[bool] = False
    dense: ClassVar[bool] = False

    # scikit-learn's own way to say what a consumer asks for: a Pipeline then routes these without set_fit_request.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"sensitive_features": True, "sample_weight": True}
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"sensitive_features": True}
    __metadata_request__predict_proba: ClassVar[dict[str, bool]] = {"sensitive_features": True}
    __metadata_request__score: ClassVar[dict[str, bool]] = {"sensitive_features": True, "sample_weight": True}

    estimator: Any
    random_state: int
    classes_: npt.NDArray[Any]
    groups_: npt.NDArray[Any]
    attributes_: list[str]
    columns_: list[Any] | None
    weights_reached_fit_: bool

    def fit(
        self, X: Any, y: npt.ArrayLike, *, sensitive_features: Any = None, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Fit on these rows.

        Parameters
        ----------
        X, y
            Features, shape (n, f), and labels, shape (n,), of any kind.
        sensitive_features
            Frame or Series of the same rows; the groups are the intersections of its columns.
        sample_weight
            Training weights, shape (n,), or None.

        Raises
        ------
        DataError
            Rows, labels or groups that cannot be used.
        ModelError
            Labels that the method does not work for.
        """
        labels, codes, classes = read_labels(X, y)
        if len(classes) > 2 and not self.multiclass:
            raise ModelError(f"{type(self).__name__} is for two labels and the target has {len(classes)}")
        groups, cells = np.unique(group_labels(sensitive_features, len(labels)), return_inverse=True)
        if len(groups) < 2:
            raise DataError(f"all rows are of one group, {groups[0]!r}: there is nothing to compare")
        self.classes_, self.groups_ = classes, groups
        self.attributes_ = attribute_names(sensitive_features)
        self.n_features_in_ = np.shape(X)[1]
        self.columns_ = list(X.columns) if isinstance(X, pd.DataFrame) else None
        self.weights_reached_fit_ = True
        weights = read_weights(sample_weight, len(labels))
        seed = int(self.random_state)
        least = int(getattr(self, "minimum_group", 1))
        if least > 1:  # values that never came together here are a small group as well, and no strangers
            more = np.union1d(groups, np.array(combinations(sensitive_features), dtype=object))
            self.groups_, cells, groups = more, np.searchsorted(more, groups)[np.ravel(cells)], more
        if np.sum(np.bincount(np.ravel(cells)) >= least) < 2:
            raise DataError(f"fewer than two groups have {least} rows: give more rows, or lower minimum_group")
        encoded = self._encode(X, fit=True)
        self._fit(X, Problem(encoded, labels, codes, classes, np.ravel(cells), groups, weights, seed, least))
        return self

    def predict(self, X: Any, *, sensitive_features: Any = None) -> npt.NDArray[Any]:
        """The label of each row, shape (n,)."""
        codes = self._decide(X, self._groups(X, sensitive_features))
        return np.asarray(self.classes_[codes])

    def predict_proba(self, X: Any, *, sensitive_features: Any = None) -> Floats:
        """The probability of each class, shape (n, k)."""
        return self._probabilities(X, self._groups(X, sensitive_features))

    def score(
        self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None, *, sensitive_features: Any = None
    ) -> float:
        """The accuracy on these rows, which scikit-learn's searches take when they are given no other scorer.

        Scorers by name (``scoring="accuracy"``) call ``predict`` without metadata, so a method that needs the groups to
        predict is searched by this one, or by a scorer of the user's own that passes them.
        """
        decided = self.predict(X, sensitive_features=sensitive_features)
        return float(accuracy_score(y, decided, sample_weight=sample_weight))

    def plain(self) -> Any:
        """The ordinary scikit-learn model that a fitted method comes to, or the method itself where there is none."""
        return self

    def _draws(self, X: Any, groups: npt.NDArray[Any] | None) -> Floats:
        """A draw for each row from the columns of the fit alone: others that stand beside them change nothing."""
        own = X[self.columns_] if self.columns_ is not None and isinstance(X, pd.DataFrame) else X
        return fixed_draws(own, groups, int(self.random_state))

    def _groups(self, X: Any, sensitive_features: Any) -> Codes | None:
        check_is_fitted(self)
        if sensitive_features is None:
            if self.needs_sensitive_features:
                raise ModelError(
                    f"{type(self).__name__} needs the sensitive attribute at prediction time: pass sensitive_features"
                )
            return None
        given = in_fitted_order(sensitive_features, self.attributes_)
        return group_codes(group_labels(given, np.shape(X)[0]), self.groups_)

    def _encode(self, X: Any, *, fit: bool = False) -> Any:
        """The rows as the inner classifier takes them."""
        if fit:
            self.encoder_, self.classifier_ = split_estimator(self.estimator, X)
        if self.encoder_ is not None:
            X = self.encoder_.fit_transform(X) if fit else self.encoder_.transform(X)
        return as_dense(X) if self.dense and issparse(X) else X

    def _fit_one(self, Z: Any, labels: npt.NDArray[Any], weights: Floats | None, *, seed: int | None = None) -> Any:
        """A fitted clone of the inner classifier; notes when weights cannot reach it."""
        model = clone(self.classifier_)
        if seed is not None and "random_state" in model.get_params():
            model.set_params(random_state=seed)
        name = weight_argument(model)
        if weights is not None and name is None:
            self.weights_reached_fit_ = False
        return model.fit(Z, labels, **({} if weights is None or name is None else {name: weights}))

    def _fit(self, X: Any, problem: Problem) -> None:
        raise NotImplementedError

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        """Class codes, shape (n,)."""
        return np.asarray(np.argmax(self._probabilities(X, groups), axis=1), dtype=np.intp)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        raise NotImplementedError


class SingleModelMethod(MitigationMethod):
    """A method that ends in one classifier, which decides alone."""

    decides_by_score: ClassVar[bool] = True
    model_: Any

    def plain(self) -> Any:
        """The pipeline of encoder and classifier: all that was special about it was its training."""
        return as_pipeline(self.encoder_, self.model_)

    def _decide(self, X: Any, groups: Codes | None) -> Codes:
        del groups
        predicted = pd.Index(self.classes_).get_indexer(pd.Index(self.model_.predict(self._encode(X))))
        return np.asarray(predicted, dtype=np.intp)

    def _probabilities(self, X: Any, groups: Codes | None) -> Floats:
        del groups
        if not hasattr(self.model_, "predict_proba"):
            raise ModelError(f"{type(self.model_).__name__} gives no probabilities")
        return aligned_probabilities(self.model_, self._encode(X), self.classes_)


def aligned_probabilities(model: Any, Z: Any, classes: npt.NDArray[Any]) -> Floats:
    """A model's probabilities with a column for each of `classes`; those that it does not know get 0."""
    given = np.asarray(model.predict_proba(Z), dtype=np.float64)
    out = np.zeros((len(given), len(classes)))
    out[:, pd.Index(classes).get_indexer(pd.Index(model.classes_))] = given
    return out


def as_pipeline(encoder: Any, classifier: Any) -> Any:
    """Encoder and classifier as one flat pipeline; the bare classifier without an encoder."""
    if encoder is None:
        return classifier
    steps = encoder.steps if isinstance(encoder, Pipeline) else [("preprocess", encoder)]
    return Pipeline([*steps, ("classifier", classifier)])
