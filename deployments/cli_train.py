"""`evenhand train`: one run of the flow in this process, shown as it goes."""

import os
from collections.abc import Sequence
from pathlib import Path

from deployments.cli_show import print_json
from deployments.local import default_addresses, home_folder, services
from deployments.screen import console, print_outcome, watch
from deployments.signals import stoppable
from evenhand.config import load_config
from evenhand.events import Event
from evenhand.exceptions import ServiceError
from flows.outcome import Outcome

__all__ = ["DECISION_CODES", "exit_code", "retrain"]

DECISION_CODES = {"hold": 3, "block": 4}
"""The exit codes of decisions that are not a promotion."""


def retrain(path: Path, overrides: Sequence[str], *, verbose: bool, as_json: bool) -> int:
    """Check the configuration first, since that takes no time, then run the flow and show what came out."""
    config = load_config(path, overrides)
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    with stoppable(), watch(console(stderr=True), verbose=verbose) as tell:
        tell(Event("started", "start-up"))
        with services():
            from flows.retrain import run_retrain

            tell(Event("finished", "start-up"))
            outcome = run_retrain(config, on_event=tell)
    if as_json:
        print_json(outcome)
    else:
        print_outcome(outcome, console())
    return exit_code(outcome)


def exit_code(outcome: Outcome) -> int:
    """A decision against the model comes first; a model that is not registered yet is neither done nor held."""
    if outcome.waiting and outcome.decision != "block":
        return ServiceError.exit_code
    return DECISION_CODES.get(outcome.decision or "", 0)
