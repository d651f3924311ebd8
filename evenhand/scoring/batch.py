"""All rows of a source through a model, in parts: looked at first, then scored."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.contract_parts import ContractTally
from evenhand.data.digest import ContentTally
from evenhand.data.frames import value_text
from evenhand.data.sources import Parts
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.scoring.inputs import Inputs
from evenhand.scoring.output import open_output
from evenhand.scoring.scorer import Scorer

__all__ = ["Progress", "Scored", "look_at", "score_parts"]

Progress = Callable[[str, int, int], None]

ROW = "row"
"""The first column where no column names the rows: their place in the source, from 0."""


@dataclass(frozen=True)
class Scored:
    """What came of a batch, without any row.

    Attributes
    ----------
    rows
        How many were scored.
    decisions
        How many rows got each label.
    reasons
        How often each text was among the reasons of a row; the most frequent first, rare ones left out.
    mean_probability
        Of the favorable label of two, or of several favorable ones together; otherwise None, as for so few rows that it
        would tell of people.
    data_digest
        The content digest of the columns that the model took.
    output, output_digest
        The file, an address without what is secret in it, and its SHA-256.
    unnamed
        The rows that their key does not name: it is missing, or other rows have it too.
    """

    rows: int
    decisions: Mapping[str, int]
    reasons: Mapping[str, int]
    mean_probability: float | None
    data_digest: str
    output: str
    output_digest: str
    unnamed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def look_at(parts: Parts, inputs: Inputs, *, on_progress: Progress | None = None) -> str:
    """Hold all rows to the contract, before any is scored.

    Parameters
    ----------
    parts
        The source.
    inputs
        What the model takes, and what was promised of it.
    on_progress
        Called with what is done, the rows so far and all rows.

    Returns
    -------
    str
        The content digest of the columns that the model takes.

    Raises
    ------
    ContractError
        One error that lists every violation over all rows.
    """
    absent = inputs.missing(parts.columns)
    if absent:
        # What is there is still looked at, so that one error says all.
        known = [promise for promise in inputs.promises if promise.name not in {*absent, *inputs.sensitive}]
        some = Inputs(tuple(promise.name for promise in known), tuple(known), {})
        tally = _tally(parts, some, None, on_progress) if known else ContractTally(())
        tally.check(absent, parts.columns)
    content = ContentTally()
    _tally(parts, inputs, content, on_progress).check()
    return content.hexdigest()


def _tally(parts: Parts, inputs: Inputs, content: ContentTally | None, on_progress: Progress | None) -> ContractTally:
    tally = ContractTally(inputs.promises)
    for raw in parts.frames(inputs.columns):
        promised = inputs.promised(raw)
        tally.add(promised)
        if content is not None:
            content.add(promised)
        if on_progress is not None:
            on_progress("looking at the rows", tally.rows, parts.rows)
    return tally


@dataclass
class _Summary:
    """Counts over the parts."""

    rows: int = 0
    total: float = 0.0
    chances: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    names: list[npt.NDArray[np.integer[Any]]] = field(default_factory=list)
    nameless: int = 0

    def name(self, keys: pd.Series) -> None:
        present = keys.dropna()
        self.nameless += len(keys) - len(present)
        self.names.append(pd.util.hash_pandas_object(present, index=False).to_numpy())

    @property
    def unnamed(self) -> int:
        """How many rows have no key or one that others have too."""
        if not self.names:
            return 0
        counts = np.unique(np.concatenate(self.names), return_counts=True)[1]
        return self.nameless + int(counts[counts > 1].sum())

    def add(self, part: pd.DataFrame) -> None:
        self.rows += len(part)
        self.decisions.update({value_text(label): int(n) for label, n in part["decision"].value_counts().items()})
        for name in part.columns[part.columns.str.startswith("reason_")]:
            self.reasons.update({str(text): int(n) for text, n in part[name].value_counts().items()})
        if "probability" in part:
            self.total += float(part["probability"].sum())
            self.chances += len(part)

    def mean(self, least: int) -> float | None:
        """The mean probability over at least so many rows."""
        return self.total / self.chances if self.chances >= max(least, 1) else None


def score_parts(
    parts: Parts,
    inputs: Inputs,
    scorer: Scorer,
    output: str | Path,
    *,
    model: str,
    version: str,
    key: str | None = None,
    about: Mapping[str, Any] | None = None,
    min_cell: int = 10,
    on_progress: Progress | None = None,
) -> Scored:
    """Score a source into a Parquet file, a part in memory at a time; nothing is written when a promise is broken.

    Parameters
    ----------
    parts
        From :func:`evenhand.data.sources.open_source`; gone through twice.
    inputs, scorer
        What the model takes, and the model.
    output
        The file, a path or an address: the key (or ``row``), ``model``, ``version``, ``data_digest``, then what
        :meth:`Scorer.score` gives.
    model, version
        What stands in every row, beside the digest of the rows.
    key
        A column of the source that names the rows.
    about
        What is kept in the file's metadata beside that.
    min_cell
        Reasons that fewer rows have are left out of the summary.
    on_progress
        Called with what is done, the rows so far and all rows.

    Raises
    ------
    ContractError
        One error that lists every violation.
    DataError
        When the key is no column, or has the name of a column that is written.
    """
    constants = {"model": model, "version": version, "data_digest": ""}
    _check_key(key, parts.columns, [*constants, *scorer.columns])
    constants["data_digest"] = digest = look_at(parts, inputs, on_progress=on_progress)
    columns = list(dict.fromkeys([*inputs.columns, *([key] if key is not None else [])]))
    summary = _Summary()
    with open_output(output, constants=constants, about={**constants, **(about or {}), "rows": parts.rows}) as write:
        for raw in parts.frames(columns):
            scored = scorer.score(inputs.frame(inputs.promised(raw)))
            names = raw[key] if key is not None else pd.RangeIndex(summary.rows, summary.rows + len(raw))
            if key is not None:
                summary.name(raw[key])
            summary.add(scored)  # before the key stands beside it, whose name may begin as that of a reason
            scored.insert(0, key if key is not None else ROW, names)
            write(scored)
            if on_progress is not None:
                on_progress("scoring", summary.rows, parts.rows)
    shown = {text: n for text, n in summary.reasons.most_common() if n >= min_cell}
    decided, mean = dict(summary.decisions), summary.mean(min_cell)
    return Scored(summary.rows, decided, shown, mean, digest, write.name, write.digest, summary.unnamed)


def _check_key(key: str | None, columns: Sequence[str], written: Sequence[str]) -> None:
    """Refuse a key that is not there, or whose column would be lost among those that are written."""
    if key is None:
        return
    if key not in columns:
        raise DataError(f"key {shorten(key)} is no column of the data: {nearest(key, columns)}")
    if key in written:
        raise DataError(
            f"key {shorten(key)} has the name of a column that the scored file writes ({', '.join(written)}): name "
            "the column of the data otherwise, and give that name as the key"
        )
