"""How the model was chosen, fitted, calibrated and given its threshold, and what that cost."""

from collections.abc import Mapping
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Section, Table, Text
from evenhand.card.inputs import Inputs, Values
from evenhand.card.text import count, duration, join, name_of, number, plain, size, words
from evenhand.modeling.search_words import told_limit, told_pool

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
        f"{'the simplest within one standard error of the best' if search.get('prefer') == 'simplest' else 'the best'}"
        f"{told_pool(search)}."
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
    caption, note = "What a simpler candidate would cost (cross-validated score)", ""
    if pool := told_pool(search):
        note = f"Each candidate's best trial{pool}."
    table = (Table(caption, columns, rows, note),) if rows else ()
    pictures = inputs.drawn(["search", "search_front", "trials", "search_progress"])
    return (Text(text), *_limited(search), *pictures, *table)


def _limited(search: Values) -> tuple[Block, ...]:
    """What the search's limit on a disparity did."""
    said = plain(told_limit(search))
    if not said:
        return ()
    where = " Values are of the decisions on the held-out rows of all folds together."
    return (Text(said + where, tone="plain" if search["fairness"]["met"] else "flag"),)


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
    costs = inputs.costs
    if not costs:
        return (Text("Costs were not measured.", tone="absent"),)
    money = costs.get("money_per_million_rows")
    named = {
        "One decision": f"{duration(costs.get('latency_median_seconds'))} median, "
        f"{duration(costs.get('latency_p99_seconds'))} at the 99th percentile",
        "Decisions in a batch": f"{count(costs['rows_per_second'])} a second" if costs.get("rows_per_second") else None,
        "Size of the model": size(costs.get("model_bytes")),
        "A million decisions": f"{number(money)} {plain(costs.get('currency', ''))}" if money is not None else None,
    }
    return (Facts(tuple((name, Cell(plain(value))) for name, value in named.items() if value)), _spent(inputs))


def _parts(inputs: Inputs) -> dict[str, Values]:
    """What was measured of the development, by its part; an empty mapping for what was not."""
    named = {"Search": "search", "Final fit": "training", "Alternatives with smaller disparities": "mitigation"}
    found = {name: inputs.costs.get(key) or {} for name, key in named.items()}
    return {name: reading for name, reading in found.items() if reading or name != list(named)[-1]}


def _sum(parts: Mapping[str, Values], name: str) -> float | None:
    """The parts together; None where one of them was not measured."""
    values = _values(parts, name)
    return sum(values) if len(values) == len(parts) else None


def _values(parts: Mapping[str, Values], name: str) -> list[float]:
    """What the parts have of it."""
    return [reading[name] for reading in parts.values() if reading.get(name) is not None]


def _spent(inputs: Inputs) -> Table:
    parts = _parts(inputs)
    peaks = _values(parts, "peak_memory_bytes")
    whole = {name: _sum(parts, name) for name in ("wall_seconds", "cpu_seconds", "money")}
    whole["peak_memory_bytes"] = max(peaks) if len(peaks) == len(parts) else None
    is_priced = bool(_values(parts, "money"))
    rows = tuple(
        (
            Cell(name),
            Cell(duration(reading.get("wall_seconds")), reading.get("wall_seconds")),
            Cell(duration(reading.get("cpu_seconds")), reading.get("cpu_seconds")),
            Cell(size(reading.get("peak_memory_bytes")), reading.get("peak_memory_bytes")),
            *((_money(reading, parts),) if is_priced else ()),
        )
        for name, reading in {**parts, "Together": whole}.items()
    )
    columns = ("Training", "By the clock", "Processor time", "Peak memory", *(("Money",) if is_priced else ()))
    return Table("What training cost, by its part", columns, rows, _not_metered(parts))


def _money(reading: Values, parts: Mapping[str, Values]) -> Cell:
    if reading.get("money") is None:
        return Cell("not measured")
    currency = next((plain(part["currency"]) for part in parts.values() if part.get("currency")), "")
    return Cell(f"{number(reading['money'])} {currency}", reading["money"])


def _not_metered(parts: Mapping[str, Values]) -> str:
    """What a part's figures leave out, in a sentence."""
    left = [
        f"{name}: {plain(reading['not_metered'])}." for name, reading in parts.items() if reading.get("not_metered")
    ]
    return " ".join(left)


def _environment(inputs: Inputs) -> tuple[Block, ...]:
    parts = _parts(inputs)
    measured = [reading for reading in parts.values() if reading.get("energy_kwh") is not None]
    if not measured:
        reasons = (reading.get("energy_reason") for reading in parts.values())
        why = plain(next(filter(None, reasons), "no meter was installed"))
        return (Text(f"Energy and CO2 of training were not measured: {why}.".replace("..", "."), tone="absent"),)
    whole = {name: _sum(parts, name) for name in ("energy_kwh", "co2_kg")}
    rows = tuple(
        (Cell(name), _amount(reading.get("energy_kwh"), "kWh"), _amount(reading.get("co2_kg"), "kg"))
        for name, reading in {**parts, "Together": whole}.items()
    )
    country = plain(measured[0].get("country") or "an unnamed country")
    note = f"Electricity mix of {country}. {_not_metered(parts)}".strip()
    return (Table("Energy and CO2 of training, by its part", ("Training", "Energy", "CO2"), rows, note),)


def _amount(value: float | None, unit: str) -> Cell:
    return Cell("not measured") if value is None else Cell(f"{number(value, 4)} {unit}", value)


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
