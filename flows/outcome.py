"""What a flow says while it runs and what it leaves: plain dataclasses, without any import of the stack."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from evenhand.events import Event

__all__ = ["Event", "GroupRow", "Metric", "Outcome", "Summary"]


@dataclass(frozen=True)
class Metric:
    """One figure on the test part with its interval; `reason` says why there is no value."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class GroupRow:
    """One group of the audit.

    Attributes
    ----------
    attribute, group
        ``race`` and ``black``; for an intersection ``race & sex`` and ``black & female``.
    n
        Its test rows.
    selection_rate, true_positive_rate
        None where undefined, or without a favorable label.
    impact_ratio
        Its selection rate over the highest of its attribute, `unknown` apart.
    four_fifths
        Whether that ratio is under 4/5; None where it is undefined.
    small
        Whether the group has fewer rows than the configuration's minimum.
    reason
        Why a value is undefined.
    accuracy
        What is shown where no label is favorable.
    withheld
        Whether a rate is not told since it rests on too few rows.
    """

    attribute: str
    group: str
    n: int
    selection_rate: float | None = None
    true_positive_rate: float | None = None
    impact_ratio: float | None = None
    four_fifths: bool | None = None
    small: bool = False
    reason: str = ""
    accuracy: float | None = None
    withheld: bool = False


@dataclass(frozen=True)
class Summary:
    """What came out, as one screen shows it.

    Attributes
    ----------
    algorithm
        The selected candidate, in words: ``histogram gradient boosting``.
    metrics
        The figures on the test part, the most important first.
    groups
        The audit's rows, attribute by attribute.
    findings
        Sentences on the data that a person should read: suspected leakage, constant columns.
    rows
        Rows of each part: ``{"train": 1193, "validation": 398, "test": 398}``.
    trials
        Trials of the search that were scored.
    choice
        How the selected one was chosen, to stand behind the algorithm: ``the best of 24 trials``; "" in older runs.
    confidence
        Level of the intervals.
    notes
        Sentences on the model: what calibration and threshold did, what the preference cost.
    missing_statements
        Statements on the card that only a person can make and nobody has made.
    """

    algorithm: str
    metrics: tuple[Metric, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    findings: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    trials: int | None = None
    choice: str = ""
    confidence: float = 0.95
    notes: tuple[str, ...] = ()
    missing_statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a retrain leaves and where it is.

    Attributes
    ----------
    run_id, run_url
        The MLflow run and its page; with a local store the store's address, # and the run.
    flow_run_id, flow_run_name, flow_run_url
        The Prefect flow run.
    model_name, model_version, alias
        The registered version and the alias that it got.
    card_path
        The model card as an HTML file.
    folder
        The folder with everything that a person may want to open: card, figures, tables.
    summary
        What the screen shows.
    seconds
        How long all of it took.
    decision
        ``promote``, ``hold`` or ``block`` once a gate has decided.
    decision_reasons
        Why, as sentences.
    decision_record
        The hash of its record in the ledger.
    answerable
        Whether a person may answer a decision that is held: nothing newer has superseded it, and its time is not over.
    answer_until
        Until when, in UTC; "" where that has no end, and in older runs.
    waiting
        Where records are kept as long as MLflow does not answer, and what delivers them; "" when it has all of them.
        Until then `run_id` is the run's key, and `model_version` and `run_url` may be "".
    """

    run_id: str
    model_name: str
    model_version: str
    folder: str
    card_path: str
    summary: Summary
    run_url: str = ""
    flow_run_id: str = ""
    flow_run_name: str = ""
    flow_run_url: str = ""
    alias: str = ""
    seconds: float | None = None
    decision: Literal["promote", "hold", "block"] | None = None
    decision_reasons: tuple[str, ...] = ()
    decision_record: str = ""
    answerable: bool = True
    answer_until: str = ""
    waiting: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Outcome":
        """The inverse of :meth:`to_dict`, also after a round trip through JSON.

        Examples
        --------
        >>> summary = Summary("boosting", (Metric("accuracy", 0.9),))
        >>> outcome = Outcome("r", "loans", "1", "out", "out/card.html", summary)
        >>> Outcome.from_dict(outcome.to_dict()) == outcome
        True
        """
        summary = value["summary"]
        lists = {name: tuple(summary.get(name, ())) for name in ("findings", "notes", "missing_statements")}
        built = Summary(
            **{
                **summary,
                **lists,
                "metrics": tuple(Metric(**metric) for metric in summary.get("metrics", ())),
                "groups": tuple(GroupRow(**row) for row in summary.get("groups", ())),
            }
        )
        return cls(
            **{**value, "summary": built, "decision_reasons": tuple(value.get("decision_reasons", ()))},
        )
