"""Explain the model: what drives it, for whom, and what stands in for a sensitive attribute."""

from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import ExplainConfig
from evenhand.events import Event
from evenhand.explain.engine import explain as explain_rows
from evenhand.explain.plots_local import force_html, plot_beeswarm, plot_waterfall
from evenhand.fairness.served import as_taken
from evenhand.plotting import figure_to_png
from evenhand.store import Ref
from tasks.step import emit, keep_figure, load_fitted, load_part, note, once, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, log, metric_name

__all__ = ["explain_model"]

RESTRICTED = "restricted"


@step(
    "explain", "Attributes decisions to features, for all, for each group and for chosen cases, and looks for proxies."
)
def explain_model(fitted: Ref, develop: Ref, holdout: Ref, explain: ExplainConfig, *, seed: int, run: RunRef) -> Ref:
    """Attributions, importances, dependence and proxies; rows of people stay in a restricted result of the store.

    Parameters
    ----------
    fitted, develop, holdout
        Results of earlier steps.
    explain
        The configuration's section.
    seed
        Of samples and shuffles.
    run
        Where the public part is recorded.
    """
    asked = explain.model_dump(mode="json")
    parts = {
        "fitted": fitted.digest,
        "develop": develop.digest,
        "holdout": holdout.digest,
        "explain": asked,
        "seed": seed,
    }
    ref = once("explain", parts, lambda folder: _write(folder, fitted, develop, holdout, explain, seed))
    folder = store().folder(ref)
    found, importance = read_json(folder / "explanation.json"), pd.read_csv(folder / "importance.csv")
    table("importance", importance.round(5).to_dict("records"), "Importance of each feature")
    log(run, _items(folder, importance))
    top = ", ".join(importance["feature"].astype(str).head(3))
    note(f"{found['method']}; most important: {top}")
    return ref


def _write(folder: Path, fitted: Ref, develop: Ref, holdout: Ref, explain: ExplainConfig, seed: int) -> None:
    model = load_fitted(fitted)
    # Where the model takes the sensitive attributes they are features of it, and explained like any other.
    result = explain_rows(
        model,
        as_taken(model, load_part(holdout, "test")),
        background=as_taken(model, load_part(develop, "train")).X,
        **explain.model_dump(),
        seed=seed,
        on_progress=_progress,
    )
    write_json(folder / "explanation.json", result.to_dict())
    result.to_frame().sort_values("mean_abs", ascending=False).to_csv(folder / "importance.csv", index=False)
    for name, figure in result.plots().items():
        title = name.replace("_", " ").capitalize()
        keep_figure(folder, name, figure, title=title, alt=f"{title}; the numbers stand in the tables of this section.")
    _write_restricted(folder / RESTRICTED, result)


def _write_restricted(folder: Path, result: Any) -> None:
    """Rows of real people: readable by the owner of the store only, and never sent to the tracking service."""
    folder.mkdir(mode=0o700)
    result.to_local_frame().to_parquet(folder / "local.parquet")
    label = result.labels[-1]
    chosen = list(dict.fromkeys(case.row for case in result.local.cases if case.row is not None))
    (folder / "beeswarm.png").write_bytes(figure_to_png(plot_beeswarm(result.local, label)))
    for row in chosen:
        (folder / f"waterfall-{row}.png").write_bytes(figure_to_png(plot_waterfall(result.local, row, label)))
    if chosen:
        (folder / "force.html").write_text(
            force_html(result.local, list(dict.fromkeys(chosen)), label), encoding="utf-8"
        )
    for path in folder.iterdir():
        path.chmod(0o600)


def _progress(what: str, done: int, total: int) -> None:
    emit(Event("progress", "explain", what, done=done, total=total))


def _items(folder: Path, importance: pd.DataFrame) -> list[Any]:
    shown = zip(importance["feature"].astype(str), importance["importance"], strict=True)
    figures = {metric_name("importance", feature): value for feature, value in shown}
    return [
        Metrics(figures),
        Table("explain/importance.json", importance),
        File(folder / "explanation.json", "explain"),
        *(File(path, "explain") for path in sorted((folder / "figures").glob("*.png"))),
    ]
