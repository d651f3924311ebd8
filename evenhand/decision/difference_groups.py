"""The groups and the verdicts of two audits, line by line; what rests on few people is withheld."""

from collections.abc import Iterator, Sequence

from evenhand.card.text import count, plain, words
from evenhand.decision.difference_lines import Line, Pair, Values, entries, figure_text, keys_of, line_of
from evenhand.disclosure import rests_on_few

__all__ = ["group_lines", "policy_lines"]

RATES = ("selection_rate", "true_positive_rate")
RATES_WITHOUT_FAVORABLE = ("accuracy",)


def _audited(side: Values | None) -> dict[str, dict[str, Values]]:
    """Every attribute and intersection with its groups by name."""
    audits = {**((side or {}).get("attributes") or {}), **((side or {}).get("intersections") or {})}
    return {str(name): {str(one["group"]): one for one in audit["groups"]} for name, audit in audits.items()}


def group_lines(both: Pair, min_cell: int) -> Iterator[Line]:
    """Rows and rates of every group of every attribute and intersection."""
    sides = [_audited(side) for side in entries(both, "audit")]
    for attribute in keys_of(sides):
        tables = [side.get(attribute, {}) for side in sides]
        for group in keys_of(tables):
            pair = [table.get(group) for table in tables]
            head = f"{plain(attribute)}: {plain(group)}"
            yield from line_of(f"{head}, rows", [one and one["n"] for one in pair], count, absent="none")
            for rate in _rates(pair):
                shown = [one and _rate(one["metrics"].get(rate), min_cell) for one in pair]
                yield from line_of(f"{head}, {words(rate).lower()}", shown, absent="none")


def _rates(pair: Sequence[Values | None]) -> tuple[str, ...]:
    named = tuple(rate for rate in RATES if any(one and rate in one["metrics"] for one in pair))
    return named if "true_positive_rate" in named else (*named, *RATES_WITHOUT_FAVORABLE)


def _rate(metric: Values | None, min_cell: int) -> str | None:
    """A rate with its interval, unless so few people stand behind it that it would tell what happened to each."""
    if metric is None:
        return None
    return f"withheld, fewer than {min_cell} rows" if rests_on_few(metric, min_cell) else figure_text(metric)


def _verdicts(side: Values, min_cell: int) -> dict[str, tuple[str, str]]:
    """Each rule of each policy with its verdict, and with the figure and the level behind it."""
    audit: Values = side.get("audit") or {}
    small = {group for groups in _audited(audit).values() for group, one in groups.items() if one["n"] < min_cell}
    found = {}
    for judged in audit.get("policies") or ():
        policy = judged.get("policy") or judged
        title = plain(policy.get("title") or policy.get("name") or "a policy without a name")
        for rule in judged.get("rules") or ():
            if rule.get("verdict"):
                verdict, stands, level = _ruling(side, judged, rule)
                told = bool(small & set(map(str, rule.get("pair") or ())))
                figure = "withheld" if told or stands is None else figure_text(stands)
                name = f"{title}: {words(rule.get('metric', '?')).lower()} by {plain(rule.get('attribute', '?'))}"
                found[name] = (plain(verdict), f"{figure}, {level}")
    return found


def _ruling(side: Values, judged: Values, rule: Values) -> tuple[str, Values | None, str]:
    """A rule's verdict, the figure that it rests on, None where it is withheld, and its level.

    An audit that names the share of its look is the one that the decision rests on. An older one was judged once more
    for the decision, at this share: what the decision recorded is the verdict then, and without it the audit's own is
    called what it is.
    """
    if judged.get("share") is not None:
        return rule["verdict"], rule, _level(rule.get("alpha"))
    policy, decided = judged.get("policy") or judged, side.get("decision") or {}
    subject = f"{policy.get('name')}: {rule.get('metric')} by {rule.get('attribute')}"
    if (verdict := (decided.get("verdicts") or {}).get(subject)) is None:
        return rule["verdict"], rule, f"at the policy's own {_level(rule.get('alpha'))}, not the decision's"
    figures: Values = next((one["figures"] for one in decided.get("rules") or () if one["subject"] == subject), {})
    stands = {**figures, "reason": rule.get("reason")} if "value" in figures else None
    return verdict, stands, _level(figures.get("alpha"))


def _level(alpha: float | None) -> str:
    return f"level {alpha:.3g}" if alpha else "no level left"


def policy_lines(both: Pair, min_cell: int) -> Iterator[Line]:
    """The look that the verdicts are of, then every rule of every policy; only its verdict counts as a change."""
    yield from line_of("Look at the test set", [_look(side) for side in both])
    sides = [_verdicts(side, min_cell) for side in both]
    for name in keys_of(sides):
        pair = [side.get(name) for side in sides]
        first, second = ("no rule" if one is None else f"{one[0]}, {one[1]}" for one in pair)
        verdicts = [one and one[0] for one in pair]
        yield name, first, second, verdicts[0] != verdicts[1]


def _look(side: Values) -> str | None:
    """The number of the look that a side's decision took, and what it could spend."""
    taken: Values = (side.get("audit") or {}).get("look") or {}
    decided: Values = side.get("decision") or {}
    number, share = taken.get("number", decided.get("look")), taken.get("share", decided.get("share_of_error"))
    return None if number is None or share is None else f"{number}, may spend {share:.3g} of each policy's level"
