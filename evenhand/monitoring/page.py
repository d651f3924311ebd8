"""A look as a page and as Markdown: what a person reads first stands first, and nothing is fetched from anywhere."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from evenhand.monitoring.charts import Chart
from evenhand.monitoring.looks import Look
from evenhand.plotting import figure_to_png, figure_to_svg

__all__ = ["headline", "performance_lines", "render_html", "render_markdown", "signal_rows"]

_MOST_ROWS, _MOST_ALARMS = 200, 8
_STYLE = """.drawing svg { max-height: none; }
/* A phone has pictures of its own: the others would be scrolled there, or shrunk past reading. */
.narrow { display: none; }
.drawing .narrow svg { max-width: 26rem; }
@media screen and (max-width: 43.99rem) { .narrow { display: block; } .broad { display: none; } }
.top > p.flag, .top > p.open, .top > p.good { margin-top: 1rem; }
.scroll table { min-width: 40rem; }"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def headline(look: Look) -> tuple[str, str]:
    """What the look came to, in one sentence, and its tone: ``flag``, ``open`` or ``good``.

    Parameters
    ----------
    look
        With its alarms.
    """
    said = [sentence for sentences in look.alarms.values() for sentence in sentences]
    if said:
        return f"Alarm: {'; '.join(said[:3])}{f'; and {len(said) - 3} more' if len(said) > 3 else ''}.", "flag"
    if not look.counted:
        return "Measured and not tested: " + (look.notes[0] if look.notes else "too few rows") + ".", "open"
    undecided = dict.fromkeys(policy["policy"] for policy in look.policies if policy["verdict"] == "INCONCLUSIVE")
    if look.unjudged:
        return f"No alarm; {'; '.join(look.unjudged)}.", "open"
    if undecided:
        return f"No alarm; these rows do not settle {', '.join(undecided)}.", "open"
    return "No alarm.", "good"


def performance_lines(look: Look) -> list[str]:
    """The look's performance figures, a sentence each: they are read whether they have changed or not."""
    return [_performance_line(signal) for signal in look.signals if signal["kind"] == "performance"]


def _performance_line(signal: Mapping[str, Any]) -> str:
    if signal["value"] is None:
        return f"{signal['name']} of {signal['n']:,} outcomes: undefined, {signal['reason'] or 'too few rows'}"
    ends = "" if signal["low"] is None else f" [{signal['low']:.3f}, {signal['high']:.3f}]"
    before = "" if signal["before"] is None else f", {signal['before']:.3f} at registration"
    untested = f"; not compared: {signal['reason']}" if signal["reason"] else ""
    return f"{signal['name']} {signal['value']:.3f}{ends} of {signal['n']:,} outcomes{before}{untested}"


def signal_rows(look: Look) -> list[dict[str, str]]:
    """The look's signals as rows of text, alarms first, then by their size."""
    ordered = sorted(look.signals, key=lambda each: (not each["alarm"], -(each["effect"] or 0.0)))
    return [_signal_row(signal) for signal in ordered]


def _signal_row(signal: Mapping[str, Any]) -> dict[str, str]:
    changed = ""
    if signal["kind"] == "performance" and signal["now"] is not None:
        changed = f"{signal['before']:.3f} before, {signal['now']:.3f} now"
    elif signal["before"] is not None:
        changed = f"{signal['cell']}: {signal['before']:.1%} before, {signal['now']:.1%} now"
    return {
        "what": signal["kind"] if signal["kind"] == signal["name"] else f"{signal['kind']} {signal['name']}",
        "size": "" if signal["effect"] is None else f"{signal['effect']:.3f}",
        "limit": f"{signal['limit']:g}",
        "adjusted p": "" if signal["adjusted"] is None else f"{signal['adjusted']:.2g}",
        "changed most": changed,
        "alarm": "alarm" if signal["alarm"] else signal["reason"],
    }


