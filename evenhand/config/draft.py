"""A first configuration from a look at the data: a proposal that a person completes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evenhand.config._quote import quote
from evenhand.data.inspect import ColumnInspection, Inspection
from evenhand.data.labels import alike_labels
from evenhand.yaml_reader import scalar

__all__ = ["FILL_IN", "Draft", "draft_config", "model_name"]

FILL_IN = "FILL IN"
"""What a line says that waits for a person."""

_KEY_NAME = re.compile(r"(?:^|[^a-z])(?:id|key|uuid|guid|nr|no|number)(?:$|[^a-z])", re.IGNORECASE)
_ROW_NAME = re.compile(rf"{_KEY_NAME.pattern}|index|row", re.IGNORECASE)
_MOST_CLASSES = 20
_MOST_GROUPS = 50
_MOST_LISTED = 60


@dataclass(frozen=True)
class Draft:
    """What is known of a configuration before it is written.

    Attributes
    ----------
    inspection
        The look at the data, made with the target.
    source
        The keys of ``data.source``.
    target
        The column to predict.
    favorable_label
        The label that is good for the person, as it stands in the data; None when nobody has said it.
    sensitive
        Columns that a person named as sensitive; those that the inspection suggests are added.
    bands
        The inner edges of bands for numeric sensitive columns.
    model
        The model's name.
    """

    inspection: Inspection
    source: Mapping[str, str]
    target: str
    model: str
    favorable_label: str | None = None
    sensitive: Sequence[str] = ()
    bands: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def column(self) -> ColumnInspection:
        """The target's column."""
        return next(column for column in self.inspection.columns if column.name == self.target)

    @property
    def numeric_target(self) -> bool:
        """Whether the target is a number that has to be cut before it can be predicted."""
        if self.column.distinct > _MOST_CLASSES:
            return self.column.kind in ("number", "integer")
        return self.column.kind == "number" and any(not float(label).is_integer() for label in self.inspection.classes)

    @property
    def open_questions(self) -> tuple[str, ...]:
        """What a person still has to fill in."""
        missing = []
        if self.numeric_target:
            missing.append("data.target_above")
        if self.favorable_label is None and (self.numeric_target or len(self.inspection.classes) == 2):
            missing.append("data.favorable_label")
        return tuple(missing)


def model_name(text: str) -> str:
    """The nearest name that a model may have.

    Examples
    --------
    >>> model_name("Loans (2024) & é.csv"), model_name("***")
    ('Loans 2024 csv', 'model')
    """
    words = re.sub(r"[^A-Za-z0-9._-]+", " ", text).strip(" ._-")
    return re.sub(r"[ .]+", " ", words)[:100].strip() or "model"


def draft_config(draft: Draft) -> str:
    """The commented YAML text; `load_config` reads it.

    Parameters
    ----------
    draft
        What is known.

    Examples
    --------
    >>> import pandas as pd
    >>> from evenhand.data.inspect import inspect_frame
    >>> table = pd.DataFrame({"Sex": ["f", "m"] * 20, "paid": [1, 0, 0, 1] * 10})
    >>> seen = inspect_frame(table, target="paid")
    >>> text = draft_config(Draft(seen, {"path": "loans.csv"}, target="paid", model="loans"))
    >>> [line for line in text.splitlines() if "FILL IN" in line and "favorable" in line]
    ['  favorable_label:   # FILL IN the label that is good for the person: 0 or 1']
    """
    parts = [_head(draft), _target(draft), _sensitive(draft), _exclude(draft), _roles(draft), _features(draft), [_TAIL]]
    return "\n".join(line for part in parts for line in part)


