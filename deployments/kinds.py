"""The kinds of deployment that every model of a service gets: one entry a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.parameters import parameter_schema, parameters
from evenhand.config import ScheduleConfig, ServedModel

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of deployment.

    Attributes
    ----------
    flow
        The flow's name: the deployment of a model is ``FLOW/MODEL``.
    entrypoint
        Where a worker finds the flow.
    description
        What the page says of a deployment of this kind.
    schedule
        When a model's deployment runs by itself.
    parameters, schema
        A model's parameters and the form that changes them.
    """

    flow: str
    entrypoint: str
    description: str
    schedule: Callable[[ServedModel], ScheduleConfig]
    parameters: Callable[[ServedModel], Mapping[str, Any]]
    schema: Callable[[ServedModel], Mapping[str, Any]]


KINDS = (
    Kind(
        flow="retrain",
        entrypoint="flows.service.retrain",
        description="Searches, fits, explains and audits a model, documents it on a model card, and registers it as a "
        "challenger. One run of a model at a time: the next one waits.",
        schedule=lambda model: model.about.retrain,
        parameters=parameters,
        schema=parameter_schema,
    ),
)
