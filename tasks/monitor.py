"""Judge a look at the model that is live, record it, and send the events of its alarms."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import AuditConfig, DataConfig, MonitorConfig
from evenhand.exceptions import ServiceError, StoreError
from evenhand.fairness.judging import DEFAULT_POLICY
from evenhand.fairness.policies import load_policy
from evenhand.monitoring import (
    Judged,
    Latency,
    Level,
    Look,
    Observation,
    Outcomes,
    PolicyLook,
    Reference,
    Signal,
    assess_signals,
    events_of,
    judge_look,
    latency,
    level_of,
    read_latencies,
)
from evenhand.monitoring.charts import Chart, draw_charts
from evenhand.monitoring.drift import ONE_CELL
from evenhand.monitoring.few import without_few
from evenhand.monitoring.looks import DRIFT, FAIRNESS, SCHEMA
from evenhand.monitoring.page import headline, render_html, render_markdown, signal_rows
from evenhand.plotting import figure_to_png
from evenhand.store import Ref, digest_json, write_text
from tasks.registry import Version
from tasks.step import home, in_flow, markdown, note, places_hold, read_json, step, store, table
from tasks.tracking import File, Metrics, Params, RunRef, Series, Table, Tags, client, log, metric_name, reachable
from tasks.tracking.delivery import ask

__all__ = ["assess_look", "declared_digest", "past_looks"]

_SHOWN_LOOKS = 52
_SHOWN = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


@step("assess", "Tests the new data against the reference, judges every policy, and records what was found.")
def assess_look(
    version: Version,
    about: dict[str, Any],
    seen: Ref,
    joined: Ref,
    log_file: str,
    audit: AuditConfig,
    monitor: MonitorConfig,
    *,
    past: Sequence[Mapping[str, Any]],
    owed: Sequence[Mapping[str, Any]] = (),
    at: str,
    fresh: bool,
    declared: str = "",
    seed: int,
    run: RunRef,
) -> dict[str, Any]:
    """One look with its verdicts and alarms, as a dictionary of JSON values; `folder` says where its files are.

    Parameters
    ----------
    version, about
        The version that is watched, and what it left: its ``reference``.
    seen, joined
        Results of the steps `observe` and `outcomes`.
    log_file
        A log of single answers' times, or "".
    audit, monitor
        The configuration's sections.
    past
        Earlier looks at the model, as JSON values.
    owed
        Those of them at the same rows that were judged by something else: the outcomes that became known at them
        count here, too.
    at
        The time of this look.
    fresh
        Whether the data is judged by what is declared for the first time: a second look at the same rows tests
        outcomes only.
    declared
        The digest of what it is judged by, as :func:`declared_digest` has it.
    seed
        Of the audit.
    run
        Where it is recorded.
    """
    looks = [Look.from_dict(each) for each in past]
    observation = Observation.from_dict(found := read_json(store().folder(seen) / "observation.json"))
    labelled, new, told = _labelled(joined, owed)
    outcomes = _outcomes(labelled if len(labelled) else _early(joined))
    level = level_of(monitor.false_alarms, monitor.looks, looks, datetime.fromisoformat(at))
    reference = Reference.from_dict(about["reference"])
    asked: dict[str, Any] = {"drift": monitor.drift, "drop": monitor.drop, "min_rows": monitor.min_rows}
    signals = assess_signals(reference, observation, outcomes, alpha=level.alpha, **asked)
    signals = without_few(signals, monitor.min_cell)
    if not fresh:
        signals = tuple(signal for signal in signals if signal.kind == "performance")
    counts = read_json(store().folder(joined) / "outcomes.json")
    spent = level.alpha is None  # such a look measures, and judges nothing
    judged = _judge(
        observation if fresh and not spent else None,
        None if spent else outcomes,
        reference,
        audit,
        monitor,
        looks=monitor.looks if spent else 1 / level.share,
        covered=new == len(labelled) == observation.n,
        seed=seed,
    )
    policies = judged.policies
    look = Look(
        number=1 + max((each.number for each in looks), default=0),
        at=at,
        model=version.model,
        version=version.version,
        data=found["digest"],
        rows=observation.n if fresh else 0,
        labelled=counts["known"],
        early=counts.get("early", 0),
        alpha=level.alpha,
        share=level.share,
        counted=level.alpha is not None and (bool(policies) or any(each.adjusted is not None for each in signals)),
        signals=tuple(signal.to_dict() for signal in signals),
        policies=tuple(policy.to_dict() for policy in policies),
        latency=tuple(each.to_dict() for each in _latency(log_file)),
        schema=tuple(str(problem) for problem in observation.schema) if fresh else (),
        unknown=_unknown(observation) if fresh and observation.n >= monitor.min_cell else {},
        metrics=_metrics(signals),
        groups=_groups(judged, monitor.min_cell),
        notes=(*_notes(observation, counts, level, signals), *told),
        unjudged=judged.unjudged,
        kept=joined.to_dict(),
        declared=declared,
    )
    broken = tuple(str(problem) for problem in observation.broken) if fresh else ()
    look = events_of(_with_alarms(look, signals, policies, broken), looks, timedelta(days=monitor.cool_down_days))
    return _record([*looks, look], monitor, run)


def _labelled(joined: Ref, owed: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, int, list[str]]:
    """The rows whose outcome became known here and at the looks owed, how many are new ones, and what is told."""
    folders, told = [store().folder(joined)], list[str]()
    for look in owed:
        if not look["labelled"]:
            continue
        try:
            folders.append(store().folder(Ref.from_dict(look["kept"])))
        except StoreError:
            told.append(f"the outcomes that became known at look {look['number']} are not in this store")
        else:
            told.append(f"the {look['labelled']:,} outcomes that became known at look {look['number']} count here, too")
    rows = [pd.read_parquet(folder / "labelled.parquet") for folder in folders]
    new = sum(read_json(folder / "outcomes.json").get("new", 0) for folder in folders)
    return pd.concat([each for each in rows if len(each)] or rows[:1], ignore_index=True), new, told


def _early(joined: Ref) -> pd.DataFrame:
    """The outcomes that wait for more: they are measured at each look, and tested at none before there are enough."""
    file = store().folder(joined) / "early.parquet"
    return pd.read_parquet(file) if file.is_file() else pd.DataFrame()


def _outcomes(rows: pd.DataFrame) -> Outcomes | None:
    if not len(rows):
        return None
    people = rows[[name for name in rows.columns if name.startswith("group:")]]
    people = people.rename(columns=lambda name: name.removeprefix("group:")).fillna("unknown")
    score = rows["score"] if "score" in rows.columns and rows["score"].notna().all() else None
    return Outcomes(rows["target"], rows["prediction"], score, people)


def _judge(
    observation: Observation | None,
    outcomes: Outcomes | None,
    reference: Reference,
    audit: AuditConfig,
    monitor: MonitorConfig,
    *,
    looks: float,
    covered: bool,
    seed: int,
) -> Judged:
    """Every policy, by the new rows' decisions and by the outcomes that became known."""
    asked: dict[str, Any] = {
        "looks": looks,
        "min_rows": monitor.min_rows,
        "covered": covered,
        "depth": min(audit.depth, 2),
        "min_group_size": audit.min_group_size,
        "seed": seed,
    }
    return judge_look(observation, outcomes, reference, audit.policies or [DEFAULT_POLICY], **asked)


