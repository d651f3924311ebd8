"""The features that the champion knows and the challenger leaves out, read again from where the rows came from.

A snapshot holds what its own model takes and nothing else, so that no column of people is kept that nobody needs. The
rows that both are compared on are the challenger's: what the champion needs beside is read once more and not kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.config import DataConfig
from evenhand.data.dataset import Dataset
from evenhand.data.digest import key_digests, row_digests
from evenhand.data.splits import content_identities
from evenhand.exceptions import DataError, shorten
from tasks.rows import load_rows

__all__ = ["with_features"]


def with_features(
    rows: Dataset, needed: Sequence[str], data: DataConfig, contract: Mapping[str, Any] | None
) -> Dataset:
    """The same rows with all these features, the lacking ones read from the source.

    Parameters
    ----------
    rows
        Some rows of the source.
    needed
        Names of features.
    data
        How the rows were read.
    contract
        The data contract of the model that needs the features: which are numbers and which text.

    Raises
    ------
    DataError
        When the source has not all of these features or rows, or rows without a key cannot be told apart.
    ServiceError
        When it does not answer.
    """
    lacking = [name for name in needed if name not in rows.X.columns]
    if not lacking:
        return rows
    features = list(map(str, [*rows.X.columns, *lacking]))
    again = load_rows(data.model_copy(update={"features": features, "exclude": []}), contract, held=False)
    found = again.X.loc[_places(rows, again, lacking), lacking].set_axis(rows.X.index)
    return Dataset(
        rows.X.assign(**{name: found[name] for name in lacking}),
        rows.y,
        rows.sensitive_features,
        favorable_label=rows.favorable_label,
        key=rows.key,
        group=rows.group,
        time=rows.time,
    )


def _places(rows: Dataset, again: Dataset, lacking: Sequence[str]) -> npt.NDArray[np.intp]:
    """Where each row stands in what was read again, shape (n,)."""
    mine, theirs = (_identities(part, list(rows.X.columns)) for part in (rows, again))
    read = pd.DataFrame({"row": theirs, "content": row_digests(again.X[list(lacking)])}, index=again.X.index)
    alike = read.drop_duplicates()["row"]
    doubtful = np.isin(mine, alike[alike.duplicated()])
    if doubtful.any():
        raise DataError(
            f"{int(doubtful.sum())} of {len(rows)} rows are alike but for {', '.join(map(shorten, lacking))}, so that "
            "nobody can tell which row has which: name a column as data.key"
        )
    first = read["row"].drop_duplicates()
    places = pd.Series(first.index, index=first.to_numpy()).reindex(mine)
    if places.isna().any():
        raise DataError(f"{int(places.isna().sum())} of {len(rows)} rows are not in the source any more")
    return places.to_numpy(dtype=np.intp)


def _identities(part: Dataset, features: list[Any]) -> npt.NDArray[np.uint64]:
    return content_identities(part, features) if part.key is None else key_digests(part.key, "key")
