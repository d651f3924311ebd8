"""The comparison of two models as one page and as Markdown: everything from data is text, nothing is loaded."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from evenhand.card.render_markdown import escape_markdown
from evenhand.card.text import count, plain

__all__ = ["render_difference_html", "render_difference_markdown"]

Rows = Sequence[Mapping[str, Any]]

_CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #22262b; --muted: #59616b; --line: #d5dae0; --mark: #7a5200;
  --mark-bg: #fcf3dd; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #16191d; --ink: #e3e6ea; --muted: #a0a8b2;
  --line: #3a4149; --mark: #eac06a; --mark-bg: #3a2e14; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: clamp(1rem, 3vw, 2.5rem); max-width: 68rem; background: var(--paper); color: var(--ink);
  overflow-wrap: anywhere; font: 1rem/1.5 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial,
  sans-serif; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 0.4rem; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 0.3rem; padding-top: 0.6rem; border-top: 2px solid var(--ink); }
p { margin: 0 0 0.6rem; max-width: 44rem; color: var(--muted); }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: 0.94rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
thead th { font-size: 0.78rem; letter-spacing: 0.06em; text-transform: uppercase; color: var(--muted); }
th[scope=row] { font-weight: 400; }
.changed td:last-child { background: var(--mark-bg); color: var(--mark); font-weight: 600; padding-left: 0.5rem; }
summary { cursor: pointer; color: var(--muted); padding: 0.35rem 0; font-size: 0.94rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, th, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 0.4rem 0; }
  th, td { border: 0; padding: 0.1rem 0; }
  th[scope=row] { font-weight: 600; }
  td::before { content: attr(data-side) ": "; color: var(--muted); font-weight: 400; }
  td:empty { display: none; }
}
"""


def render_difference_html(
    rows: Rows, *, title: str, champion: str = "Champion", challenger: str = "Challenger"
) -> str:
    """The comparison as a self-contained HTML page, for a desk and a telephone.

    Parameters
    ----------
    rows
        What :func:`evenhand.decision.difference.difference` gave.
    title
        The page's heading.
    champion, challenger
        What the two sides are called, such as ``Version 3``.

    Examples
    --------
    >>> row = {"section": "Data", "what": "<Rows>", "champion": "1", "challenger": "2", "changed": True}
    >>> page = render_difference_html([row], title="loans")
    >>> "&lt;Rows&gt;" in page, "1 of 1 lines differ" in page
    (True, True)
    """
    sides = tuple(escape(plain(side), quote=True) for side in (champion, challenger))
    body = "".join(_section(name, own, sides) for name, own in _by_section(rows))
    named = escape(plain(title), quote=True)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="Evenhand">\n<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{named}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<h1>{named}</h1>\n"
        f"<p>{_lead(rows)} What differs is shown; the rest can be opened.</p>\n{body}</body>\n</html>\n"
    )


def _lead(rows: Rows) -> str:
    return f"{count(sum(bool(row['changed']) for row in rows))} of {count(len(rows))} lines differ."


def _by_section(rows: Rows) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for name, own in groupby(rows, key=lambda row: str(row["section"])):
        yield name, list(own)


def _section(name: str, rows: Rows, sides: tuple[str, ...]) -> str:
    changed = [row for row in rows if row["changed"]]
    same = [row for row in rows if not row["changed"]]
    parts = [f"<section>\n<h2>{escape(plain(name))}</h2>\n"]
    parts += [_table(changed, sides)] if changed else ["<p>Nothing differs.</p>\n"]
    if same:
        parts.append(f"<details><summary>{count(len(same))} the same</summary>\n{_table(same, sides)}</details>\n")
    return "".join([*parts, "</section>\n"])


def _table(rows: Rows, sides: tuple[str, ...]) -> str:
    head = "".join(f'<th scope="col">{side}</th>' for side in ('<span class="unseen">What</span>', *sides))
    body = "".join(_line(row, sides) for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _line(row: Mapping[str, Any], sides: tuple[str, ...]) -> str:
    cells = "".join(
        f'<td data-side="{side}">{_text(row[key])}</td>'
        for side, key in zip(sides, ("champion", "challenger"), strict=True)
    )
    mark = ' class="changed"' if row["changed"] else ""
    return f'<tr{mark}><th scope="row">{_text(row["what"])}</th>{cells}</tr>\n'


def _text(value: Any) -> str:
    return escape(plain(value), quote=True)


def render_difference_markdown(
    rows: Rows, *, title: str, champion: str = "Champion", challenger: str = "Challenger"
) -> str:
    r"""The comparison as Markdown: a table a section with what differs, and how many lines are the same.

    Parameters
    ----------
    rows, title, champion, challenger
        As in :func:`render_difference_html`.

    Examples
    --------
    >>> row = {"section": "Data", "what": "a|b", "champion": "1", "challenger": "2", "changed": True}
    >>> print(render_difference_markdown([row], title="loans").splitlines()[-1])
    | a\|b | 1 | 2 |
    """
    lines = [f"# {escape_markdown(plain(title))}", "", _lead(rows)]
    head = f"| | {escape_markdown(plain(champion))} | {escape_markdown(plain(challenger))} |"
    for name, own in _by_section(rows):
        changed = [row for row in own if row["changed"]]
        same = len(own) - len(changed)
        lines += ["", f"## {escape_markdown(plain(name))}", ""]
        if same:
            lines += [f"{count(same)} the same." if changed else "Nothing differs."]
        lines += (["", head, "|---|---|---|"] if same else [head, "|---|---|---|"]) if changed else []
        keys = ("what", "champion", "challenger")
        lines += ["| " + " | ".join(escape_markdown(plain(row[key])) for key in keys) + " |" for row in changed]
    return "\n".join([*lines, ""])
