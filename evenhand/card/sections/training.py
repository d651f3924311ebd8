"""How the model was chosen, fitted, calibrated and given its threshold, and what that cost."""

from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Section, Table, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import count, duration, join, name_of, number, plain, size, words

__all__ = ["training_section"]

CORE_PACKAGES = (
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "scikit-optimize",
    "skops",
    "shap",
    "fairlearn",
    "evenhand",
)


def _search(inputs: Inputs) -> tuple[Block, ...]:
    search = inputs.search
    if not search:
        return (Text("No search was recorded: how the parameters were chosen is not known.", tone="absent"),)
    trials, best = search.get("trials") or (), search.get("selected") or {}
    pruned = sum(trial.get("status") == "pruned" for trial in trials)
    failed = sum(trial.get("status") == "failed" for trial in trials)
    text = (
        f"{count(search.get('n_trials', len(trials)))} trials by {plain(search.get('method', 'an unnamed method'))} "
        f"search, {plain(search.get('folds', '?'))} folds, optimising {words(search.get('scorer', '?'))}; "
        f"{pruned} stopped early, {failed} failed. Selected: trial {plain(best.get('number', '?'))}, preferring "
        f"{'the simplest within one standard error of the best' if search.get('prefer') == 'simplest' else 'the best'}."
    )
    rows = tuple(
        (
            Cell(name_of(row["candidate"]), detail="selected" if search.get("prefer") in row["selected_by"] else ""),
            Cell(number(row["mean"], 4), row["mean"]),
            Cell(number(row["standard_error"], 4), row["standard_error"]),
            Cell(number(row["cost"], 4), row["cost"]),
            Cell("yes" if row["within_one_standard_error"] else "no"),
        )
        for row in search.get("preference") or ()
    )
    columns = ("Candidate", "Best score", "Standard error", "Gives up", "Within one standard error")
    table = (Table("What a simpler candidate would cost (cross-validated score)", columns, rows),) if rows else ()
    return (Text(text), *inputs.drawn(["search", "trials", "search_progress"]), *table)


def _parameters(inputs: Inputs) -> tuple[Block, ...]:
    params: dict[str, Any] = dict(inputs.model.get("params") or {})
    if not params:
        return (Text("No parameters were recorded.", tone="absent"),)
    rows = tuple(
        (plain(name), Cell(plain(value))) for name, value in sorted(params.items(), key=lambda item: str(item[0]))
    )
    return (Facts((("Weights of training rows", Cell(plain(inputs.model.get("weighting") or "not recorded"))), *rows)),)


def _calibration(inputs: Inputs) -> tuple[Block, ...]:
    report = inputs.calibration
    if not report:
        return (Text("Whether the probabilities were calibrated was not recorded.", tone="absent"),)
    scorer = report.get("scorer")
    rows = tuple(
        (
            Cell(words(each["method"]), detail="applied" if each["method"] == report.get("method") else ""),
            Cell(number(each.get("log_loss"), 4), each.get("log_loss")),
            Cell(number(each.get("brier"), 4), each.get("brier")),
            *((Cell(number(each.get("score"), 4), each.get("score")),) if scorer else ()),
            Cell(plain(each.get("reason") or "")),
        )
        for each in report.get("candidates") or ()
    )
    held_to = (f"{words(scorer)} of the decisions",) if scorer else ()
    columns = ("Calibration", "Log loss", "Brier score", *held_to, "Remark")
    table = (Table("Calibrations compared on the validation part", columns, rows),) if rows else ()
    return (Text(f"Applied: {plain(report.get('method', '?'))}. {plain(report.get('reason') or '')}"), *table)


def _threshold(inputs: Inputs) -> tuple[Block, ...]:
    report = inputs.threshold
    if not report:
        return (Text("How probabilities become decisions was not recorded.", tone="absent"),)
    if report.get("threshold") is None:
        return (Text(plain(report.get("reason") or "The model has no threshold: the likeliest class is the answer.")),)
    named = {
        "Threshold": f"{number(report['threshold'], 4)} on the probability of {plain(report.get('positive_label'))}",
        "Rule": words(report.get("rule", "?")) + (f": {words(report['scorer'])}" if report.get("scorer") else ""),
        "Score on validation": f"{number(report.get('score'), 4)} (at 0.5: {number(report.get('score_at_half'), 4)})",
        "Why": report.get("reason"),
    }
    return (
        Facts(tuple((name, Cell(plain(value))) for name, value in named.items() if value)),
        *inputs.drawn(["threshold"]),
    )


