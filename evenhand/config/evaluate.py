"""How the chosen model is calibrated, given a threshold, and assessed."""

from typing import Literal

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["EvaluateConfig"]


class EvaluateConfig(Section):
    """Calibration and threshold on the validation part, evidence on the test part."""

    calibration: Literal["auto", "none", "isotonic", "sigmoid"] = "auto"
    """`auto` calibrates probabilities only when that helps, and, where no threshold is chosen after it (more than two
    classes, or a fixed threshold), only when the decisions stay as good by the search's scorer, or by
    balanced_accuracy when that scorer reads probabilities and `weight` evens out the classes."""

    threshold_rule: Literal["scorer", "cost", "fixed"] = "scorer"
    """Choose the threshold that is best by a scorer, the cheapest by a cost matrix, or a fixed one."""

    threshold_scorer: str = "balanced_accuracy"
    """With `scorer`: any scikit-learn scorer of predicted labels."""

    threshold: float = Field(default=0.5, ge=0, le=1)
    """With `fixed`: a probability of the favorable label at or above this is a favorable decision."""

    cost_false_positive: float = Field(default=1.0, ge=0)
    """With `cost`: what a wrongly favorable decision costs."""

    cost_false_negative: float = Field(default=1.0, ge=0)
    """With `cost`: what a wrongly unfavorable decision costs."""

    confidence: float = Field(default=0.95, ge=0.5, le=0.999)
    """Level of the intervals."""

    replicates: int = Field(default=1000, ge=100, le=100_000)
    """Bootstrap replicates where an interval has no closed form."""

    price_per_hour: float | None = Field(default=None, ge=0)
    """What an hour of the training machine costs, for the card."""

    currency: str = Field(default="USD", min_length=1, max_length=8)
    """The currency of that price."""

    country: str = Field(default="USA", min_length=3, max_length=3, pattern="^[A-Z]{3}$")
    """ISO code of the country whose electricity the CO2 estimate assumes (needs the extra `energy`)."""
