"""What differs between a challenger and the champion, line by line, from what their two runs left as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from evenhand.card.text import count, metric_cell, name_of, number, percent, plain, words
from evenhand.decision.difference_page import render_difference_html, render_difference_markdown

__all__ = ["Row", "difference", "render_difference_html", "render_difference_markdown"]

Values = Mapping[str, Any]
Pair = tuple[Values, Values]
Line = tuple[str, str, str, bool]

ABSENT = "not recorded"
RATES = ("selection_rate", "true_positive_rate")
RATES_WITHOUT_FAVORABLE = ("accuracy",)
REASONS = 5
LONGEST = 120


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
        ``explanation``, and ``provenance`` with the ``code_version``.
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
        "Groups": _groups(both, min_cell),
        "Policies": _policies(both, min_cell),
        "Robustness": _robustness(both),
        "Reasons": _reasons(both),
        "Churn": _churn(churn or {}),
    }
    return tuple(
        Row(section=section, what=what, champion=first, challenger=second, changed=changed)
        for section, lines in sections.items()
        for what, first, second, changed in lines
    )


def _short(value: Any) -> str:
    text = plain(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _line(what: str, values: Sequence[Any], show: Any = _short, *, absent: str = ABSENT) -> Iterator[Line]:
    """A line of two values, None for what a side did not record; nothing where neither did."""
    if any(value is not None for value in values):
        first, second = (absent if value is None else show(value) for value in values)
        yield what, first, second, first != second


def _of(both: Pair, *path: str) -> list[Any]:
    """The same entry of both sides, None where it is absent."""
    found: list[Any] = list(both)
    for name in path:
        found = [side.get(name) if isinstance(side, Mapping) else None for side in found]
    return found


def _names(sides: Sequence[Any]) -> list[str]:
    """The keys of both sides, the challenger's order first."""
    known = [side for side in reversed(sides) if isinstance(side, Mapping)]
    return list(dict.fromkeys(str(name) for side in known for name in side))


def _data(both: Pair, min_cell: int) -> Iterator[Line]:
    yield from _line("Name", _of(both, "about", "name"))
    yield from _line("Digest", _of(both, "about", "digest"), lambda digest: plain(digest)[:12])
    yield from _line("Source", _of(both, "about", "source"))
    yield from _line("Rows", _of(both, "about", "rows"), count)
    for part in _names(_of(both, "split", "counts")):
        yield from _line(f"Rows of the {plain(part)} part", _of(both, "split", "counts", part), count)
    yield from _line("Target", _of(both, "about", "target"))
    for name in _names(_of(both, "about", "sensitive")):
        yield from _line(
            f"Groups of {plain(name)}", _of(both, "about", "sensitive", name), lambda v: _sizes(v, min_cell)
        )
    yield from _line("Version of the code", _of(both, "provenance", "code_version"), lambda text: plain(text)[:12])


def _sizes(groups: Values, min_cell: int) -> str:
    return ", ".join(
        f"{plain(name)} {count(n) if n >= min_cell else f'under {min_cell}'}" for name, n in sorted(groups.items())
    )


def _features(both: Pair) -> Iterator[Line]:
    listed = _of(both, "about", "features")
    yield from _line("Number", listed, lambda names: count(len(names)))
    if None not in listed:
        first, second = ([str(name) for name in names] for names in listed)
        for name in (name for name in second if name not in first):
            yield plain(name), "absent", "a feature", True
        for name in (name for name in first if name not in second):
            yield plain(name), "a feature", "absent", True
    kinds = [_kinds(columns) for columns in _of(both, "contract", "columns")]
    if None not in kinds:
        for name in _names(kinds):
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
    sides = [None if side is None else _flat(side) for side in _of(both, "config")]
    if None in sides:
        recorded = [None if side is None else f"{len(side)} keys" for side in sides]
        yield from _line("Configuration", recorded)
        return
    names = _names(sides)
    same = 0
    for name in names:
        first, second = (side.get(name, ABSENT) for side in sides if side is not None)
        if first == second:
            same += 1
        else:
            yield plain(name), _short(first), _short(second), True
    if same:
        yield "Other keys", count(same), count(same), False


