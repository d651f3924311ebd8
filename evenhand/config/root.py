"""The whole configuration of a model."""

from pydantic import Field

from evenhand.config._base import Section
from evenhand.config.audit import AuditConfig
from evenhand.config.card import CardConfig
from evenhand.config.data import DataConfig
from evenhand.config.evaluate import EvaluateConfig
from evenhand.config.explain import ExplainConfig
from evenhand.config.gate import GateConfig
from evenhand.config.mitigate import MitigateConfig
from evenhand.config.monitor import MonitorConfig
from evenhand.config.record import RecordConfig
from evenhand.config.robustness import RobustnessConfig
from evenhand.config.score import ScoreConfig
from evenhand.config.search import SearchConfig
from evenhand.config.split import SplitConfig
from evenhand.config.weight import WeightConfig

__all__ = ["Config"]


class Config(Section):
    """Everything that determines a retrain: one section a step."""

    model: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")
    """The name under which the model is registered."""

    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """The seed that every random draw derives from."""

    data: DataConfig
    """Where the rows come from and what their columns mean."""

    split: SplitConfig = SplitConfig()
    """How the rows are divided."""

    weight: WeightConfig = WeightConfig()
    """How much each training row counts."""

    search: SearchConfig = SearchConfig()
    """How the model is chosen."""

    mitigate: MitigateConfig = MitigateConfig()
    """Whether and how alternatives with smaller disparities are searched."""

    evaluate: EvaluateConfig = EvaluateConfig()
    """How it is calibrated, given a threshold, and assessed."""

    explain: ExplainConfig = ExplainConfig()
    """How it is explained."""

    audit: AuditConfig = AuditConfig()
    """How its decisions are compared between groups."""

    robustness: RobustnessConfig = RobustnessConfig()
    """How it is tried on rows that come otherwise than expected."""

    gate: GateConfig = GateConfig()
    """When the model may go live by itself, and when a person must answer."""

    score: ScoreConfig = ScoreConfig()
    """How new rows are scored."""

    monitor: MonitorConfig = MonitorConfig()
    """How it is watched once it is live."""

    card: CardConfig = CardConfig()
    """What only a person can say."""

    record: RecordConfig = RecordConfig()
    """Where the run and the model are recorded."""
