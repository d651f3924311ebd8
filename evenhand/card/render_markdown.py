"""The card as Markdown with Hugging Face's metadata in front."""

import re
from collections.abc import Iterator

from evenhand.card.blocks import Block, Cell, Facts, Items, Link, Picture, Section, Table, Text
from evenhand.card.model_card import ModelCard
from evenhand.card.sections.governance import OUTCOMES

__all__ = ["escape_markdown", "render_markdown"]

_MARKUP = re.compile(r"([\\`*_\[\]()#+!|~{}$@^=])")
_LINE_START = re.compile(r"\A(?:[-+](?=[-+\s]|\Z)|\d+[.)](?=\s|\Z))")
_TONES = {"flag": "⚠ ", "missing": "**Missing.** "}


def escape_markdown(text: str) -> str:
    r"""Any text as Markdown that shows it as it is, on one line.

    Examples
    --------
    >>> print(escape_markdown("<b>*a*</b>\n| # http://x.org"))
    &lt;b&gt;\*a\*&lt;/b&gt; \| \# http\://x.org
    """
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKUP.sub(r"\\\1", line)
    line = re.sub(r"(?i)\b(https?|ftp|mailto|xmpp):", r"\1\\:", line)
    line = re.sub(r"(?i)\bwww\.", r"www\\.", line)
    head = _LINE_START.match(line)
    if head is not None:
        line = f"{line[: head.end() - 1]}\\{line[head.end() - 1 :]}"
    return line


def render_markdown(card: ModelCard) -> str:
    """The card as Markdown: front matter, contents, sections; figures by their words.

    Examples
    --------
    >>> from evenhand.card import build_card
    >>> render_markdown(build_card(model={"name": "loans"})).splitlines()[0]
    '---'
    """
    label = OUTCOMES[card.status][0]
    named = escape_markdown(card.name) + (f", version {escape_markdown(card.version)}" if card.version else "")
    lines = [
        "---",
        _front_matter(card),
        "---",
        "",
        f"# {escape_markdown(card.title)}",
        "",
        f"Model card of {named}. **{label}.**",
        "",
    ]
    for place, section in enumerate(card.sections):
        lines += _section(section, 2, f"{place} ")
    lines += [f"Card digest: `{card.digest}`", ""]
    return "\n".join(lines)


def _front_matter(card: ModelCard) -> str:
    import yaml

    return yaml.safe_dump(
        card.metadata, sort_keys=False, allow_unicode=False, default_flow_style=False, width=4096
    ).strip()


def _section(section: Section, depth: int, place: str = "") -> Iterator[str]:
    yield f"{'#' * depth} {place}{escape_markdown(section.title)}"
    yield ""
    for block in section.blocks:
        yield from _block(block)
        yield ""
    for part in section.sections:
        yield from _section(part, depth + 1)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        text = block.text.split(" is missing. ", 1)[-1] if block.tone == "missing" else block.text
        yield _TONES.get(block.tone, "") + escape_markdown(text)
    elif isinstance(block, Facts):
        yield from (f"- **{escape_markdown(name)}:** {_cell(cell)}" for name, cell in block.rows)
    elif isinstance(block, Items):
        yield from (f"- {_link(item) if isinstance(item, Link) else _cell(item)}" for item in block.items)
    elif isinstance(block, Table):
        yield from _table(block)
    else:
        yield _picture(block)


def _cell(cell: Cell) -> str:
    text = f"{_TONES.get(cell.tone, '') if cell.tone == 'flag' else ''}{escape_markdown(cell.text)}"
    return f"{text} ({escape_markdown(cell.detail)})" if cell.detail else text


def _link(link: Link) -> str:
    # The address was checked to hold no blank, quote or bracket of HTML; these two would end Markdown's address.
    return f"[{escape_markdown(link.text)}]({link.url.replace('(', '%28').replace(')', '%29')})"


def _table(table: Table) -> Iterator[str]:
    yield f"**{escape_markdown(table.caption)}**"
    yield ""
    yield f"| {' | '.join(escape_markdown(column) or ' ' for column in table.columns)} |"
    yield f"|{' --- |' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join(_cell(cell) or ' ' for cell in row)} |"
    if table.note:
        yield ""
        yield escape_markdown(table.note)


def _picture(picture: Picture) -> str:
    return f"*Figure: {escape_markdown(picture.title)}.* {escape_markdown(picture.alt)}"