def _latency(log_file: str) -> tuple[Latency, ...]:
    places_hold({"log": log_file})
    return latency(read_latencies(Path(log_file))) if log_file else ()


def _unknown(observation: Observation) -> dict[str, float]:
    return {
        name: profile.share("unknown") if "unknown" in profile.categories else 0.0
        for name, profile in observation.groups.items()
    }


def _metrics(signals: Sequence[Signal]) -> dict[str, dict[str, Any]]:
    return {
        signal.name: {"value": signal.value, "low": signal.low, "high": signal.high, "before": signal.before}
        for signal in signals
        if signal.kind == "performance" and signal.value is not None
    }


def _groups(judged: Judged, min_cell: int) -> tuple[dict[str, Any], ...]:
    """Each group's rates, without outcomes that of decisions alone; of few people nothing is told."""
    rows = []
    for evidence, report in judged.reports.items():
        shown = _SHOWN if evidence == "outcomes" else _SHOWN[:1]
        for audited in report.audits.values():
            for group in audited.groups.values():
                told = group.n >= min_cell
                found = {name: group.metrics[name].to_dict() for name in shown if told and name in group.metrics}
                kept = {name: {end: each.get(end) for end in ("value", "low", "high")} for name, each in found.items()}
                who = {"attribute": audited.name, "group": group.group, "n": group.n if told else None}
                rows.append({**who, "metrics": kept, "evidence": evidence})
    return tuple(rows)