def _head(draft: Draft) -> Iterator[str]:
    seen = draft.inspection
    yield f"# A proposal of `evenhand init`, from a look at {seen.rows:,} rows and {len(seen.columns):,} columns."
    yield "# Read every line: what a column means, only a person knows."
    yield f"# Lines that say {FILL_IN} wait for you. `evenhand check FILE` reads the data and says what is wrong;"
    yield "# `evenhand train FILE` trains. A relative path is relative to this file."
    yield ""
    yield f"model: {quote(draft.model)}"
    yield "seed: 0"
    yield ""
    yield "data:"
    yield "  source:"
    for key, value in draft.source.items():
        yield f"    {key}: {quote(value)}"
    yield '  description: ""   # who collected these rows, when, where, for what? The model card shows it'
    yield ""


def _target(draft: Draft) -> Iterator[str]:
    yield f"  target: {quote(draft.target)}"
    if draft.numeric_target:
        yield f"  target_above:   # {FILL_IN} a number: rows above it get label 1, the others label 0"
    yield from _favorable(draft)
    for same in alike_labels(draft.inspection.classes):
        yield f"  # {', '.join(map(quote, same))} differ only in case or spaces: if they are one, write one in the data"
    missing = draft.column.missing
    if missing:
        yield f"  drop_missing_target: true   # {missing:,} rows have no target"
    yield ""


def _favorable(draft: Draft) -> Iterator[str]:
    labels = ["0", "1"] if draft.numeric_target else list(draft.inspection.classes)
    if draft.favorable_label is not None:
        yield f"  favorable_label: {_label(draft.favorable_label)}   # the label that is good for the person"
    elif len(labels) == 2:
        choice = " or ".join(map(_label, labels))
        yield f"  favorable_label:   # {FILL_IN} the label that is good for the person: {choice}"
    else:
        yield f"  # The labels are {', '.join(map(_label, labels))}. Is one of them good for the person? Then name it:"
        yield "  # favorable_label: ..."


def _label(text: str) -> str:
    value = scalar(text)
    # 01 without quotation marks would be read as 1.
    return text if isinstance(value, bool) or (isinstance(value, int) and str(value) == text) else quote(text)


def _sensitive_columns(draft: Draft) -> list[ColumnInspection]:
    """The columns that become sensitive attributes: named by a person, or suggested and with few enough groups."""
    named = set(draft.sensitive)
    suggested = {name for name in draft.inspection.sensitive if not _is_wide(_column(draft, name), draft)}
    return [column for column in draft.inspection.columns if column.name in named | suggested]


def _column(draft: Draft, name: str) -> ColumnInspection:
    return next(column for column in draft.inspection.columns if column.name == name)


def _is_wide(column: ColumnInspection, draft: Draft) -> bool:
    """Whether the column has more values than an audit can compare, and no bands."""
    return column.distinct > _MOST_GROUPS and column.name not in draft.bands


def _sensitive(draft: Draft) -> Iterator[str]:
    yield "  # Sensitive attributes: to assess the model, never features. Their names suggested them: take out what is"
    yield "  # none, and add what is missing. Several columns of 0 and 1 can be one attribute:"
    yield "  #   race:"
    yield "  #     indicators: {black: is_black, hispanic: is_hispanic}"
    yield "  #     otherwise: white"
    columns = _sensitive_columns(draft)
    none = f"  sensitive: {{}}   # {FILL_IN} at least one, such as {{sex: {{column: sex}}}}"
    yield "  sensitive:" if columns else none
    for column in columns:
        yield f"    {quote(column.name)}:"
        bands = draft.bands.get(column.name)
        if bands:
            edges = ", ".join(f"{edge:g}" for edge in bands)
            yield f"      bins: [{edges}]   # {len(bands) + 1} bands; a value on an edge is in the upper one"
        elif set(column.examples) == {"0", "1"}:
            yield "      # labels: {1: ..., 0: ...}   # what people call the two groups"
            yield f"      column: {quote(column.name)}"
        else:
            yield f"      column: {quote(column.name)}   # {column.distinct:,} groups{_codes(column)}"
    yield ""


