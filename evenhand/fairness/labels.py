"""Labels that occur, those that a model knows, and predictions that are no labels of the target."""

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from evenhand.exceptions import DataError, shorten

__all__ = ["known_labels", "refuse_other_terms", "refuse_strangers", "shown_labels"]

_MOST_SHOWN = 20


def known_labels(model: Any) -> list[Any] | None:
    """The labels that a model may predict: its `classes_`, none of its own where it is no classifier, None unknown.

    Examples
    --------
    >>> known_labels(lambda X: X["a"]) is None
    True
    """
    classes = getattr(model, "classes_", None)
    if classes is not None:
        found: list[Any] = np.asarray(classes).tolist()
        return found
    if not hasattr(model, "__sklearn_tags__"):
        return None
    from sklearn.base import is_clusterer, is_outlier_detector, is_regressor

    return [] if is_regressor(model) or is_outlier_detector(model) or is_clusterer(model) else None


def refuse_other_terms(true: Sequence[Any], predicted: Sequence[Any]) -> None:
    """Refuse labels of several kinds, and predictions that share none with the truth unless both may be of a target.

    Examples
    --------
    >>> refuse_other_terms([0], [1])
    >>> refuse_other_terms([1], ["1"])
    Traceback (most recent call last):
    ...
    evenhand.exceptions.DataError: the labels are [1] (int) and the predicted ones ['1'] (str): give both in the same \
terms
    """
    few = len(true) + len(predicted) <= 2
    if len(_kinds([*true, *predicted])) <= 1 and (few or set(true) & set(predicted)):
        return
    raise DataError(
        f"the labels are {shown_labels(true)} and the predicted ones {shown_labels(predicted)}: "
        "give both in the same terms"
    )


def refuse_strangers(
    true: Sequence[Any], predicted: Sequence[Any], favorable: Sequence[Any], known: Sequence[Any] | None
) -> None:
    """Refuse predicted labels that are none of the target's: with them another task would be audited.

    Parameters
    ----------
    true, predicted
        The labels that occur.
    favorable
        Those that are declared good.
    known
        The labels that may be predicted though no row has them. None where nobody says so: then rows of three labels
        and more may lack a fourth, while a target of two with one that is favorable is taken to have no third.

    Examples
    --------
    >>> refuse_strangers([0, 1, 2], [0, 3], [], None)
    >>> refuse_strangers([0, 1], [-1, 1], [1], [])
    Traceback (most recent call last):
    ...
    evenhand.exceptions.DataError: [-1] (int) is predicted, and the labels of the target are [0, 1] (int): turn the \
predictions into labels of the target; a label that no row has, but that may be predicted, is named by classes, or a \
model's classes_
    """
    may = {*true, *favorable, *(known or ())}
    strange = [label for label in predicted if label not in may]
    numbers = any(map(_fraction, strange)) and not any(map(_fraction, true))
    two = len(true) <= 2 and len(favorable) == 1 and len({*may, *predicted}) > 2
    if not strange or not (numbers or two or known is not None):
        return
    remedy = (
        "these are numbers as of a regression; cut them into labels, as in (model.predict(X) >= 0.5).astype(int)"
        if numbers
        else "turn the predictions into labels of the target; "
        "a label that no row has, but that may be predicted, is named by classes, or a model's classes_"
    )
    said = f"{shown_labels(strange)} {'is' if len(strange) == 1 else 'are'} predicted"
    raise DataError(f"{said}, and the labels of the target are {shown_labels(true)}: {remedy}")


def _fraction(label: Any) -> bool:
    """Whether a label is a number that no whole one stands for, such as 0.2 or an infinite one."""
    return isinstance(label, float) and not label.is_integer()


def shown_labels(labels: Sequence[Any]) -> str:
    """Labels as an error may show them; a column of so many values is none of labels, and may name people."""
    shown = shorten(list(labels)) if len(labels) <= _MOST_SHOWN else f"{len(labels):,} different values"
    return f"{shown} ({', '.join(sorted({type(label).__name__ for label in labels}))})"


def _kinds(labels: Sequence[Any]) -> set[type]:
    """The types of labels; numbers and booleans are one, since True is 1."""
    alike: dict[type, Any] = {float: Number | np.bool_, str: str}
    return {next((kind for kind, types in alike.items() if isinstance(x, types)), type(x)) for x in labels}
