"""How less discriminatory alternatives to the model are searched."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from evenhand.config._base import Conflict, Section

__all__ = ["MitigateConfig"]


class MitigateConfig(Section):
    """The search for alternatives whose disparities keep a limit, chosen on the validation part."""

    method: Literal["none", "auto"] = "none"
    """`auto` tries the methods that fit the model and takes the best performer inside the limit."""

    candidates: list[
        Literal[
            "reweighing",
            "group_thresholds",
            "penalized_regression",
            "balanced_resampling",
            "correlation_removal",
            "randomized_thresholds",
            "balanced_bagging",
            "grid_search",
            "exponentiated_gradient",
        ]
    ] = []
    """With `auto`: the methods that are tried; by default all."""

    limits: dict[str, float] = {}
    """What must be kept: {demographic_parity_difference: 0.1}. Without limits and policy: a demographic parity ratio of
    at least 0.8, with more than two labels a difference of at most 0.1."""

    policy: str = ""
    """In place of limits: a policy that ships, or the path of your own, whose limits must be kept."""

    attributes: list[str] = []
    """The sensitive attributes that the limits are about; by default all."""

    performance: Literal["accuracy", "balanced_accuracy", "f1_macro"] = "balanced_accuracy"
    """What alternatives are compared by, among those inside the limits."""

    allow_sensitive_features: bool = False
    """Whether the model may need the sensitive attributes of the people it decides on; the law often forbids that."""

    near_optimal: int = Field(default=3, ge=0, le=50)
    """How many of the search's trials within one standard error of the best are tried beside the methods."""

    seconds: float | None = Field(default=120.0, ge=1)
    """No alternative is started after so many seconds; what was tried then depends on the machine's speed."""

    minimum_group: int | None = Field(default=None, ge=2, le=100_000)
    """Groups with fewer rows in a part are shown and take no part in the limits, like `unknown`; by default those under
    what the policy says, or 20."""

    def conflicts(self) -> Iterator[Conflict]:
        """Two sets of limits, of which one alone could be kept."""
        if self.limits and self.policy:
            yield Conflict(("limits", "policy"), "limits and policy exclude each other: a policy holds whole; keep one")
