"""Values as bands: what may be shown of a person's row, where enough others share the band."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["MISSING", "OTHER", "Bands", "fit_bands", "is_numeric", "rounded", "shown_cells"]

MISSING = "missing"
OTHER = "other"

# A numeric column with so few distinct values is shown by value.
_DISCRETE = 8
_CATEGORIES = 12


@dataclass(frozen=True)
class Bands:
    """A column cut into bands, the last two being :data:`OTHER` (categories only) and :data:`MISSING`.

    Attributes
    ----------
    feature
        The column.
    kind
        ``numeric`` bands have an order; ``categorical`` ones are values.
    edges
        Inner edges of numeric bands, ascending; a value on an edge belongs to the band above.
    values
        The values of categorical bands, as text.
    """

    feature: str
    kind: Literal["numeric", "categorical"]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each band, by its code."""
        if self.kind == "categorical":
            return (*self.values, OTHER, MISSING)
        if not self.edges:
            return ("any value", MISSING)
        middle = [f"{_text(low)} to {_text(high)}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        return (f"below {_text(self.edges[0])}", *middle, f"{_text(self.edges[-1])} or more", MISSING)

    def codes(self, values: pd.Series) -> npt.NDArray[np.intp]:
        """The code of each value's band, shape (n,)."""
        absent = values.isna().to_numpy()
        if self.kind == "numeric":
            numbers = _numbers(values)
            codes = np.searchsorted(np.array(self.edges), np.where(absent, 0.0, numbers), side="right")
        else:
            places = {value: place for place, value in enumerate(self.values)}
            found, distinct = pd.factorize(values)
            named = [places.get(text, len(self.values)) for text in _texts(pd.Series(distinct))]
            codes = np.array([*named, len(self.values)], dtype=np.intp)[found]
        return np.where(absent, len(self.labels) - 1, codes).astype(np.intp)


def fit_bands(values: pd.Series, *, bands: int = 4, min_cell: int = 10) -> Bands:
    """Quantile bands of a numeric column, or the common values of another one.

    Edges are rounded to a grid given by the column's spread (a tenth to a hundredth of the range from its 5th to its
    95th percentile), and a value is named only when `min_cell` rows have it, so that no label gives a person away.

    Examples
    --------
    >>> import pandas as pd
    >>> fit_bands(pd.Series(range(1000), name="age"), bands=2).labels
    ('below 500', '500 or more', 'missing')
    """
    name = str(values.name)
    present = values.dropna()
    counts = present.value_counts()
    if not is_numeric(values) or len(counts) <= _DISCRETE:
        common = [value for value, count in counts.items() if count >= min_cell]
        kept = common[:_CATEGORIES]
        ordered = sorted(kept) if is_numeric(values) else kept  # type: ignore[type-var]
        return Bands(name, "categorical", values=tuple(_texts(pd.Series(ordered, dtype=values.dtype))))
    numbers = _numbers(present)
    cuts = np.quantile(numbers, np.arange(1, bands) / bands)
    spread = float(np.subtract(*np.quantile(numbers, [0.95, 0.05])))
    places = sorted({rounded(float(cut), spread) for cut in cuts})
    return Bands(name, "numeric", edges=tuple(place for place in places if numbers.min() < place <= numbers.max()))


def is_numeric(values: pd.Series) -> bool:
    """Whether a column holds numbers, booleans not counted."""
    return bool(pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype))


def rounded(value: float, spread: float) -> float:
    """A value on the grid that has 10 to 100 steps over `spread`.

    Examples
    --------
    >>> rounded(123.456, 50.0), rounded(0.123456, 0.5)
    (123.0, 0.12)
    """
    if not isfinite(spread) or spread <= 0:
        return float(f"{value:.2g}")
    # Adding 0 turns -0.0 into 0.0.
    return round(value, 1 - floor(log10(spread))) + 0.0


def shown_cells(counts: Sequence[int], min_cell: int) -> list[bool]:
    """Which cells of a table may be shown: those with `min_cell` rows, less one when the hidden ones could be inferred.

    When the hidden cells hold fewer than `min_cell` rows together, the smallest shown one is hidden too: otherwise the
    hidden cells are the total less the shown ones.

    Examples
    --------
    >>> shown_cells([50, 30, 3], 10)
    [True, False, False]
    >>> shown_cells([50, 30, 0], 10)
    [True, True, False]
    """
    shown = [count >= min_cell for count in counts]
    hidden = sum(count for count, show in zip(counts, shown, strict=True) if not show)
    if 0 < hidden < min_cell and any(shown):
        shown[min((count, place) for place, count in enumerate(counts) if shown[place])[1]] = False
    return shown


def _numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _texts(values: pd.Series) -> list[str]:
    return [_text(value) for value in values.tolist()]


def _text(value: object) -> str:
    """A value as people write it: whole numbers without a point."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