def _notes(
    observation: Observation, counts: dict[str, Any], level: Level, signals: Sequence[Signal]
) -> tuple[str, ...]:
    few = [signal for signal in signals if signal.adjusted is None and "fewer than" in signal.reason]
    said = [f"{len(few)} of {len(signals)} signals are not tested: {few[0].reason}"] if few else []
    blind = [signal.name for signal in signals if signal.reason == ONE_CELL and signal.kind in ("feature", "group")]
    if blind:
        said.append(f"not compared until the model is trained again: {', '.join(blind)}; {ONE_CELL}")
    return (*filter(None, [level.reason]), *said, *observation.notes, *counts["notes"])


def _with_alarms(
    look: Look, signals: Sequence[Signal], policies: Sequence[PolicyLook], broken: tuple[str, ...]
) -> Look:
    found = {
        DRIFT: tuple(each.sentence for each in sorted(signals, key=lambda each: -(each.effect or 0.0)) if each.alarm),
        FAIRNESS: tuple(policy.sentence for policy in policies if policy.verdict == "FAIL"),
        SCHEMA: broken,
    }
    return Look(**{**vars(look), "alarms": {event: said for event, said in found.items() if said}})


def _record(looks: Sequence[Look], monitor: MonitorConfig, run: RunRef) -> dict[str, Any]:
    """Files, the MLflow run, Prefect's page, the events, and last of all the history."""
    look, shown = looks[-1], looks[-_SHOWN_LOOKS:]
    folder = home() / "monitoring" / look.model / f"{look.number:04d}"
    charts = draw_charts(shown, drift=monitor.drift)
    asked: dict[str, Any] = {"false_alarms": monitor.false_alarms, "looks": monitor.looks}
    _files(folder, look, charts, asked)
    log(run, _items(folder, looks, monitor))
    markdown("monitor", render_markdown(look, charts, **asked), "What the look found, over time")
    table("signals", signal_rows(look), "What was compared")
    _send(look)
    write_text(folder / "look.json", json.dumps(look.to_dict(), indent=1, ensure_ascii=False, allow_nan=False))
    note(headline(look)[0])
    return {**look.to_dict(), "folder": str(folder)}


def _files(folder: Path, look: Look, charts: Sequence[Chart], asked: dict[str, Any]) -> None:
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for chart in charts:
        (folder / "figures" / f"{chart.name}.png").write_bytes(figure_to_png(chart.figure))
    write_text(folder / "monitor.html", render_html(look, charts, **asked))


def _items(folder: Path, looks: Sequence[Look], monitor: MonitorConfig) -> list[Any]:
    look = looks[-1]
    series: dict[str, list[tuple[int, float]]] = {}
    for each in looks:
        for name, value in _figures(each).items():
            series.setdefault(name, []).append((each.number, value))
    last = {"alarms": float(sum(map(len, look.alarms.values()))), "rows": float(look.rows), "look": float(look.number)}
    written = json.dumps(look.to_dict(), ensure_ascii=False, allow_nan=False)
    write_text(folder / "record" / "look.json", written)
    return [
        Params({"version": look.version, **{f"monitor.{name}": value for name, value in monitor.model_dump().items()}}),
        Metrics(last),
        Series(series),
        Table("monitor/signals.json", pd.DataFrame(signal_rows(look))),
        File(folder / "record" / "look.json", "monitor"),
        File(folder / "monitor.html", "monitor"),
        *(File(path, "monitor") for path in sorted((folder / "figures").glob("*.png"))),
        Tags(
            {
                "evenhand.look": str(look.number),
                "evenhand.model_version": look.version,
                "evenhand.events": ", ".join(look.events),
                "mlflow.note.content": headline(look)[0],
            }
        ),
    ]


