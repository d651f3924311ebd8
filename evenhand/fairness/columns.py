"""Which columns of a file of predictions say what, and the detector that counts them in parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.detector import BiasDetector

__all__ = ["PredictionColumns", "detector_of"]


@dataclass(frozen=True)
class PredictionColumns:
    """The columns of Parquet files of predictions.

    Attributes
    ----------
    y_true, y_pred
        Labels, and the labels that were predicted or decided.
    sensitive_features
        The attributes.
    favorable_label
        The label that is good for the person, as text: it is read as the column's type has it.
    y_score
        The favorable label's probability, between 0 and 1, or "".
    sample_weight
        How many people of the population a row stands for, or "".
    bins
        Edges of bands for numeric attributes.
    """

    y_true: str
    y_pred: str
    sensitive_features: tuple[str, ...]
    favorable_label: str = ""
    y_score: str = ""
    sample_weight: str = ""
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)


def detector_of(paths: Sequence[Path], columns: PredictionColumns) -> BiasDetector:
    """Count Parquet files, a part in memory at a time.

    Parameters
    ----------
    paths
        Files, or folders of ``*.parquet``.
    columns
        What their columns say.

    Raises
    ------
    DataError
        When there is no such file or column, the favorable label is none of the column's type, or the decisions have
        a label that is none of the outcomes'.
    """
    return BiasDetector.from_parquet(
        list(paths),
        y_true=columns.y_true,
        y_pred=columns.y_pred,
        sensitive_features=list(columns.sensitive_features),
        favorable_label=_typed(paths, columns) if columns.favorable_label else None,
        y_score=columns.y_score or None,
        sample_weight=columns.sample_weight or None,
        bins=columns.bins or None,
    )


def _typed(paths: Sequence[Path], columns: PredictionColumns) -> Any:
    """The favorable label as a value of the column: ``"1"`` is the number 1 in a column of whole numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    label, name = columns.favorable_label, columns.y_true
    file = next(
        (each for path in paths for each in ([path] if path.is_file() else sorted(path.glob("*.parquet")))), None
    )
    if file is None:
        return label  # whoever counts says that there is no file
    try:
        schema = pq.read_schema(file)
    except pa.ArrowException:
        return label
    if name not in schema.names:
        raise DataError(f"{file} has no column {shorten(name)}: {nearest(name, schema.names)}")
    kind = schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    try:
        if pa.types.is_boolean(kind):
            return {"true": True, "1": True, "false": False, "0": False}[label.casefold()]
        if pa.types.is_integer(kind):
            return int(label)
        return float(label) if pa.types.is_floating(kind) else label
    except (KeyError, ValueError) as error:
        raise DataError(
            f"the favorable label {shorten(label)} is no value of column {shorten(name)} ({kind})"
        ) from error
