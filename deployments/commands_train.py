"""What makes a model and shows what came out; the commands import next to nothing until they run."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.cli_app import app

__all__ = ["check", "init", "schema", "show", "sync", "train"]


@app.command(sort_key=1)
def init(
    data: str,
    /,
    *,
    target: str | None = None,
    favorable_label: str | None = None,
    sensitive: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    model: str | None = None,
    force: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Look at a data file and write a commented configuration for it.

    Parameters
    ----------
    data
        A CSV or Parquet file, or an address such as s3://bucket/loans.parquet.
    target
        The column to predict; left out, the likely ones are listed.
    favorable_label
        The label that is good for the person. Only a person can say it.
    sensitive
        A sensitive column; may be given more than once. Those whose names suggest it are found without.
    output
        Where to write; by default the data's name with .yaml, in the working folder.
    model
        The model's name; by default the data's name.
    force
        Overwrite a file that is there.
    """
    from deployments.cli_init import write_configuration

    return write_configuration(
        data,
        target=target,
        favorable_label=favorable_label,
        sensitive=sensitive,
        output=output,
        model=model,
        force=force,
    )


@app.command(sort_key=2)
def check(
    config: Path,
    /,
    *,
    set_: Annotated[
        tuple[str, ...], Parameter(name="--set", negative=(), show_default=False, allow_leading_hyphen=True)
    ] = (),
) -> int:
    """Check a configuration, read its data, and say what is noteworthy; nothing is trained.

    Parameters
    ----------
    config
        The configuration file.
    set_
        A change for this once, as SECTION.KEY=VALUE; may be given more than once.
    """
    from deployments.cli_check import check_configuration

    return check_configuration(config, set_)


@app.command(sort_key=3)
def train(
    config: Path,
    /,
    *,
    set_: Annotated[
        tuple[str, ...], Parameter(name="--set", negative=(), show_default=False, allow_leading_hyphen=True)
    ] = (),
    verbose: Annotated[bool, Parameter(alias="-v", negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Retrain: search, fit, evaluate, explain, audit, document and register a model.

    Killed or interrupted, the same command goes on where it stood.

    Parameters
    ----------
    config
        The configuration file.
    set_
        A change for this run, as SECTION.KEY=VALUE; may be given more than once.
    verbose
        Say more while it runs.
    as_json
        Print what came out as JSON, for a program.
    """
    from deployments.cli_train import retrain

    return retrain(config, set_, verbose=verbose, as_json=as_json)


@app.command(sort_key=4)
def show(
    run: str | None = None,
    /,
    *,
    open_: Annotated[bool, Parameter(name="--open", negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
    list_: Annotated[bool, Parameter(name="--list", negative=(), show_default=False)] = False,
) -> int:
    """Show what a run left: the figures, the groups, and where the card and the rest are.

    Parameters
    ----------
    run
        The start of a run's identifier, or the name of a model or of a flow run; by default the latest run.
    open_
        Open the model card in a browser.
    as_json
        Print it as JSON, for a program.
    list_
        List the runs instead.
    """
    from deployments.cli_show import list_runs, show_run

    return list_runs(as_json=as_json) if list_ else show_run(run, in_browser=open_, as_json=as_json)


@app.command(sort_key=4)
def sync(
    *,
    elsewhere: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Deliver what waits for MLflow: records of runs that were made while it did not answer.

    `train` does so too, when it starts and when it ends.

    Parameters
    ----------
    elsewhere
        Also deliver here what was meant for another MLFLOW_TRACKING_URI and never arrived there.
    as_json
        Print what came of each run as JSON, for a program.
    """
    from deployments.cli_sync import sync as deliver

    return deliver(elsewhere=elsewhere, as_json=as_json)


@app.command(sort_key=5)
def schema() -> int:
    """Print the JSON schema of the configuration, for editors that check and complete it."""
    from evenhand.config import config_schema

    sys.stdout.write(json.dumps(config_schema(), indent=2) + "\n")
    return 0