def _costs(inputs: Inputs) -> tuple[Block, ...]:
    costs, training = inputs.costs, inputs.costs.get("training") or {}
    if not costs:
        return (Text("Costs were not measured.", tone="absent"),)
    money = costs.get("money_per_million_rows")
    named = {
        "One decision": f"{duration(costs.get('latency_median_seconds'))} median, "
        f"{duration(costs.get('latency_p99_seconds'))} at the 99th percentile",
        "Decisions in a batch": f"{count(costs['rows_per_second'])} a second" if costs.get("rows_per_second") else None,
        "Size of the model": size(costs.get("model_bytes")),
        "A million decisions": f"{number(money)} {plain(costs.get('currency', ''))}" if money is not None else None,
        "Training, processor time": duration(training.get("cpu_seconds")),
        "Training, peak memory": size(training.get("peak_memory_bytes")),
    }
    return (Facts(tuple((name, Cell(plain(value))) for name, value in named.items() if value)),)


def _environment(inputs: Inputs) -> tuple[Block, ...]:
    training = inputs.costs.get("training") or {}
    if training.get("energy_kwh") is None:
        why = plain(training.get("energy_reason") or "no meter was installed")
        return (Text(f"Energy and CO2 of training were not measured: {why}.".replace("..", "."), tone="absent"),)
    rows = (
        ("Energy of training", Cell(f"{number(training['energy_kwh'], 4)} kWh", training["energy_kwh"])),
        ("CO2 of training", Cell(f"{number(training.get('co2_kg'), 4)} kg", training.get("co2_kg"))),
        ("Electricity mix of", Cell(plain(training.get("country") or "an unnamed country"))),
    )
    return (Facts(rows),)


def _machine(inputs: Inputs) -> tuple[Block, ...]:
    machine, packages = inputs.run.get("machine") or {}, inputs.run.get("packages") or {}
    if not machine and not packages:
        return (Text("The machine and the packages were not recorded.", tone="absent"),)
    core = [f"{name} {packages[name]}" for name in CORE_PACKAGES if name in packages]
    rows = [(words(name), Cell(plain(value))) for name, value in machine.items()]
    if packages:
        rows.append(("Packages", Cell(f"{join(core, 20)} ({len(packages)} in all, listed with the run)")))
    return (Facts(tuple(rows)),)


def training_section(inputs: Inputs) -> Section:
    """Search, parameters, calibration, threshold, costs."""
    return Section(
        "training",
        "Training",
        (),
        (
            Section("search", "Search", _search(inputs)),
            Section("parameters", "Parameters", _parameters(inputs)),
            Section("calibration", "Calibration", _calibration(inputs)),
            Section("threshold", "Decision threshold", _threshold(inputs)),
            Section("costs", "Speed, size and cost", _costs(inputs)),
            Section("environment", "Environmental impact", _environment(inputs)),
            Section("machine", "Hardware and software", _machine(inputs)),
        ),
        covers={
            "toolkit": (
                "model_parameters: model_architecture",
                "model_parameters: output_format",
                "considerations: tradeoffs",
            ),
            "hugging_face": (
                "Training Details",
                "Training Procedure",
                "Preprocessing",
                "Training Hyperparameters",
                "Speeds, Sizes, Times",
                "Environmental Impact",
                "Technical Specifications",
                "Model Architecture and Objective",
                "Compute Infrastructure",
                "Hardware",
                "Software",
            ),
            "annex_iv": (
                "1(c) versions of relevant software",
                "1(e) hardware it runs on",
                "2(a) methods and steps of development",
                "2(b) design specifications and trade-offs",
                "2(c) architecture and computational resources",
            ),
        },
    )
