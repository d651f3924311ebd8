"""The command line. It imports next to nothing until a command needs it, so that `evenhand --help` answers at once."""

import errno
import json
import os
import sys
import traceback as tracebacks
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from rich.text import Text

from deployments.screen import console, harden_output, plain
from deployments.signals import Terminated
from evenhand.exceptions import EvenhandError, StoreError

__all__ = ["app", "main", "run"]

_HELP = """Retrain classifiers so that a new model goes live only with evidence.

Evenhand searches, fits, explains and audits a model of tabular data, documents it on a model card, and records
everything in MLflow. One file describes a model: `init` proposes it from the data, `train` does the rest.
"""

_EPILOGUE = """Examples:

    evenhand init loans.csv --target approved --favorable-label yes
    evenhand check loans.yaml
    evenhand train loans.yaml --set search.trials=50 --set data.exclude='[married, age]'
    evenhand show --open
    evenhand score loans new.parquet -o scored.parquet
    evenhand reproduce loans@3
    evenhand audit loans --data loans-2026.parquet --gate

Exit codes: 0 done, 1 a defect of Evenhand, 2 the input or the configuration is wrong, 3 held for approval, or
inconclusive, 4 blocked, failed or different, 5 a service cannot be reached, 130 interrupted, 143 terminated.

Runs and stores live in .evenhand/ below the working folder, or where EVENHAND_HOME points. MLFLOW_TRACKING_URI and
PREFECT_API_URL name servers; without them nothing but this machine is used.
"""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"evenhand {version('evenhand')}"
    except PackageNotFoundError:
        return "evenhand (not installed: run from its sources)"


app = App(
    name="evenhand",
    help=_HELP,
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=_version,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # an interrupted run ends with what to do next
)


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


