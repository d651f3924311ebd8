"""What is done with a registered version; the commands import next to nothing until they run."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.cli_app import app

__all__ = ["audit", "monitor", "reproduce", "score"]


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


@app.command(sort_key=6)
def score(
    model: str,
    data: str,
    /,
    *,
    output: Annotated[str, Parameter(alias="-o")],
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
        The Parquet file to write, or an address such as s3://bucket/scored.parquet.
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
    favorable_label: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    classes: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    score: Annotated[str, Parameter(show_default=False)] = "",
    weight: Annotated[str, Parameter(show_default=False)] = "",
    frequency: Annotated[str, Parameter(show_default=False)] = "",
    bins: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
    trust_model: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    config: Path | None = None,
    gate: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    record: Annotated[bool, Parameter(show_default=False)] = True,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Compare decisions between groups, of a registered version on any rows or of files of predictions.

    A version that Evenhand did not make needs --trust-model, and --config or the options of --predictions that say what
    its rows mean.

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
        The label that is good for the person; with more than two labels it may be given more than once.
    classes
        A label, also one that no row has; given once for each label there is, any other is refused.
    score
        The column of the favorable label's probability, between 0 and 1.
    weight
        The column that says how many people of the population a row stands for.
    frequency
        The column that says how often a row was observed, in whole numbers: of a file of counts.
    bins
        Edges of bands of a numeric sensitive column, as age=25,40,62; may be given more than once.
    trust_model
        Load a version that Evenhand did not make. This runs the code stored in it, with all that you may do here.
    config
        With --trust-model: a configuration whose section `data` says what the rows mean, and `audit` how to judge.
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
        classes=classes,
        score=score,
        weight=weight,
        frequency=frequency,
        bins=bins,
        policies=policies,
        trust_model=trust_model,
        config=config,
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