def _flat(value: Any, where: str = "") -> dict[str, Any]:
    """Every value of nested mappings by its dotted path."""
    if not isinstance(value, Mapping) or not value:
        return {where: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= _flat(item, f"{where}.{name}" if where else str(name))
    return found


def _model(both: Pair) -> Iterator[Line]:
    yield from _line("Algorithm", _of(both, "search", "selected", "candidate"), name_of)
    for name in _names(_of(both, "search", "selected", "params")):
        yield from _line(plain(name), _of(both, "search", "selected", "params", name), absent="none")
    yield from _line("Calibration", _of(both, "calibration", "method"))
    yield from _line("Threshold", _of(both, "threshold", "threshold"), number)
    yield from _line("Threshold chosen by", _of(both, "threshold", "rule"))


def _metric(metric: Values) -> str:
    cell = metric_cell(metric)
    return cell.text if cell.value is None or not cell.detail else f"{cell.text} ({cell.detail})"


def _metrics(both: Pair) -> Iterator[Line]:
    for name in _names(_of(both, "evaluation", "metrics")):
        yield from _line(words(name), _of(both, "evaluation", "metrics", name), _metric)


def _audited(side: Values | None) -> dict[str, dict[str, Values]]:
    """Every attribute and intersection with its groups by name."""
    audits = {**((side or {}).get("attributes") or {}), **((side or {}).get("intersections") or {})}
    return {str(name): {str(one["group"]): one for one in audit["groups"]} for name, audit in audits.items()}


def _groups(both: Pair, min_cell: int) -> Iterator[Line]:
    sides = [_audited(side) for side in _of(both, "audit")]
    for attribute in _names(sides):
        tables = [side.get(attribute, {}) for side in sides]
        for group in _names(tables):
            pair = [table.get(group) for table in tables]
            head = f"{plain(attribute)}: {plain(group)}"
            yield from _line(f"{head}, rows", [one and one["n"] for one in pair], count, absent="none")
            for rate in _rates(pair):
                shown = [one and _rate(one["metrics"].get(rate), min_cell) for one in pair]
                yield from _line(f"{head}, {words(rate).lower()}", shown, absent="none")


def _rates(pair: Sequence[Values | None]) -> tuple[str, ...]:
    named = tuple(rate for rate in RATES if any(one and rate in one["metrics"] for one in pair))
    return named if "true_positive_rate" in named else (*named, *RATES_WITHOUT_FAVORABLE)


def _rate(metric: Values | None, min_cell: int) -> str | None:
    """A rate with its interval, unless so few people stand behind it that it would tell what happened to each."""
    if metric is None:
        return None
    few = metric.get("value") is not None and (metric.get("n") or 0) < min_cell
    return f"withheld, fewer than {min_cell} rows" if few else _metric(metric)


def _verdicts(side: Values | None, min_cell: int) -> dict[str, tuple[str, str]]:
    """Each rule of each policy with its verdict, and with the figure behind it."""
    small = {group for groups in _audited(side).values() for group, one in groups.items() if one["n"] < min_cell}
    found = {}
    for judged in (side or {}).get("policies") or ():
        policy = judged.get("policy") or judged
        title = plain(policy.get("title") or policy.get("name") or "a policy without a name")
        for rule in judged.get("rules") or ():
            if rule.get("verdict"):
                told = bool(small & set(map(str, rule.get("pair") or ())))
                figure = "withheld" if told else _metric(rule)
                name = f"{title}: {words(rule.get('metric', '?')).lower()} by {plain(rule.get('attribute', '?'))}"
                found[name] = (plain(rule["verdict"]), figure)
    return found


def _policies(both: Pair, min_cell: int) -> Iterator[Line]:
    sides = [_verdicts(side, min_cell) for side in _of(both, "audit")]
    for name in _names(sides):
        pair = [side.get(name) for side in sides]
        first, second = ("no rule" if one is None else f"{one[0]}, {one[1]}" for one in pair)
        verdicts = [one and one[0] for one in pair]
        yield name, first, second, verdicts[0] != verdicts[1]


def _robustness(both: Pair) -> Iterator[Line]:
    for name in _names(_of(both, "robustness")):
        yield from _line(words(name), _of(both, "robustness", name), _metric)


def _reasons(both: Pair) -> Iterator[Line]:
    ranked = [
        sorted(features or (), key=lambda item: -(item.get("mean_abs") or 0.0))
        for features in _of(both, "explanation", "features")
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
