"""When a new model may go live by itself, when a person must answer, and when it may not."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from evenhand.config._base import Conflict, Section

__all__ = ["GateConfig", "PlanConfig"]

PairedMetric = Literal["accuracy", "balanced_accuracy", "recall", "roc_auc", "log_loss", "brier_score"]


class PlanConfig(Section):
    """What an automatic retrain may change without a person; the champion's plan counts, not the new model's own."""

    may_change: list[str] = []
    """Paths of the configuration: `search` for all of a section, `search.trials` for one key, `data.source`. What draws
    another test set, `split` or the `seed` of a stratified one, holds all the same."""

    within: dict[str, list[float]] = {}
    """Bounds for what may change: {search.trials: [20, 200]}; of lists each number, of ranges both ends."""

    candidates: list[str] = []
    """The candidates of which the search may select; empty for those that are configured."""

    features: Literal["fixed", "fewer", "any"] = "fixed"
    """Whether features may go, or also come, against the champion's."""

    rows: list[float] = []
    """Least and greatest number of rows, as multiples of the champion's: [0.5, 2]; empty for any."""

    floors: Literal["fixed", "stricter", "any"] = "stricter"
    """Whether `gate.floors` may change, and in which direction."""


class GateConfig(Section):
    """The rules of the decision at the end of a retrain: promote, hold or block."""

    first: Literal["hold", "rules_only"] = "hold"
    """The first model of a name has no champion to be compared with: `hold` lets a person decide all the same."""

    floors: dict[str, float] = {}
    """Least values of figures on the test part, greatest ones of losses and calibration error: {roc_auc: 0.7}."""

    floors_by: Literal["interval", "value"] = "interval"
    """`interval`: the whole interval must keep the floor, at what this look may spend of 1 - `evaluate.confidence`, and
    one that lies across it is inconclusive; `value` takes the figure as it is."""

    compare: PairedMetric = "balanced_accuracy"
    """The figure by which the new model must not be worse than the champion on the same test rows."""

    margin: float = Field(default=0.02, ge=0, le=1)
    """By how much it may be worse at most, shown with confidence."""

    minimum_rows: int = Field(default=100, ge=10, le=10_000_000)
    """Fewer test rows that neither model has learned from are too few to compare, and hold."""

    group_loss: float | None = Field(default=0.1, ge=0, le=1)
    """By how much the rates of a group or an intersection (`audit.depth`) may fall against the champion at most, shown
    with confidence; null: no such rule."""

    group_metrics: list[Literal["selection_rate", "true_positive_rate", "accuracy"]] = Field(
        default=["selection_rate", "accuracy"], min_length=1
    )
    """The rates that `group_loss` is about."""

    minimum_group: int = Field(default=20, ge=2, le=100_000)
    """Groups and intersections with fewer test rows are shown and take no part in `group_loss`, like `unknown`."""

    latency_p99_ms: float | None = Field(default=None, ge=0)
    """The slowest 1 in 100 single decisions may take so many milliseconds."""

    size_mb: float | None = Field(default=None, ge=0)
    """The model file may have so many megabytes."""

    robustness: dict[str, float] = {}
    """Least values of figures of the step `stress`, overall and in every group: {noise_agreement: 0.9}."""

    complete_card: bool = True
    """Whether a statement that only a person can make and nobody has made keeps the model from going live."""

    alpha: float = Field(default=0.05, gt=0, le=0.5)
    """Level of the comparisons with the champion; the policies of the audit have their own, floors
    1 - `evaluate.confidence`."""

    looks: Literal["open_ended", "planned"] = "open_ended"
    """How looks at one test set share the error: `planned` in equal parts, `open_ended` in falling ones without end."""

    planned_looks: int = Field(default=52, ge=1, le=10_000)
    """With `planned`: how many looks; after them every verdict and floor is inconclusive until the test set is
    renewed."""

    fail: Literal["block", "hold"] = "block"
    """What a rule that is shown to be broken does."""

    inconclusive: Literal["hold", "block", "promote"] = "hold"
    """What a rule that these rows neither show kept nor broken does; evidence that is missing never promotes."""

    plan: PlanConfig | None = None
    """What may change without a person; without a plan every change of the configuration holds."""

    approval_hours: float = Field(default=168, ge=0.01, le=8760)
    """How long a person has to answer."""

    ask_on_page: bool = True
    """Whether a held run of the service lies suspended until a person answers on Prefect's page; otherwise it ends, and
    `evenhand approve` answers."""

    approvers: str = ""
    """A file in the format of ssh's allowed signers, and `NAME minisign KEY` for keys of minisign: who may sign an
    approval with their own key."""

    approver_is_not_trainer: bool = False
    """Whether only a signed approval counts, by somebody other than who started the run."""

    def conflicts(self) -> Iterator[Conflict]:
        """A rate that would be counted twice."""
        if len(set(self.group_metrics)) < len(self.group_metrics):
            yield Conflict(("group_metrics",), f"group_metrics names a rate twice: {', '.join(self.group_metrics)}")
