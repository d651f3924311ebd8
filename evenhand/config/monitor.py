"""How the model that is live is watched."""

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["MonitorConfig"]


class MonitorConfig(Section):
    """New data, and outcomes when they come, compared with what the model was registered with."""

    false_alarms: float = Field(default=0.05, ge=0.0001, le=0.5)
    """The probability that a year of looks raises an alarm of drift although nothing has changed."""

    looks: int = Field(default=53, ge=1, le=10_000)
    """How many looks in 365 days share it, and each policy's level: 53 of weekly ones; further ones raise no alarm."""

    drift: float = Field(default=0.1, ge=0.0, le=10.0)
    """The smallest population stability index that is an alarm when it is significant too."""

    drop: float = Field(default=0.02, ge=0.0, le=1.0)
    """The smallest fall of accuracy or ROC-AUC that is an alarm when it is significant too."""

    min_rows: int = Field(default=200, ge=30, le=10_000_000)
    """Fewer rows are measured and not tested; such a look costs nothing."""

    attribution_rows: int = Field(default=500, ge=0, le=100_000)
    """Rows that are drawn and explained, at registration and at each look; 0 for none."""

    bins: int = Field(default=10, ge=2, le=100)
    """At most so many cells of a number, cut at registration."""

    min_cell: int = Field(default=10, ge=1, le=1000)
    """Cells with fewer people are joined to others in what is kept of the model's data."""

    cool_down_days: int = Field(default=14, ge=0, le=365)
    """For so many days after an alarm was sent no other one starts a retrain."""

    wait_days: int = Field(default=365, ge=1, le=3650)
    """For so long predictions wait for their outcomes."""

    prediction: str | None = None
    """The column of new data that holds predictions made already; left out, the model predicts."""

    score: str | None = None
    """The column with the probability of the favorable label that goes with it; of several labels the sum of theirs."""

    labels: str | None = None
    """The column of the outcomes' file that holds them; by default the target's name."""
