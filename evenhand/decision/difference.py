"""What differs between a challenger and the champion, line by line, from what their two runs left as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from evenhand.card.text import count, name_of, number, percent, plain, words
from evenhand.decision.difference_groups import group_lines, policy_lines
from evenhand.decision.difference_lines import (
    ABSENT,
    Line,
    Pair,
    Values,
    entries,
    figure_text,
    keys_of,
    line_of,
    short_text,
)
from evenhand.decision.difference_page import render_difference_html, render_difference_markdown
from evenhand.order import group_order

__all__ = ["Row", "difference", "render_difference_html", "render_difference_markdown"]

REASONS = 5


class Row(TypedDict):
    """One line of the comparison: texts as a person reads them, and whether the two sides differ."""

    section: str
    what: str
    champion: str
    challenger: str
    changed: bool


def difference(
    champion: Values, challenger: Values, *, churn: Values | None = None, min_cell: int = 10
) -> tuple[Row, ...]:
    """Compare what two runs left, from the data they saw to the decisions that flip.

    Parameters
    ----------
    champion, challenger
        By the names of the files that the steps leave, each of which may be absent: ``about``, ``split``, ``contract``,
        ``config``, ``search``, ``threshold``, ``calibration``, ``evaluation``, ``audit``, ``robustness``,
        ``explanation``, ``provenance`` with the ``code_version``, and ``decision``, whose verdicts are the champion's
        where its audit is older and was judged at other levels.
    churn
        What :meth:`evenhand.decision.churn.Churn.to_dict` gave for the two on the same rows.
    min_cell
        Figures that rest on fewer people are withheld.

    Returns
    -------
    tuple of Row
        In the order in which a reader needs them. Two sides are ``changed`` when they read differently; of a policy's
        rule only the verdict counts, and of reasons only which feature stands at the place. Of the configuration only
        the keys that differ are listed. Where a side has not recorded something it says so, and both absent is no row.

    Examples
    --------
    >>> metrics = {"metrics": {"accuracy": {"value": 0.875, "low": 0.84, "high": 0.9}}}
    >>> rows = difference({"evaluation": metrics}, {"evaluation": {"metrics": {"accuracy": {"value": 0.9}}}})
    >>> rows[0]["what"], rows[0]["champion"], rows[0]["challenger"], rows[0]["changed"]
    ('Accuracy', '0.875 (0.840 to 0.900)', '0.900', True)
    """
    both = (champion, challenger)
    sections = {
        "Data": _data(both, min_cell),
        "Features": _features(both),
        "Configuration": _configuration(both),
        "Model": _model(both),
        "Metrics": _metrics(both),
        "Groups": group_lines(both, min_cell),
        "Policies": policy_lines(both, min_cell),
        "Robustness": _robustness(both),
        "Reasons": _reasons(both),
        "Churn": _churn(churn or {}),
    }
    return tuple(
        Row(section=section, what=what, champion=first, challenger=second, changed=changed)
        for section, lines in sections.items()
        for what, first, second, changed in lines
    )


def _data(both: Pair, min_cell: int) -> Iterator[Line]:
    yield from line_of("Name", entries(both, "about", "name"))
    yield from line_of("Digest", entries(both, "about", "digest"), lambda digest: plain(digest)[:12])
    yield from line_of("Source", entries(both, "about", "source"))
    yield from line_of("Rows", entries(both, "about", "rows"), count)
    for part in keys_of(entries(both, "split", "counts")):
        yield from line_of(f"Rows of the {plain(part)} part", entries(both, "split", "counts", part), count)
    yield from line_of("Target", entries(both, "about", "target"))
    for name in keys_of(entries(both, "about", "sensitive")):
        yield from line_of(
            f"Groups of {plain(name)}", entries(both, "about", "sensitive", name), lambda v: _sizes(v, min_cell)
        )
    yield from line_of(
        "Version of the code", entries(both, "provenance", "code_version"), lambda text: plain(text)[:12]
    )


def _sizes(groups: Values, min_cell: int) -> str:
    return ", ".join(
        f"{plain(name)} {count(groups[name]) if groups[name] >= min_cell else f'under {min_cell}'}"
        for name in sorted(groups, key=group_order)
    )


def _features(both: Pair) -> Iterator[Line]:
    listed = entries(both, "about", "features")
    yield from line_of("Number", listed, lambda names: count(len(names)))
    if None not in listed:
        first, second = ([str(name) for name in names] for names in listed)
        for name in (name for name in second if name not in first):
            yield plain(name), "absent", "a feature", True
        for name in (name for name in first if name not in second):
            yield plain(name), "a feature", "absent", True
    kinds = [_kinds(columns) for columns in entries(both, "contract", "columns")]
    if None not in kinds:
        for name in keys_of(kinds):
            pair = [side.get(name) for side in kinds if side is not None]
            if None not in pair and pair[0] != pair[1]:
                yield f"{plain(name)}, as promised", plain(pair[0]), plain(pair[1]), True


def _kinds(columns: Sequence[Values] | None) -> dict[str, str] | None:
    """What the data contract promises of each column, in words; None without a contract."""
    if columns is None:
        return None
    return {
        str(each["name"]): f"{each.get('kind')}{', may be missing' if each.get('nullable') else ''}" for each in columns
    }


def _configuration(both: Pair) -> Iterator[Line]:
    """The keys that differ; a section that only one side knows, since the other is older, is one line."""
    configs = entries(both, "config")
    if None in configs:
        yield from line_of("Configuration", configs, lambda side: f"{count(len(_flat(side)))} keys")
        return
    same = 0
    for section in keys_of(configs):
        parts = [side.get(section) for side in configs]
        if any(isinstance(part, Mapping) and part for part in parts) and None in parts:
            yield from line_of(plain(section), parts, lambda part: f"{count(len(_flat(part)))} keys")
            continue
        flat = [_flat(part, section) for part in parts]
        for name in keys_of(flat):
            if any(other.startswith(f"{name}.") for side in flat for other in side):
                continue  # empty on one side: what it holds on the other says more
            first, second = (side.get(name, _NOT_SET) for side in flat)
            same += first == second
            if first != second:
                yield plain(name), short_text(first), short_text(second), True
    if same:
        yield "Other keys", count(same), count(same), False


_NOT_SET = "not set"


def _flat(value: Any, where: str = "") -> dict[str, Any]:
    """Every value of nested mappings by its dotted path."""
    if not isinstance(value, Mapping) or not value:
        return {where: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= _flat(item, f"{where}.{name}" if where else str(name))
    return found


def _model(both: Pair) -> Iterator[Line]:
    yield from line_of("Algorithm", entries(both, "search", "selected", "candidate"), name_of)
    for name in keys_of(entries(both, "search", "selected", "params")):
        yield from line_of(plain(name), entries(both, "search", "selected", "params", name), absent="none")
    yield from line_of("Mitigation", [_mitigated(side) for side in entries(both, "mitigation")], absent=_UNMITIGATED)
    yield from line_of("Calibration", entries(both, "calibration", "method"))
    yield from line_of("Threshold", [_threshold(side) for side in entries(both, "threshold")])
    yield from line_of("Threshold chosen by", entries(both, "threshold", "rule"))


_UNMITIGATED = "none: the tuned model"


def _mitigated(found: Values | None) -> str | None:
    """What took the tuned model's place; None where nothing did."""
    selected = None if found is None else next((a for a in found["alternatives"] if a["status"] == "selected"), None)
    return None if selected is None or selected["family"] == "none" else plain(selected["label"])