@app.command(sort_key=5)
def monitor(
    config: Path,
    /,
    *,
    data: str,
    labels: str | None = None,
    log: Path | None = None,
    version: str = "",
    set_: Annotated[
        tuple[str, ...], Parameter(name="--set", negative=(), show_default=False, allow_leading_hyphen=True)
    ] = (),
    gate: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Look at the model that is live: its new data, its performance, and every declared policy.

    Parameters
    ----------
    config
        The model's configuration file.
    data
        The new rows: a CSV or Parquet file, or an address. They need no outcome.
    labels
        Outcomes that became known, as rows of the key and the target; they join the rows of this look and earlier ones.
    log
        A log of single answers' times: JSON lines, or CSV, with a column such as seconds or latency_ms.
    version
        The version or alias to watch; by default the champion.
    set_
        A change for this look, as SECTION.KEY=VALUE; may be given more than once.
    gate
        End with 4 on an alarm, and with 3 where the rows settle too little.
    as_json
        Print what was found as JSON, for a program.
    """
    from deployments.cli_monitor import watch_model

    return watch_model(config, set_, data=data, labels=labels, log=log, version=version, gate=gate, as_json=as_json)


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


@app.command(sort_key=6)
def score(
    model: str,
    data: str,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    version: int | None = None,
    config: Path | None = None,
    reasons: int | None = None,
    key: str | None = None,
    force: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Score rows with a registered version: probability, decision and the top reasons of each, as Parquet.

    The rows are held to the data contract of the model; when they break it nothing is written.

    Parameters
    ----------
    model
        The name under which the model is registered.
    data
        A CSV or Parquet file, or an address such as s3://bucket/applications.parquet; Parquet is read in parts.
    output
        The Parquet file to write.
    version
        A version's number; by default the live one.
    config
        A configuration whose section `score` stands in for the one that the version was trained with.
    reasons
        At most so many reasons a row; 0 for none.
    key
        The column that names the rows; by default the one that the model's configuration names.
    force
        Replace a file that is there.
    as_json
        Print what came out as JSON, for a program; never a row.
    """
    from deployments.cli_score import score_file

    return score_file(
        model,
        data,
        output,
        version="" if version is None else str(version),
        config=config,
        reasons=reasons,
        key=key,
        force=force,
        as_json=as_json,
    )


@app.command(sort_key=6)
def audit(
    model: Annotated[str, Parameter(show_default=False)] = "",
    /,
    *,
    data: Annotated[str, Parameter(show_default=False)] = "",
    policies: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    predictions: Annotated[tuple[Path, ...], Parameter(negative=(), show_default=False)] = (),
    y_true: Annotated[str, Parameter(show_default=False)] = "",
    y_pred: Annotated[str, Parameter(show_default=False)] = "",
    sensitive: Annotated[str, Parameter(show_default=False)] = "",
    favorable_label: Annotated[str, Parameter(show_default=False)] = "",
    score: Annotated[str, Parameter(show_default=False)] = "",
    weight: Annotated[str, Parameter(show_default=False)] = "",
    bins: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    gate: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    record: Annotated[bool, Parameter(show_default=False)] = True,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Compare decisions between groups, of a registered version on any rows or of files of predictions.

    Nothing is trained. With --gate it ends with 0 for PASS, 3 for INCONCLUSIVE and 4 for FAIL, the worst of all
    policies; without, with 0 for every verdict.

    Parameters
    ----------
    model
        MODEL@VERSION, the start of a run's identifier, or MODEL for the live version.
    data
        The rows to audit the model on, with the target and the sensitive columns: a file or an address.
    policies
        A policy that ships or the path of your own; may be given more than once. By default the model's own.
    predictions
        Or: a Parquet file of predictions, or a folder of them, read in parts; may be given more than once.
    y_true
        The column of the labels.
    y_pred
        The column of the predicted labels, or of the decisions.
    sensitive
        The sensitive columns, separated by commas.
    favorable_label
        The label that is good for the person.
    score
        The column of the favorable label's probability, between 0 and 1.
    weight
        The column that says how many people of the population a row stands for.
    bins
        Edges of bands of a numeric sensitive column, as age=25,40,62; may be given more than once.
    gate
        Let the exit code say the verdict.
    output
        The folder for the page and the figures; by default below .evenhand/audits.
    record
        Keep the figures in an MLflow run of the experiment "NAME audit" too, as is the default.
    as_json
        Print what came out as JSON, for a program.
    """
    from deployments.cli_audit import Asked
    from deployments.cli_audit import audit as audit_groups

    asked = Asked(
        model=model,
        data=data,
        predictions=predictions,
        y_true=y_true,
        y_pred=y_pred,
        sensitive=sensitive,
        favorable_label=favorable_label,
        score=score,
        weight=weight,
        bins=bins,
        policies=policies,
        output=output,
        record=record,
    )
    return audit_groups(asked, gate=gate, as_json=as_json)


@app.command(sort_key=6)
def reproduce(
    run: str,
    /,
    *,
    tolerance: float = 1e-6,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Train a registered version again from its own rows, and compare every step with the first time.

    Ends with 0 when it is identical or within the tolerance, with 4 when it is different.

    Parameters
    ----------
    run
        MODEL@VERSION, the start of a run's identifier as `evenhand show` has it, or MODEL for the live version.
    tolerance
        How far a number may differ, relative where it exceeds 1.
    as_json
        Print the comparison as JSON, for a program.
    """
    from deployments.cli_reproduce import reproduce_run

    return reproduce_run(run, tolerance=tolerance, as_json=as_json)


@app.command(sort_key=5)
def approve(
    run: str | None = None,
    /,
    *,
    reason: str,
    by: Annotated[str | None, Parameter(name="--as")] = None,
    key: Path | None = None,
) -> int:
    """Approve a held model: it goes live, if champion and evidence are still as they were.

    Parameters
    ----------
    run
        The start of a run's identifier, or a model's name; by default the only decision that waits.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user. Without a key it is recorded as unverified.
    key
        Your SSH key, to sign the answer; the configuration's gate.approvers lists who may.
    """
    from deployments.cli_decide import answer

    return answer("approve", run, reason=reason, by=by, key=key)


@app.command(sort_key=5)
def reject(
    run: str | None = None,
    /,
    *,
    reason: str,
    by: Annotated[str | None, Parameter(name="--as")] = None,
    key: Path | None = None,
) -> int:
    """Reject a held model: it stays out.

    Parameters
    ----------
    run
        The start of a run's identifier, or a model's name; by default the only decision that waits.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user. Without a key it is recorded as unverified.
    key
        Your SSH key, to sign the answer.
    """
    from deployments.cli_decide import answer

    return answer("reject", run, reason=reason, by=by, key=key)


@app.command(sort_key=6)
def rollback(
    model: str,
    /,
    *,
    to: str | None = None,
    reason: str,
    by: Annotated[str | None, Parameter(name="--as")] = None,
) -> int:
    """Make an earlier champion the champion again, after it was loaded and tried.

    Parameters
    ----------
    model
        The model's name.
    to
        The number of the version; by default the champion before the live one.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user.
    """
    from deployments.cli_decide import roll_back

    return roll_back(model, to=to, reason=reason, by=by)


ledger = App(name="ledger", help="Read and check the record of every decision.", sort_key=7)
app.command(ledger)


@ledger.command
def verify() -> int:
    """Find any edit, removal, reordering or truncation, and any champion that the ledger does not know."""
    from deployments.cli_decide import verify as check_ledger

    return check_ledger()


@ledger.command
def at(
    moment: str,
    /,
    *,
    model: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Say which version was live at a moment, and why.

    Parameters
    ----------
    moment
        A day, 2026-03-01, which means its end, or a moment, 2026-03-01T12:00; UTC unless it has a zone.
    model
        Only this model.
    as_json
        Print it as JSON, with the whole record behind it.
    """
    from deployments.cli_decide import live_at

    return live_at(moment, model=model, as_json=as_json)


@ledger.command(name="list")
def list_records(*, model: str | None = None) -> int:
    """List the records, the newest last.

    Parameters
    ----------
    model
        Only those of this model.
    """
    from deployments.cli_decide import history

    return history(model=model)


@ledger.command
def export(file: Path | None = None, /, *, model: str | None = None) -> int:
    """Write every record as one line of JSON.

    Parameters
    ----------
    file
        Where to; by default to standard output.
    model
        Only those of this model: the chain can be checked on all of them only.
    """
    from deployments.cli_decide import export as write_records

    return write_records(file, model=model)


@ledger.command
def settle(model: str, /) -> int:
    """Put an alias that was moved by hand back where the ledger says.

    Parameters
    ----------
    model
        The model's name.
    """
    from deployments.cli_decide import settle as put_back

    return put_back(model)


@app.command(sort_key=5)
def schema() -> int:
    """Print the JSON schema of the configuration, for editors that check and complete it."""
    from evenhand.config import config_schema

    sys.stdout.write(json.dumps(config_schema(), indent=2) + "\n")
    return 0


@app.command(sort_key=10)
def up(
    service: Path | None = None,
    /,
    *,
    port_prefect: int = 4200,
    port_mlflow: int = 5000,
    workers: int = 1,
) -> int:
    """Run the whole service on this machine without Docker: servers, workers and what is deployed, until Ctrl-C.

    It uses SQLite. PREFECT_SERVER_DATABASE_CONNECTION_URL and MLFLOW_BACKEND_STORE_URI name PostgreSQL instead, with
    one database each.

    Parameters
    ----------
    service
        A service file to deploy first, as `evenhand deploy` does.
    port_prefect
        Where Prefect's server and page listen on 127.0.0.1.
    port_mlflow
        Where MLflow's server and page listen on 127.0.0.1.
    workers
        How many workers run what is due.
    """
    from deployments.cli_up import serve

    return serve(service, port_prefect=port_prefect, port_mlflow=port_mlflow, workers=workers)


@app.command(sort_key=11)
def deploy(
    service: Path,
    /,
    *,
    file_on_worker: Path | None = None,
) -> int:
    """Put the models of a service file on a Prefect server: work pool, deployments, schedules and automations.

    Doing it again changes only what changed, and removes what the file no longer names.

    Parameters
    ----------
    service
        The service file, such as examples/service.yaml; PREFECT_API_URL names the server.
    file_on_worker
        Where the workers find the service file, when that is another place.
    """
    from deployments.cli_deploy import deploy_service

    return deploy_service(service, file_on_worker=file_on_worker)


@app.command(sort_key=11)
def backup(
    file: Path,
    /,
    *,
    compose: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Write what the service knows to one file: both databases and MLflow's artifacts. The service goes on meanwhile.

    Parameters
    ----------
    file
        Where to; whoever can read it reads every card and log.
    compose
        The service that `docker compose up` has started from this folder, and not the one of `evenhand up`.
    """
    from deployments.cli_backup import back_up_service

    return back_up_service(file, compose=compose)


@app.command(sort_key=12)
def restore(
    file: Path,
    /,
    *,
    compose: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    replace: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Put a backup into an empty service.

    Parameters
    ----------
    file
        What `evenhand backup` wrote.
    compose
        The service that `docker compose up` has started from this folder, and not the one of `evenhand up`.
    replace
        Also over runs that are there, which are lost then.
    """
    from deployments.cli_backup import restore_service

    return restore_service(file, compose=compose, replace=replace)


@app.meta.default
def _with_common_options(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    traceback: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Run a command.

    Parameters
    ----------
    tokens
        The command and what belongs to it.
    traceback
        Show where in the code an error arose.
    """
    try:
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except EvenhandError as error:
        return _fail(error, error.exit_code, traceback=traceback)
    except CycloptsError as error:
        return _fail(error, 2, traceback=traceback, hint=f"`evenhand {_command(tokens)}--help` says what is possible")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        place = f" where {error.filename} was to be written" if error.filename else ""
        said = StoreError(f"the disk is full{place}: make room, and give the same command again; it goes on")
        said.__cause__ = error
        return _fail(said, said.exit_code, traceback=traceback)
    except KeyboardInterrupt as error:
        console(stderr=True).print("interrupted: the same command goes on where it stood")
        return 143 if isinstance(error, Terminated) else 130
    return result if isinstance(result, int) else 0


def _command(tokens: Sequence[str]) -> str:
    return (
        f"{tokens[0]} "
        if tokens and not tokens[0].startswith("-") and tokens[0] in {name for each in app for name in app[each].name}
        else ""
    )


def _fail(error: Exception, code: int, *, traceback: bool, hint: str = "") -> int:
    """Say on standard error what is wrong, one problem a line, and end with that code."""
    if traceback:
        tracebacks.print_exception(error)
    out = console(stderr=True)
    first, *rest = str(error).splitlines() or [type(error).__name__]
    text = Text("error: ", style="bold red").append(plain(first), style="default")
    for line in [*rest, *([hint] if hint else [])]:
        text.append(f"\n{plain(line)}", style="default")
    out.print(text, soft_wrap=True)
    return code


def _defect(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """What stands in for Python's traceback: where it happened, but not the message, which may quote a person's row."""
    frames = tracebacks.extract_tb(trace)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    harden_output()
    sys.stderr.write(
        f"error: a defect of Evenhand, not of your input: {kind.__name__}{place}\n"
        "Please report it. `evenhand --traceback COMMAND ...` shows how it arose; look it through for personal data\n"
        "before you send it to anybody.\n"
    )


def run(arguments: Sequence[str]) -> int:
    """Run one command line; what is returned is the exit code.

    Parameters
    ----------
    arguments
        As in `sys.argv[1:]`.
    """
    result: Any = app.meta(
        list(arguments), exit_on_error=False, print_error=False, result_action="return_value", console=console()
    )
    return result if isinstance(result, int) else 0


def main() -> None:
    """The console script."""
    harden_output()
    if "--traceback" not in sys.argv:
        sys.excepthook = _defect
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader left, as `head` does; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