def _policy_rows(look: Look) -> list[dict[str, str]]:
    return [
        {
            "policy": policy["policy"],
            "rule": f"{rule['metric'].replace('_', ' ')} by {rule['attribute']}",
            "judged by": f"{policy.get('evidence', 'decisions')} of {policy.get('n', look.rows):,} rows",
            "verdict": rule["verdict"],
            "value": "undefined" if rule["value"] is None else f"{rule['value']:.3f}",
            "interval": ""
            if rule["low"] is None or rule["high"] is None
            else f"{rule['low']:.3f} to {rule['high']:.3f}",
            "limit": f"{rule['limit']:g}",
            "reason": rule["reason"],
        }
        for policy in look.policies
        for rule in policy["rules"]
    ]


_OF = {"decisions": "new rows", "outcomes": "rows with an outcome"}


def _group_rows(look: Look) -> list[dict[str, str]]:
    def shown(group: Mapping[str, Any], name: str) -> str:
        found = group["metrics"].get(name)
        if found is None or found["value"] is None:
            return ""
        ends = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
        return f"{found['value']:.3f}{ends}"

    names = list(dict.fromkeys(name for group in look.groups for name in group["metrics"]))
    both = len({group.get("evidence") for group in look.groups}) > 1
    return [
        {"attribute": group["attribute"], "group": group["group"], "rows": group["n"] or "few"}
        | ({"of": _OF[group["evidence"]]} if both else {})
        | {name.replace("_", " "): shown(group, name) for name in names}
        for group in look.groups
    ]


def _latency_rows(look: Look) -> list[dict[str, str]]:
    def ms(value: float | None) -> str:
        return "" if value is None else f"{1e3 * value:.1f}"

    return [
        {
            "percentile": f"{each['percentile']}%",
            "ms": ms(each["value"]),
            "interval": f"{ms(each['low']) or 'no lower end'} to {ms(each['high']) or 'no upper end'}",
            "answers": f"{each['n']:,}",
        }
        for each in look.latency
    ]


def _about(look: Look, *, false_alarms: float, looks: int) -> str:
    level = "" if look.alpha is None else f" This look has {look.alpha:.2g} of it."
    return (
        f"All tests of a look are one family (Holm), and {looks} looks of a year share one rate: the probability that "
        f"a year of looks raises an alarm of drift although nothing has changed is at most {false_alarms:g}.{level} "
        "A significant change is an alarm when it is as large as its limit, too. "
        f"Policies are judged at their declared level divided by {looks}, or at what earlier looks have left of it."
    )


def render_html(look: Look, charts: Sequence[Chart], *, false_alarms: float, looks: int) -> str:
    """The look as one HTML file.

    Parameters
    ----------
    look, charts
        What was found, and its pictures over time.
    false_alarms, looks
        The configuration's: a year's rate of false alarms, and the looks that share it.
    """
    css = files("evenhand.card").joinpath("templates/card.css").read_text(encoding="utf-8")
    said, tone = headline(look)
    title = f"{look.model}, version {look.version}: look {look.number}"
    body = "".join(_sections(look, charts))
    early = f"\n<span>{look.early:,} outcomes wait for more</span>" if look.early else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>
