"""The level that a feature's effect is measured from: its mean over many training rows in place of the few drawn."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain._model import FloatArray

__all__ = ["level_shift"]

_KNOTS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9)
_EDGES = (0.005, 0.995)
# Of standardised terms: keeps those that depend on one another apart, and hardly moves one that tells something.
_RIDGE = 1e-4
# With more columns each number is a straight line: the normal equations grow with the square of the terms.
_MOST_CURVES = 100


def level_shift(rows: pd.DataFrame, margins: FloatArray, drawn: pd.DataFrame) -> FloatArray:
    """By how much each feature's mean effect over many rows is above that over the drawn ones, shape (f[, k]).

    The effects are those of a sum of curves, one a feature, that is fitted to the margins of the many rows: a control
    variate. Where the model is no such sum the shift removes less of the draw's noise, and is still right on average,
    since any curve's mean over drawn rows is on average its mean over all (Glasserman 2003, section 4.1).

    Parameters
    ----------
    rows
        Many training rows, shape (m, f).
    margins
        The model's margin of each, shape (m,) or (m, k).
    drawn
        The few of them that stand for the average case, with the same columns.

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0.0, 1, 0, 1] * 25, "b": [0.0, 0, 1, 1] * 25})
    >>> level_shift(rows, 8 * rows["a"].to_numpy() + rows["b"].to_numpy(), rows[:2]).round(2).tolist()
    [0.0, 0.5]
    """
    from evenhand.modeling.preprocessing import make_preprocessor, source_columns

    encoder = make_preprocessor(rows, scale=False).fit(rows)
    position = {str(name): place for place, name in enumerate(rows.columns)}
    sources = np.array([position[name] for name in source_columns(encoder)], dtype=np.intp)
    many, few = (np.asarray(encoder.transform(each), dtype=np.float64) for each in (rows, drawn))
    shift = np.zeros((len(position), *margins.shape[1:]))
    places, terms, above = _terms(many, few)
    if len(places):
        slopes = _slopes(terms, margins - margins.mean(axis=0))
        np.add.at(shift, sources[places], (above * slopes.T).T)
    return shift


def _terms(many: FloatArray, few: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray, FloatArray]:
    """For each term its column, its standardised values in the many rows, and their mean above that in the few."""
    curved = many.shape[1] <= _MOST_CURVES
    places, terms, above = [], [], []
    for place in range(many.shape[1]):
        lowest, highest = np.quantile(many[:, place], _EDGES) if _numeric(many[:, place]) else (0.0, 1.0)
        own, drawn = (np.clip(each[:, place], lowest, highest) for each in (many, few))
        knots = np.unique(np.quantile(own, _KNOTS)) if curved and _numeric(own) else ()
        for low in (lowest, *(knot for knot in knots if lowest < knot < highest)):
            values, spread = np.maximum(own - low, 0.0), float(np.maximum(own - low, 0.0).std())
            if spread > 0:
                places.append(place)
                terms.append((values - values.mean()) / spread)
                above.append(-float(np.mean((np.maximum(drawn - low, 0.0) - values.mean()) / spread)))
    return np.array(places, dtype=np.intp), np.array(terms).T, np.array(above)


def _numeric(column: FloatArray) -> bool:
    """Whether an encoded column is more than a mark of 0 or 1."""
    return not bool(np.isin(column, (0.0, 1.0)).all())


def _slopes(terms: FloatArray, margins: FloatArray) -> FloatArray:
    """The coefficients of a ridge regression, shape (t[, k])."""
    gram = terms.T @ terms / len(terms) + _RIDGE * np.eye(terms.shape[1])
    return np.asarray(np.linalg.solve(gram, terms.T @ margins / len(terms)))
