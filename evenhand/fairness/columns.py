"""Which columns of a file of predictions say what, and the detector that counts them in parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evenhand.data.dataset import favorable_labels
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.detector import BiasDetector
from evenhand.fairness.labels import shown_labels

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
        The label that is good for the person, or several of more than two, as text: read as the column's type has it.
    y_score
        The favorable label's probability, between 0 and 1, or "".
    sample_weight
        How many people of the population a row stands for, or "".
    frequency_weight
        How often a row was observed, in whole numbers, or "".
    bins
        Edges of bands for numeric attributes.
    classes
        Every label that there is, also those that no row has, as text: any other is refused. () where nobody says so.
    """

    y_true: str
    y_pred: str
    sensitive_features: tuple[str, ...]
    favorable_label: str | Sequence[str] = ""
    y_score: str = ""
    sample_weight: str = ""
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    classes: Sequence[str] = ()
    frequency_weight: str = ""


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
        When there is no such file or column, a label is none of the column's type, the decisions have one that is none
        of the outcomes', or the rows one that is none of the classes.
    """
    good = favorable_labels(columns.favorable_label or None)
    kind = _kind(paths, columns.y_true) if good or columns.classes else None
    typed = tuple(_typed(label, "favorable label", columns.y_true, kind) for label in good)
    classes = [_typed(label, "class", columns.y_true, kind) for label in columns.classes]
    detector = BiasDetector.from_parquet(
        list(paths),
        y_true=columns.y_true,
        y_pred=columns.y_pred,
        sensitive_features=list(columns.sensitive_features),
        favorable_label=typed if len(typed) > 1 else next(iter(typed), None),
        y_score=columns.y_score or None,
        sample_weight=columns.sample_weight or None,
        frequency_weight=columns.frequency_weight or None,
        bins=columns.bins or None,
        classes=classes or None,
    )
    others = [label for label in detector.counts.classes if classes and label not in classes]
    if others:
        raise DataError(
            f"the rows have labels that are none of the classes: {shown_labels(others)}; name every label there is"
        )
    return detector


def _kind(paths: Sequence[Path], name: str) -> Any:
    """The type of the column of the labels; None where there is no file, which whoever counts says."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = next(
        (each for path in paths for each in ([path] if path.is_file() else sorted(path.glob("*.parquet")))), None
    )
    if file is None:
        return None
    try:
        schema = pq.read_schema(file)
    except pa.ArrowException:
        return None
    if name not in schema.names:
        raise DataError(f"{file} has no column {shorten(name)}: {nearest(name, schema.names)}")
    kind = schema.field(name).type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _typed(label: str, what: str, name: str, kind: Any) -> Any:
    """A label as a value of the column: ``"1"`` is the number 1 in a column of whole numbers."""
    import pyarrow as pa

    if kind is None:
        return label
    try:
        if pa.types.is_boolean(kind):
            return {"true": True, "1": True, "false": False, "0": False}[label.casefold()]
        if pa.types.is_integer(kind):
            return int(label)
        return float(label) if pa.types.is_floating(kind) else label
    except (KeyError, ValueError) as error:
        raise DataError(f"the {what} {shorten(label)} is no value of column {shorten(name)} ({kind})") from error
