"""How the model is explained."""

from typing import Literal

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["ExplainConfig"]


class ExplainConfig(Section):
    """Attributions, importances, dependence and proxies, on a sample of the test part."""

    method: Literal["auto", "shap", "lime"] = "auto"
    """The local explainer; `auto` is SHAP in the form that fits the model. LIME needs the extra `lime`."""

    rows: int = Field(default=500, ge=10, le=100_000)
    """Test rows that are explained."""

    background_rows: int = Field(default=100, ge=10, le=10_000)
    """Training rows that stand for the average case where the method needs a sample."""

    features: int = Field(default=6, ge=1, le=50)
    """How many of the most important features get a dependence plot."""

    repeats: int = Field(default=10, ge=2, le=1000)
    """Shuffles of each feature for the permutation importance."""

    min_cell: int = Field(default=10, ge=1, le=1000)
    """Cells with fewer people are not shown outside the restricted artifact."""