<style>{css}
{_STYLE}</style></head><body>
<header class="top"><p class="kind">Monitoring</p><h1>{escape(look.model)}</h1>
<p class="byline"><span>version {escape(look.version)}</span>
<span>look {look.number}, {look.when:%Y-%m-%d %H:%M} UTC</span>
<span>{look.rows:,} new rows</span><span>{look.labelled:,} outcomes became known</span>{early}</p>
<p class="{tone}">{escape(said)}</p></header>
<div class="top"><main>{body}</main></div>
<footer><p>{escape(_about(look, false_alarms=false_alarms, looks=looks))}</p>
<p>No row of a person is on this page; cells of few people are joined to others.</p></footer></body></html>
"""


def _sections(look: Look, charts: Sequence[Chart]) -> Iterator[str]:
    if look.alarms:
        items = "".join(
            f"<li><strong>{escape(event)}</strong>: {escape(sentence)}</li>"
            for event, sentences in look.alarms.items()
            for sentence in _first(sentences)
        )
        sent = f"Sent: {', '.join(look.events)}." if look.events else "Nothing was sent."
        yield f"<section><h2>Alarms</h2><ul>{items}</ul><p>{escape(sent)}</p></section>"
    if charts:
        yield f"<section><h2>Over time</h2>{''.join(map(_figure, charts))}</section>"
    if look.schema:
        items = "".join(f"<li>{escape(each)}</li>" for each in look.schema)
        yield f"<section><h2>Data contract</h2><ul>{items}</ul></section>"
    tables = {
        "Drift and performance": signal_rows(look),
        "Policies": _policy_rows(look),
        "Groups": _group_rows(look),
        "Latency": _latency_rows(look),
    }
    for title, rows in tables.items():
        if rows:
            yield f"<section><h2>{title}</h2>{_table(rows)}</section>"
    if notes := (*look.unjudged, *look.notes):
        items = "".join(f"<li>{escape(each)}</li>" for each in notes)
        yield f"<section><h2>Notes</h2><ul>{items}</ul></section>"


def _first(sentences: Sequence[str]) -> list[str]:
    more = len(sentences) - _MOST_ALARMS
    return [*sentences[:_MOST_ALARMS], *([f"{more} more stand in the tables"] if more > 0 else [])]


def _figure(chart: Chart) -> str:
    drawn = {"broad": chart.figure, "narrow": chart.narrow or chart.figure}
    pictures = "".join(f'<div class="{name}">{figure_to_svg(figure)}</div>' for name, figure in drawn.items())
    return (
        f'<figure class="panel"><div class="drawing" role="img" aria-label="{escape(chart.alt, quote=True)}">'
        f"{pictures}</div>"
        f"<figcaption><strong>{escape(chart.title)}.</strong> {escape(chart.alt)}</figcaption></figure>"
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(str(value))}</td>" for value in row.values()) + "</tr>"
        for row in rows[:_MOST_ROWS]
    )
    left = f"<p>{len(rows) - _MOST_ROWS} more rows stand in look.json.</p>" if len(rows) > _MOST_ROWS else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>{left}'


_TONES = {"alarm": "flag", "FAIL": "flag", "INCONCLUSIVE": "open", "PASS": "good"}


def _cell(text: str) -> str:
    tone = _TONES.get(text)
    return escape(text) if tone is None else f'<span class="tag {tone}">{escape(text)}</span>'


def render_markdown(look: Look, charts: Sequence[Chart], *, false_alarms: float, looks: int) -> str:
    """The look as Markdown with its pictures inside, for Prefect's page.

    Parameters
    ----------
    look, charts, false_alarms, looks
        As in :func:`render_html`.
    """
    said, _ = headline(look)
    lines = [
        f"**{plain(said)}**",
        "",
        f"Version {plain(look.version)}, look {look.number}, {look.rows:,} new rows, {look.labelled:,} outcomes.",
    ]
    for chart in charts:
        picture = base64.b64encode(figure_to_png(chart.figure, dpi=96)).decode("ascii")
        lines += ["", f"### {plain(chart.title)}", "", f"![{plain(chart.alt)}](data:image/png;base64,{picture})"]
    for title, rows in (("Largest signals", signal_rows(look)[:10]), ("Policies", _policy_rows(look))):
        if rows:
            lines += ["", f"### {title}", "", *_markdown_table(rows)]
    lists = {"Data contract": look.schema, "Notes": (*look.unjudged, *look.notes)}
    for title, items in lists.items():
        lines += ["", f"### {title}", "", *(f"- {plain(item)}" for item in items)] if items else []
    return "\n".join([*lines, "", plain(_about(look, false_alarms=false_alarms, looks=looks))])


def _markdown_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
    return head + [f"| {' | '.join(plain(str(value)) for value in row.values())} |" for row in rows]


def plain(text: str) -> str:
    r"""Text from data as it may stand in Markdown: nothing in it is markup.

    Examples
    --------
    >>> plain("a|b <i>")
    'a\\|b &lt;i\\>'
    """
    escaped = "".join(f"\\{sign}" if sign in r"\\`*_{}[]#|~>" else sign for sign in " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")
