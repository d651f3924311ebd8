"""The flows that a server starts: the same work as the command line's, held to what the service file allows."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import deployment, flow_run

from evenhand.config import ServedModel, load_service
from evenhand.exceptions import ConfigError, nearest
from flows.again import finished_already
from flows.approval import wait_for_person
from flows.late import replaced_by_newer
from flows.life import alive
from flows.made_up import made_up
from flows.retrain import retrain_model
from tasks.step import reading_below

__all__ = ["in_place_of", "retrain", "run_name", "served_model"]

Change = dict[str, Any] | None


def run_name() -> str:
    """The model and the minute; a name that a person gave stays, and so does that of a run that is taken up again."""
    given = str(flow_run.name)
    if not made_up(given):
        return given
    return f"{deployment.name} {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@flow(name="retrain", flow_run_name=run_name, validate_parameters=True, persist_result=False)
@alive
def retrain(
    source: str = "",
    search: Change = None,
    weight: Change = None,
    mitigate: Change = None,
    evaluate: Change = None,
    audit: Change = None,
    explain: Change = None,
    split: Change = None,
    contract: Literal["enforce", "renew"] | None = None,
    seed: int | None = None,
) -> dict[str, Any] | State:
    """Retrain the deployment's model: tuned, explained, audited by group, documented and registered.

    What is left out is as the model's configuration has it.

    Args:
        source: One of the sources that the service file names.
        search: How the model is chosen.
        weight: How much each training row counts.
        mitigate: Whether and how alternatives with smaller disparities are searched.
        evaluate: How it is calibrated, given a threshold, and assessed.
        audit: How its decisions are compared between groups.
        explain: How it is explained.
        split: How the rows are divided.
        contract: Hold the rows to what the model's first data promised, or make a new contract of these rows.
        seed: The seed that every random draw derives from.
    """
    changes = {
        "search": search,
        "weight": weight,
        "mitigate": mitigate,
        "evaluate": evaluate,
        "audit": audit,
        "explain": explain,
        "split": split,
        "contract": contract,
        "seed": seed,
    }
    found = finished_already()  # a run that a person has answered starts from its top
    if found is None:
        ended = in_place_of()
        if ended is not None:
            return ended
    model = served_model()
    config = model.configure(source=source, changes=changes)
    with reading_below(model.roots):
        found = found or retrain_model(config)
    return wait_for_person(found) if found["decision"] == "hold" and config.gate.ask_on_page else found


def served_model() -> ServedModel:
    """The deployment's model, as the service file on this machine has it.

    Raises
    ------
    ConfigError
        When the process was not started for a deployment of `evenhand deploy`.
    """
    file = os.environ.get("EVENHAND_SERVICE")
    if not file:
        raise ConfigError("EVENHAND_SERVICE names no service file: `evenhand deploy` sets it for its deployments")
    if not os.environ.get("EVENHAND_HOME"):
        raise ConfigError("EVENHAND_HOME is not set where the worker runs: results would be lost with the process")
    service = load_service(Path(file))
    name = str(deployment.name)
    if name not in service.models:
        raise ConfigError(f"{file} has no model {name!r}: {nearest(name, service.models)}; deploy it again")
    return service.models[name]


def in_place_of() -> State | None:
    """How a run ends at once, because a newer one is due."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    return replaced_by_newer(context.flow_run.id)
