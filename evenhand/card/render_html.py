"""The card as one page that loads nothing."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from evenhand.card.blocks import Block, Picture, Section
from evenhand.card.model_card import ModelCard
from evenhand.card.sections.governance import OUTCOMES
from evenhand.card.svg import clean_svg
from evenhand.plotting import INK

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render_html"]

_VIEW_BOX = re.compile(r'viewBox="\S+ \S+ (\d+(?:\.\d+)?) ')
WIDE = 400.0
"""In the units of a drawing, 72 to the inch."""
Run = list[tuple[int, Block]]


def render_html(card: ModelCard) -> str:
    """The card as a self-contained HTML page: every value escaped, figures inline, no address loaded.

    Examples
    --------
    >>> from evenhand.card import build_card
    >>> page = render_html(build_card(model={"name": "<b>loans</b>"}))
    >>> "<h1>&lt;b&gt;loans&lt;/b&gt;</h1>" in page
    True
    """
    label, tone = OUTCOMES[card.status]
    css = files("evenhand.card").joinpath("templates/card.css").read_text(encoding="utf-8")
    template = _environment().get_template("card.html.j2")
    # The style sheet is ours and not data: escaped, its quotation marks would break it.
    page: str = template.render(card=card, css=Markup(css), status=label, status_tone=tone)  # noqa: S704
    return page


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("evenhand.card"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(runs=_runs, drawing=_drawing, without_label=_without_label)
    return made


def _runs(section: Section) -> Iterator[Run]:
    """The blocks with their places, figures that follow one another together."""
    run: Run = []
    for place, block in enumerate(section.blocks):
        if run and not (isinstance(block, Picture) and isinstance(run[-1][1], Picture)):
            yield run
            run = []
        run.append((place, block))
    if run:
        yield run


def _without_label(text: str) -> str:
    """The question of a missing statement: its label stands in the heading already."""
    return text.split(" is missing. ", 1)[-1]


@dataclass(frozen=True)
class _Drawn:
    """A drawing as it stands in the page.

    `classes` are ``wide`` where it is wider than half the page, since beside another its text would be too small to
    read, and ``panel`` where it has colours of its own, made for a light page.
    """

    classes: str
    markup: Markup


def _drawing(picture: Picture, prefix: str) -> _Drawn:
    if picture.png:
        data = base64.b64encode(picture.png).decode("ascii")
        return _Drawn("panel", Markup('<img src="data:image/png;base64,{}" alt="{}">').format(data, picture.alt))
    svg = picture.svg if isinstance(picture.svg, str) else picture.svg()
    opening, rest = clean_svg(svg, prefix=prefix).split(">", 1)
    words = f'<title id="{prefix}-title">{escape(picture.title)}</title>'
    words += f'<desc id="{prefix}-desc">{escape(picture.alt)}</desc>'
    named = f'{opening} role="img" aria-labelledby="{prefix}-title {prefix}-desc">{words}{rest}'
    box = _VIEW_BOX.search(opening)
    classes = ["wide"] if box and float(box.group(1)) > WIDE else []
    classes += [] if INK in svg else ["panel"]
    # clean_svg lets nothing through but drawing, and the words are escaped.
    return _Drawn(" ".join(classes), Markup(named))  # noqa: S704
