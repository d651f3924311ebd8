"""Search for the model, trial by trial, so that a killed search goes on where it stood."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np
import pandas as pd
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from evenhand.config import SearchConfig, WeightConfig
from evenhand.data.dataset import Dataset
from evenhand.events import Event
from evenhand.exceptions import ConfigError, Problem, ServiceError, nearest, shorten
from evenhand.modeling.meter import Meter
from evenhand.modeling.search import search as search_model
from evenhand.modeling.search_fairness import FairnessLimit
from evenhand.modeling.search_results import SearchResult, Trial
from evenhand.modeling.search_words import told_limit, told_pool
from evenhand.store import Ref
from tasks.step import (
    emit,
    in_flow,
    keep_figure,
    load_part,
    load_weights,
    note,
    once,
    plain_markdown,
    read_json,
    step,
    step_key,
    store,
    table,
    write_json,
)
from tasks.tracking import Child, File, Item, Metrics, Params, RunRef, Series, Table, log

__all__ = ["tune_model"]

_SAVE_SECONDS = 10.0


@step("tune", "Searches candidates and their hyperparameters by cross-validation on the training part.")
def tune_model(
    develop: Ref,
    weights: Ref,
    search: SearchConfig,
    weight: WeightConfig,
    *,
    grouped: bool,
    seed: int,
    run: RunRef,
    country: str = "USA",
) -> Ref:
    """The search's trials and the selected one.

    Parameters
    ----------
    develop, weights
        Results of earlier steps.
    search, weight
        Sections of the configuration.
    grouped
        Whether the rows of one person stay in one fold.
    seed
        Of the search.
    run
        Where the trials are recorded.
    country
        ISO code of the country whose electricity the estimate of its CO2 assumes.
    """
    asked = search.model_dump(mode="json", exclude={"workers", "backend", "child_runs"})
    resample = weight.resampler if weight.method == "resample" else None
    parts = {
        "develop": develop.digest,
        "weights": weights.digest,
        "search": asked,
        "resample": resample,
        "grouped": grouped,
        "seed": seed,
    }

    def write(folder: Path) -> None:
        train = load_part(develop, "train")
        log_file = store().work_folder("tune", step_key("tune", parts)) / "trials.jsonl"
        begun = log_file.is_file()
        with (
            Meter(country=country) as meter,
            _progress(search.trials, lambda: store().save_work("tune", step_key("tune", parts))) as on_trial,
        ):
            result = search_model(
                train.X,
                train.y,
                sample_weight=load_weights(weights),
                groups=train.group if grouped else None,
                resample=resample,
                favorable_label=train.favorable_label,
                seed=seed,
                log=log_file,
                on_trial=on_trial,
                workers=search.workers,
                fairness=_limit(search, train),
                **search.model_dump(exclude={"workers", "child_runs", "fairness"}),
            )
        _write(folder, result)
        write_json(folder / "cost.json", {**meter.reading.to_dict(), **_not_metered(search, begun=begun)})

    key = step_key("tune", parts)
    with store().alone("tune", key, _say_it_waits):
        ref = once("tune", parts, write)
        store().drop_work("tune", key)  # its trials stand in the result now
    _tell(store().folder(ref), search, run)
    return ref


def _tell(folder: Path, search: SearchConfig, run: RunRef) -> None:
    """Record the search, and show it on Prefect's page."""
    found = read_json(folder / "search.json")
    trials = _trial_rows(found)
    table("trials", trials, " ".join(["Every trial of the search.", plain_markdown(told_limit(found))]).strip())
    spent = read_json(folder / "cost.json")
    log(run, _items(found, trials, folder, search.child_runs))
    log(run, [Metrics({f"search/{name}": spent[name] for name in ("cpu_seconds", "peak_memory_bytes", "energy_kwh")})])
    chosen = found["selected"]
    note(
        f"{found['n_trials']} trials; trial {chosen['number']} is selected: "
        f"{chosen['candidate']}, {found['scorer']} {chosen['mean']:.4f}" + _kept(found)
    )


def _say_it_waits() -> None:
    said = "another run does the same search: this one waits for its result"
    note(said)
    emit(Event("note", "tune", said))


def _not_metered(search: SearchConfig, *, begun: bool) -> dict[str, str]:
    """What the meter of this process could not see of the search, if anything."""
    seen = ["it was interrupted, and what came before is not counted"] if begun else []
    if search.backend == "dask":
        seen.append("the workers of the Dask cluster are not counted")
    return {"not_metered": "; ".join(seen)} if seen else {}


def _kept(found: dict[str, Any]) -> str:
    limited, read = found["fairness"], found["selected"].get("fairness")
    if limited is None or read is None:
        return ""
    value = "undefined" if read["value"] is None else f"{read['value']:.3f}"
    return f", {limited['metric']} {value}" + ("" if limited["met"] else "; no trial keeps the limit")


def _limit(search: SearchConfig, train: Dataset) -> FairnessLimit | None:
    """The limit on a disparity, where one is declared."""
    asked = search.fairness
    if not asked.metric:
        return None
    known = list(train.sensitive_features.columns)
    strange = [name for name in asked.attributes if name not in known]
    if strange:
        problems = [
            Problem("search.fairness.attributes", f"{shorten(name)} is no sensitive attribute", nearest(name, known))
            for name in strange
        ]
        raise ConfigError("the configuration does not fit the data", problems)
    sensitive = train.sensitive_features[asked.attributes or known]
    return FairnessLimit(asked.metric, asked.limit, sensitive, asked.minimum_group)


