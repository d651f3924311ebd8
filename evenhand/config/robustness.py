"""How the model is tried on rows that come otherwise than expected."""

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["RobustnessConfig"]


class RobustnessConfig(Section):
    """The checks of robustness on the test part, for everybody and for each group."""

    enabled: bool = True
    """Whether they are made."""

    rows: int = Field(default=2000, ge=50, le=1_000_000)
    """Test rows, drawn at random, on which the model is asked again."""

    noise: float = Field(default=0.1, ge=0.001, le=2)
    """Noise on numbers, in standard deviations of the training rows; rows at the boundary get a tenth of it."""

    missing: float = Field(default=0.1, ge=0.001, le=0.9)
    """Share of the values that are taken away."""

    label_noise: float = Field(default=0.05, ge=0.001, le=0.49)
    """Share of the test labels that are taken to be wrong."""

    shift: float = Field(default=2.0, ge=1.01, le=100)
    """Factor by which each group's share of the people may change."""

    band: float = Field(default=0.05, ge=0.001, le=0.5)
    """A probability nearer to the threshold than this is at the boundary."""

    flip_rows: int = Field(default=100, ge=10, le=100_000)
    """Denied rows for which the smallest change that flips the decision is searched, at most."""
