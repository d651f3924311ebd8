"""What policies say about an audit, as HTML: verdicts, and the tables that they ask for; every name escaped."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from evenhand.decision.spending import level_text
from evenhand.fairness.scrolled import scrolled

__all__ = ["mark", "policies_html"]

_WEIGHTED = "Rates and ratios are of the people whom the rows stand for by their weights; rows are counted plainly."


def policies_html(policies: Sequence[Mapping[str, Any]]) -> str:
    """Every policy with its source, its verdicts and its tables; small categories are shown as all others.

    Parameters
    ----------
    policies
        The entry ``policies`` of :meth:`evenhand.fairness.AuditReport.to_dict`.

    Examples
    --------
    >>> policies_html([])
    '<p>No policy was asked.</p>'
    """
    return "".join(_policy(policy) for policy in policies) or "<p>No policy was asked.</p>"


def mark(verdict: str | None) -> str:
    """A verdict, or that there is none, as a word that a style sheet may colour.

    Examples
    --------
    >>> mark("PASS")
    '<span class="mark PASS">PASS</span>'
    """
    return f'<span class="mark {verdict or "none"}">{verdict or "no verdict"}</span>'


def _policy(judged: Mapping[str, Any]) -> str:
    about = judged["policy"]
    names = ("attribute", "verdict", "disparity", "limit", "value", "why")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(_rule(rule) for rule in judged["rules"])
    left_out = judged.get("tables_left_out", {})
    where = "" if about["jurisdiction"] == "none" else f", {escape(about['jurisdiction'])}"
    table = scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>") if rows else ""
    return (
        f"<h3>{escape(about['title'])} {mark(judged['verdict'])}</h3>"
        f'<p class="muted">{escape(about["source"])}{where}, in effect from '
        f"{escape(about['effective'])}; {level_text(about['alpha'], judged.get('share'))}. "
        f"{escape(about['description'])}</p>{table}{''.join(_tables(judged['tables']))}"
        + "".join(f"<p>No table of {_RATES.get(kind, kind)}s: {escape(why)}.</p>" for kind, why in left_out.items())
        + "".join(f'<p class="muted">{escape(note)}</p>' for note in about["notes"])
    )


_RATES = {"impact_ratio": "selection rate", "scoring_rate": "scoring rate"}


def _tables(tables: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> Iterator[str]:
    """The tables that a policy asks for: rates and impact ratios of every category."""
    for kind, of in tables.items():
        selected = {"impact_ratio": "selected", "scoring_rate": "above the median"}.get(kind, kind)
        rate = _RATES.get(kind, kind)
        head = "".join(f"<th>{name}</th>" for name in ("category", "rows", selected, rate, "impact ratio", ""))
        for attribute, rows in of.items():
            body = "".join(_impact(row) for row in rows)
            yield f"<h4>{escape(attribute)}: {rate}</h4>"
            yield scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
            if any(row.get("weighted") for row in rows):
                yield f'<p class="muted">{_WEIGHTED}</p>'


def _impact(row: Mapping[str, Any]) -> str:
    marks = [row["reason"], "may be left out for its share" if row["may_leave_out"] else ""]
    return (
        f"<tr><td>{escape(row['name'])}</td><td>{row['n']:,} ({row['share']:.1%})</td><td>{row['selected']:,}</td>"
        f"<td>{_between(row['rate'], row['rate_low'], row['rate_high'])}</td>"
        f"<td>{_between(row['impact_ratio'], row['ratio_low'], row['ratio_high'])}</td>"
        f'<td class="long">{escape("; ".join(mark for mark in marks if mark))}</td></tr>'
    )


def _between(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, which may be open above."""
    if value is None:
        return "undefined"
    upper = "unbounded" if high is None else f"{high:.3f}"
    return f"{value:.3f}" + (f" <small>[{low:.3f}, {upper}]</small>" if low is not None else "")


def _rule(rule: Mapping[str, Any]) -> str:
    side = "at most" if rule["kind"] == "difference" else "at least"
    value = "undefined" if rule["value"] is None else f"{rule['value']:.3f}"
    if rule["value"] is not None and rule["low"] is not None:
        value += f" <small>[{rule['low']:.3f}, {rule['high']:.3f}]</small>"
    pair = f" ({escape(' / '.join(rule['pair']))})" if rule["pair"] else ""
    said = [part for part in (rule["reason"], *rule["notes"], rule["settles"]) if part]
    return (
        f"<tr><td>{escape(rule['attribute'])}</td><td>{mark(rule['verdict'])}</td>"
        f"<td>{escape(rule['metric'].replace('_', ' '))}{pair}</td><td>{side} {rule['limit']:g}</td><td>{value}</td>"
        f'<td class="long">{escape("; ".join(said))}</td></tr>'
    )