OnTrial = Callable[[Trial, int, int | None], None]


@contextmanager
def _progress(total: int | None, save: Callable[[], None]) -> Iterator[OnTrial]:
    """A callback that moves the bar of whoever listens, and at most once a second the one on Prefect's page.

    At most every ten seconds it lets `save` copy the trials to where another machine finds them; when that fails, the
    next copy has them.
    """
    page: UUID | None = None
    if in_flow():
        page = cast("UUID", create_progress_artifact(progress=0.0, key="search", description="Progress of the search"))
    last = saved = time.monotonic()

    def on_trial(trial: Trial, done: int, planned: int | None) -> None:
        nonlocal last, saved
        score = f"{trial.mean:.4f}" if trial.status == "complete" else trial.status
        # So many are done is no trial's number: numbers begin at 0, and workers do not finish in their order.
        said = f"trial {trial.number}: {trial.candidate} {score}"
        emit(Event("progress", "tune", said, done=done, total=planned or total))
        if page is not None and total and time.monotonic() - last > 1:
            last = time.monotonic()
            update_progress_artifact(page, progress=min(100.0, 100 * done / total))
        if time.monotonic() - saved > _SAVE_SECONDS:
            saved = time.monotonic()
            with suppress(ServiceError):
                save()

    yield on_trial
    if page is not None:
        update_progress_artifact(page, progress=100.0)


def _write(folder: Path, result: SearchResult) -> None:
    found, best = result.to_dict(), result.best
    write_json(folder / "search.json", found)
    keep_figure(
        folder,
        "search",
        result.plot(),
        title="Score of every trial, by cross-validation on the training part",
        alt=f"{len(result.trials)} trials; the best{told_pool(found)} is trial {best.number}, {best.candidate}, with "
        f"{best.mean:.4f}.",
    )
    if result.fairness is not None:
        said = "the selected one keeps the limit" if result.fairness["met"] else "none of which keeps the limit"
        keep_figure(
            folder,
            "search_front",
            result.plot_front(),
            title="Score and disparity of every trial, by cross-validation on the training part",
            alt=f"{len(result.trials)} trials, {len(result.fairness['front'])} on the front; {said}.",
        )


def _trial_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A flat row a trial, in order."""
    rows = []
    for trial in found["trials"]:
        params = ", ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in trial["params"].items()
        )
        rows.append(
            {
                "trial": trial["number"],
                "candidate": trial["candidate"],
                "score": None if trial["mean"] is None else round(trial["mean"], 5),
                "std": None if trial["std"] is None else round(trial["std"], 5),
                "status": trial["status"] + (" (selected)" if trial["number"] == found["selected"]["number"] else ""),
                "seconds": round(trial["seconds"], 2),
                "parameters": params,
                "reason": trial["reason"],
                **_fairness(trial, found),
            }
        )
    return rows


def _fairness(trial: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """A trial's disparity, where the search has a limit on one."""
    limited = found["fairness"]
    if limited is None:
        return {}
    read = trial.get("fairness") or {"value": None, "attribute": "", "inside": False}
    front = "yes" if trial["number"] in limited["front"] else ""
    return {limited["metric"]: read["value"], "by": read["attribute"], "inside": read["inside"], "front": front}


def _items(found: dict[str, Any], rows: list[dict[str, Any]], folder: Path, children: int) -> list[Item]:
    """What MLflow gets: all trials as one table and stepped metrics, the best few as child runs."""
    complete = [trial for trial in found["trials"] if trial["status"] == "complete"]
    best_so_far = np.maximum.accumulate([trial["mean"] for trial in complete])
    ranked = sorted(complete, key=lambda trial: (-trial["mean"], trial["number"]))[:children]
    return [
        Table("search/trials.json", pd.DataFrame(rows)),
        Table("search/preference.json", pd.DataFrame(found["preference"])),
        File(folder / "search.json", "search"),
        *(File(path, "search") for path in sorted((folder / "figures").glob("search*.png"))),
        Series(
            {
                "search/score": [(trial["number"], trial["mean"]) for trial in complete],
                "search/best": [(t["number"], float(b)) for t, b in zip(complete, best_so_far, strict=True)],
                "search/seconds": [(trial["number"], trial["seconds"]) for trial in found["trials"]],
            }
        ),
        Metrics({"search/selected": found["selected"]["mean"], "search/trials": found["n_trials"]}),
        Params({"candidate": found["selected"]["candidate"], **_prefixed(found["selected"]["params"])}),
        *(
            Child(
                key=f"trial-{trial['number']}",
                name=f"trial {trial['number']} {trial['candidate']}",
                params={"candidate": trial["candidate"], **trial["params"]},
                metrics={found["scorer"]: trial["mean"], "std": trial["std"], "seconds": trial["seconds"]},
            )
            for trial in ranked
        ),
    ]


def _prefixed(params: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{name}": value for name, value in params.items()}