def _threshold(found: Values | None) -> str | None:
    if found is None:
        return None
    return "none: the method decides by itself" if found.get("threshold") is None else number(found["threshold"])


def _metrics(both: Pair) -> Iterator[Line]:
    for name in keys_of(entries(both, "evaluation", "metrics")):
        yield from line_of(words(name), entries(both, "evaluation", "metrics", name), figure_text)


def _robustness(both: Pair) -> Iterator[Line]:
    for name in keys_of(entries(both, "robustness")):
        yield from line_of(words(name), entries(both, "robustness", name), figure_text)


def _reasons(both: Pair) -> Iterator[Line]:
    ranked = [
        sorted(features or (), key=lambda item: -(item.get("mean_abs") or 0.0))
        for features in entries(both, "explanation", "features")
    ]
    for place in range(min(REASONS, max(map(len, ranked)))):
        pair = [side[place] if place < len(side) else None for side in ranked]
        first, second = (
            ABSENT if one is None else f"{plain(one['feature'])} ({number(one.get('mean_abs'))})" for one in pair
        )
        features = [one and one["feature"] for one in pair]
        yield f"Place {place + 1} by mean size of attribution", first, second, features[0] != features[1]


def _churn(found: Values) -> Iterator[Line]:
    """The decisions that flip: one figure about both, so it stands on the challenger's side."""
    if not found:
        return
    entries = [("all rows", found["overall"])]
    entries += [
        (f"{plain(name)}: {plain(group)}", flips)
        for name, groups in found["groups"].items()
        for group, flips in groups.items()
    ]
    for who, flips in entries:
        changed = bool(flips["flipped"]["value"])
        yield f"Decisions that flip, {who}", "", _flips(flips), changed
    for k, agreement in ((found.get("reasons") or {}).get("overall") or {}).items():
        same = agreement["same"]
        what = "Same strongest reason" if str(k) == "1" else f"Same {k} strongest reasons"
        yield f"{what}, all rows", "", _share(same), (same["value"] or 0.0) < 1


def _flips(flips: Values) -> str:
    if flips["withheld"]:
        return f"withheld, {plain(flips['flipped']['reason'])}"
    directions = {"to favorable": flips["to_favorable"], "to unfavorable": flips["to_unfavorable"]}
    said = [f"{percent(share['value'])} {name}" for name, share in directions.items() if share["value"] is not None]
    return "; ".join([_share(flips["flipped"]), *said])


def _share(share: Values) -> str:
    if share["value"] is None:
        return f"undefined, {plain(share['reason'])}"
    return (
        f"{percent(share['value'])} ({percent(share['low'])} to {percent(share['high'])}) of {count(share['n'])} rows"
    )
