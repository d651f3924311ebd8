"""How the model is chosen."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from evenhand.config._base import Conflict, Section

__all__ = ["SearchConfig"]


class SearchFairnessConfig(Section):
    """A limit on a disparity: the search takes the best score among the trials that keep it."""

    metric: str = ""
    """The disparity, such as demographic_parity_difference or demographic_parity_ratio; left out, there is no limit."""

    limit: float = Field(default=0.1, ge=0.001, le=0.999)
    """The largest difference, or the smallest ratio, that a trial may have on the held-out rows of its folds."""

    attributes: list[str] = []
    """The sensitive attributes that it is about, of which the worst counts; by default all."""

    minimum_group: int = Field(default=20, ge=2, le=100_000)
    """Groups with fewer training rows take no part, like `unknown`."""


class SearchConfig(Section):
    """The search over candidates and their hyperparameters, by cross-validation on the training part."""

    method: Literal["bayes", "random", "grid"] = "bayes"
    """How the next trial is chosen."""

    candidates: list[Literal["logistic", "boosting", "perceptron"]] = Field(
        default=["logistic", "boosting", "perceptron"], min_length=1
    )
    """The kinds of model that compete."""

    scorer: str = "roc_auc"
    """Any scikit-learn scorer; multi-class targets get the one-vs-rest form where there is one."""

    trials: int | None = Field(default=30, ge=1, le=10_000)
    """Stop after so many trials."""

    seconds: float | None = Field(default=None, ge=1)
    """Stop starting trials after so many seconds; results then depend on the machine's speed."""

    folds: int = Field(default=5, ge=2, le=20)
    """Folds of the cross-validation."""

    batch_size: int = Field(default=4, ge=1, le=64)
    """Trials that are proposed at once; part of the result, the number of workers is not."""

    workers: int | None = Field(default=None, ge=1, le=1024)
    """Processes that run trials; by default one a core. The result does not depend on it."""

    backend: Literal["local", "dask"] = "local"
    """Where trials run: on this machine, or on the Dask cluster that EVENHAND_DASK_SCHEDULER names; same result."""

    prune: bool = True
    """Stop a hopeless trial after its first folds; it is flagged and never selected."""

    prefer: Literal["best", "simplest"] = "best"
    """Take the best trial, or the simplest within one standard error of it."""

    space: dict[str, dict[str, Any]] = {}
    """Overrides of the search space: {boosting: {learning_rate: {low: 0.01, high: 0.3, log: true}}}."""

    fairness: SearchFairnessConfig = SearchFairnessConfig()
    """A limit on a disparity that every selected trial has to keep."""

    child_runs: int = Field(default=5, ge=0, le=100)
    """How many of the best trials get a child run of their own in MLflow; all of them stand in the table."""

    def conflicts(self) -> Iterator[Conflict]:
        """A search without an end."""
        if self.trials is None and self.seconds is None:
            yield Conflict(("trials", "seconds"), "give a budget: trials, seconds or both")