def _codes(column: ColumnInspection) -> str:
    return ", codes with leading zeros (numbers after all? source: {numbers: [...]})" if column.codes else ""


def _exclude(draft: Draft) -> Iterator[str]:
    reasons = _reasons(draft)
    yield "  # Columns that must not be features: what encodes the decision, is known only after it, or restates a"
    yield "  # sensitive attribute."
    yield "  exclude:" if reasons else "  exclude: []"
    for name, reason in reasons.items():
        yield f"    - {quote(name)}   # {reason}"
    yield ""


def _reasons(draft: Draft) -> dict[str, str]:
    taken = {draft.target, *(column.name for column in _sensitive_columns(draft))}
    key = _key(draft)
    wide = [name for name in draft.inspection.sensitive if name not in taken and name != key]
    rows = [name for name in draft.inspection.keys if _ROW_NAME.search(name)]
    suspicious = "alone predicts the target almost perfectly: does it encode it?"
    reasons = dict.fromkeys(wide, "may be sensitive, and has too many values to compare")
    reasons |= dict.fromkeys(draft.inspection.constants, "the same in every row, or of a type that no feature has")
    reasons |= dict.fromkeys(rows, "names a row")
    reasons |= dict.fromkeys(draft.inspection.suspects, suspicious)
    return {name: reason for name, reason in reasons.items() if name not in taken and name != key}


def _key(draft: Draft) -> str | None:
    likely = [name for name in draft.inspection.keys if _KEY_NAME.search(name) and name not in draft.sensitive]
    return likely[0] if likely else None


def _roles(draft: Draft) -> Iterator[str]:
    key = _key(draft)
    if key is not None:
        yield f"  key: {quote(key)}   # names a row for good, so that it stays in its part when the data grows"
    else:
        yield "  # key: COLUMN     # names a row for good (an application number), so that it stays in its part"
    dates = [column.name for column in draft.inspection.columns if column.kind == "datetime"]
    if dates:
        yield f"  # time: {quote(dates[0])}   # dates a row; with it, split: {{method: time}} tests on the latest rows"
    for name in draft.inspection.people:
        many = f"{_column(draft, name).distinct:,} values in {draft.inspection.rows:,} rows"
        yield f"  # group: {quote(name)}   # {many}: a person's? With it, split: {{method: group}}"
    if not draft.inspection.people:
        yield "  # group: COLUMN   # rows of one person, kept together by split: {method: group}"


def _features(draft: Draft) -> Iterator[str]:
    used = {draft.target, _key(draft), *_reasons(draft), *(column.name for column in _sensitive_columns(draft))}
    columns = [column for column in draft.inspection.columns if column.name not in used]
    yield "  # Features are all other columns:"
    for column in columns[:_MOST_LISTED]:
        missing = f", {column.missing:,} missing" if column.missing else ""
        person = ", a person's? (group, above)" if column.name in draft.inspection.people else ""
        about = f"{column.kind}, {column.distinct:,} values{missing}{_codes(column)}{person}"
        yield f"  #   {quote(column.name)}: {about}"
    if len(columns) > _MOST_LISTED:
        yield f"  #   and {len(columns) - _MOST_LISTED:,} more"
    yield ""


_TAIL = f"""\
# Each section below may be left out; the values are the defaults. docs/configuration.md explains every key.
search:
  method: bayes                 # or random, grid
  candidates: [logistic, boosting, perceptron]
  scorer: roc_auc               # any scikit-learn scorer
  trials: 30
  prefer: best                  # or simplest: the simplest model within one standard error of the best

evaluate:
  threshold_rule: scorer        # or cost (with cost_false_positive and cost_false_negative), or fixed

# {FILL_IN} what only a person can say. What stays empty shows as missing on the model card.
card:
  owners: []
  intended_use: ""
  out_of_scope: ""
  affected_people: ""
  human_oversight: ""
  risk_acceptance: ""
  limitations: ""
  contact: ""
"""
