"""Train a registered version again, from its own rows and configuration, and compare."""

from collections.abc import Callable
from typing import Any

from prefect import flow

from evenhand.config import Config
from evenhand.config.load import parse_config
from evenhand.events import Event
from evenhand.reproduction.checks import TOLERANCE
from evenhand.store import Ref
from flows.session import own_run, watched
from tasks.audit import audit_groups
from tasks.compare import compare_training
from tasks.evaluate import evaluate_model
from tasks.fit import fit_model
from tasks.ingest import ingest_data
from tasks.mitigate import mitigate_model
from tasks.recall import in_place_of_snapshot, recall_version
from tasks.split import split_rows
from tasks.step import scratch_folder, store_apart
from tasks.tracking import RunRef
from tasks.tune import tune_model
from tasks.weight import weigh_rows

__all__ = ["reproduce", "reproduce_version", "run_reproduce"]


@flow(name="reproduce", flow_run_name="reproduce {model} {version}", validate_parameters=True, persist_result=False)
def reproduce(model: str, version: str = "", tolerance: float = TOLERANCE) -> dict[str, Any]:
    """Train a registered version again and compare: identical, within the tolerance, or different and where first.

    Args:
        model: The registered name.
        version: A version's number; the one that is live when it is left out.
        tolerance: How far numbers may differ.
    """
    return reproduce_version(model, version, tolerance)


def reproduce_version(model: str, version: str, tolerance: float) -> dict[str, Any]:
    """The steps of a reproduction, in order, within whichever flow runs.

    Parameters
    ----------
    model, version, tolerance
        As :func:`reproduce` takes them.
    """
    with scratch_folder("reproduce") as folder:
        known, rows, why = recall_version(model, version, folder)
        config = parse_config(known.config)
        with store_apart(folder):
            with in_place_of_snapshot(why):
                rows = rows or ingest_data(config.data, known.contract, held=False)
            with own_run(
                experiment=f"{known.model} reproduce",  # apart from the trainings that may go live
                name=f"reproduce {known.name}",
                model=known.model,
                tags={"evenhand.reproduces": known.run_id},
            ) as run:
                results = _train_again(config, rows, run, known.run_id)
                return compare_training(known, results, tolerance, run=run)


def _train_again(config: Config, rows: Ref, run: RunRef, repeats: str) -> dict[str, Ref]:
    """What `retrain` does from the rows to the evidence."""
    weight, seed = config.weight, config.seed
    parts = split_rows(rows, config.split, None, seed)
    develop, holdout = parts["develop"], parts["holdout"]
    weights = weigh_rows(develop, weight)
    grouped = config.split.method == "group"
    found = tune_model(develop, weights, config.search, weight, grouped=grouped, seed=seed, run=run)
    fitted = fit_model(develop, weights, found, config.evaluate, weight, seed=seed, run=run)
    if config.mitigate.method != "none":
        mine = {"develop": develop, "holdout": holdout, "weights": weights}
        fitted = mitigate_model(mine, found, fitted, config.mitigate, config.evaluate, weight, seed=seed, run=run)
    evidence = evaluate_model(fitted, holdout, config.evaluate, seed=seed, run=run)
    audit_groups(evidence, holdout, config, run=run, repeats=repeats)
    return {"rows": rows, "develop": develop, "holdout": holdout, "found": found, "fitted": fitted}


def run_reproduce(
    model: str,
    version: str = "",
    *,
    tolerance: float = TOLERANCE,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Run the flow in this process.

    Parameters
    ----------
    model, version, tolerance
        As :func:`reproduce` takes them.
    on_event
        Called with each event, in this thread.
    """
    with watched(on_event):
        found: dict[str, Any] = reproduce(model, version, tolerance)
    return found
