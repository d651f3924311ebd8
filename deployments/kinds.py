"""The kinds of deployment that the models of a service get: one entry a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.monitor_parameters import monitor_parameters, monitor_schema
from deployments.parameters import parameter_schema, parameters
from deployments.parameters_after import (
    audit_parameters,
    audit_schema,
    reproduce_parameters,
    reproduce_schema,
    rollback_schema,
    score_parameters,
    score_schema,
)
from evenhand.config import ScheduleConfig, ServedModel

__all__ = ["KINDS", "ROLLBACKS", "Kind"]

ROLLBACKS = "rollbacks"
"""The work queue of rollbacks: a worker of its own takes them at once, while a retrain has the others' places."""


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
    wanted
        Whether a model has such a deployment at all.
    queue
        The queue of the work pool that its runs wait in; a worker takes those of every queue unless it is told one.
    """

    flow: str
    entrypoint: str
    description: str
    schedule: Callable[[ServedModel], ScheduleConfig]
    parameters: Callable[[ServedModel], Mapping[str, Any]]
    schema: Callable[[ServedModel], Mapping[str, Any]]
    wanted: Callable[[ServedModel], bool] = lambda _model: True
    queue: str = "default"


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
    Kind(
        flow="rollback",
        entrypoint="flows.rollback.rollback",
        description="Makes an earlier champion the champion again, after it was loaded and tried on made-up rows.",
        schedule=lambda _: ScheduleConfig(),
        parameters=lambda _: {},
        schema=rollback_schema,
        queue=ROLLBACKS,
    ),
    Kind(
        flow="score",
        entrypoint="flows.served.score",
        description="Scores rows with the live version: probability, decision and the top reasons of each, in a "
        "Parquet file in the folder that the service file names.",
        schedule=lambda model: model.about.score,
        parameters=score_parameters,
        schema=score_schema,
        wanted=lambda model: bool(model.score_sources),
    ),
    Kind(
        flow="reproduce",
        entrypoint="flows.served.reproduce",
        description="Trains a registered version again from the snapshot of its rows, and says whether data, split, "
        "trials, parameters, predictions and figures are the same, and where the first difference is.",
        schedule=lambda _model: ScheduleConfig(),
        parameters=reproduce_parameters,
        schema=reproduce_schema,
    ),
    Kind(
        flow="monitor",
        entrypoint="flows.served.monitor",
        description="Compares new data with what the model was registered with: drift, every declared policy, and "
        "performance as soon as outcomes are known. An alarm starts a retrain where the service file says so.",
        schedule=lambda model: model.watched,
        parameters=monitor_parameters,
        schema=monitor_schema,
        wanted=lambda model: bool(model.watched.sources),
    ),
    Kind(
        flow="audit",
        entrypoint="flows.served.audit",
        description="Compares the decisions of a registered version between groups, on rows of a named source, and "
        "judges them by the declared policies. Nothing is trained.",
        schedule=lambda _model: ScheduleConfig(),
        parameters=audit_parameters,
        schema=audit_schema,
    ),
)