def _figures(look: Look) -> dict[str, float]:
    """What MLflow's page draws over the looks."""
    found: dict[str, float] = {}
    drifts = [signal for signal in look.signals if signal["kind"] != "performance"]
    names = _apart([("drift", signal["kind"], signal["name"]) for signal in drifts])
    found |= {name: each["effect"] for name, each in zip(names, drifts, strict=True) if each["effect"] is not None}
    for name, value in look.metrics.items():
        found |= {
            metric_name("performance", f"{name}{end}"): value[key] for end, key in _ENDS if value[key] is not None
        }
    for policy in look.policies:
        for rule in policy["rules"]:
            name = metric_name("fairness", policy["policy"], rule["attribute"], rule["metric"])
            if f"{name}{_ENDS[0][0]}" in found:  # by the new rows' decisions already
                name = metric_name("fairness", policy["policy"], rule["attribute"], rule["metric"], "outcomes")
            found |= {f"{name}{end}": rule[key] for end, key in _ENDS if rule[key] is not None}
    found |= {metric_name("unknown", name): share for name, share in look.unknown.items()}
    found |= {f"latency/p{each['percentile']}": each["value"] for each in look.latency}
    return found


def _apart(parts: Sequence[tuple[str, ...]]) -> list[str]:
    """MLflow's name of each; where signs that it does not take told two apart, a digest of the name does."""
    names = [metric_name(*each) for each in parts]
    often = Counter(name.casefold() for name in names)  # as some stores compare them
    digests = [digest_json(list(each))[:8] for each in parts]
    return [
        f"{name[:240]}-{digest}" if often[name.casefold()] > 1 else name
        for name, digest in zip(names, digests, strict=True)
    ]


_ENDS = (("", "value"), ("_low", "low"), ("_high", "high"))


def _send(look: Look) -> None:
    """Prefect's events: an automation may start a retrain on them. Without a server there is nobody to tell."""
    if not in_flow():
        return
    from prefect.events import emit_event

    for event in look.events:
        emit_event(
            event=event,
            resource={"prefect.resource.id": f"evenhand.model.{look.model}", "prefect.resource.name": look.model},
            payload={"version": look.version, "look": look.number, "said": list(look.alarms[event])[:20]},
        )


def declared_digest(data: DataConfig, audit: AuditConfig, monitor: MonitorConfig, seed: int) -> str:
    """The digest of everything that a look's rows are judged by: policies by what they say, levels, limits, columns.

    Parameters
    ----------
    data, audit, monitor, seed
        The configuration's.
    """
    policies = [repr(load_policy(each)) for each in audit.policies or [DEFAULT_POLICY]]
    groups = audit.model_dump(mode="json", include={"depth", "min_group_size"})
    columns = data.model_dump(mode="json", include={"target", "target_above", "sensitive", "key", "group"})
    # What becomes of outcomes, of events and of cells at registration is not what rows are judged by.
    apart = {"cool_down_days", "wait_days", "labels", "bins"}
    watched = monitor.model_dump(mode="json", exclude=apart)
    return digest_json({"policies": policies, "audit": groups, "data": columns, "monitor": watched, "seed": seed})


def past_looks(model: str, experiment: str) -> list[dict[str, Any]]:
    """Every look at a model that is known here or in MLflow, in order.

    Parameters
    ----------
    model
        The registered model's name.
    experiment
        Where looks are recorded. While MLflow is silent those of other machines are missing.
    """
    root = home() / "monitoring" / model
    known = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in root.glob("*/look.json")}
    with suppress(ServiceError), reachable():
        ask()
        for number, value in _recorded(model, experiment, set(known)).items():
            known[number] = value
            write_text(root / number / "look.json", json.dumps(value, ensure_ascii=False))
    return sorted(known.values(), key=lambda each: (each["at"], each["number"]))


def _recorded(model: str, experiment: str, known: set[str]) -> dict[str, dict[str, Any]]:
    """The looks of other machines, by number."""
    found = client().get_experiment_by_name(experiment)
    if found is None:
        return {}
    runs = client().search_runs([found.experiment_id], filter_string="attributes.status = 'FINISHED'", max_results=1000)
    looks = {}
    for run in runs:
        number = f"{int(run.data.tags.get('evenhand.look', 0)):04d}"
        if number == "0000" or number in known or run.data.tags.get("evenhand.model") not in (None, model):
            continue
        path = client().download_artifacts(run.info.run_id, "monitor/look.json")
        looks[number] = json.loads(Path(path).read_text(encoding="utf-8"))
    return looks
