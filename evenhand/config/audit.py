"""How the model's decisions are compared between groups."""

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["AuditConfig"]


class AuditConfig(Section):
    """The audit of every group and intersection on the test part."""

    depth: int = Field(default=2, ge=1, le=4)
    """How many sensitive attributes an intersection crosses at most."""

    min_group_size: int = Field(default=30, ge=1, le=100_000)
    """Groups with fewer rows are shown and marked as small."""

    confidence: float = Field(default=0.95, ge=0.5, le=0.999)
    """Level of the intervals."""

    replicates: int = Field(default=1000, ge=100, le=100_000)
    """Replicates where an interval or a test has no closed form."""

    policies: list[str] = []
    """The policies that give verdicts: names of those that ship, or paths of your own; by default `statistical`."""

    legitimate_factors: list[str] = []
    """Features that may explain a difference, for the conditional disparities."""
