"""The model card: what is known about a model, as a page, as Markdown and as JSON.

>>> card = build_card(model={"name": "loans", "algorithm": "logistic"}, human={"intended_use": "Teaching."})
>>> card.status, len(card.missing)
('undecided', 10)
"""

from evenhand.card.blocks import Cell, Facts, Items, Link, Picture, Section, Table, Text
from evenhand.card.build import build_card
from evenhand.card.headings import SOURCES, HeadingSource
from evenhand.card.inputs import HUMAN_FIELDS, HumanField, missing_statements
from evenhand.card.model_card import ModelCard
from evenhand.card.render_html import render_html
from evenhand.card.render_json import render_json
from evenhand.card.render_markdown import render_markdown
from evenhand.card.schema import card_schema, validate_card

__all__ = [
    "HUMAN_FIELDS",
    "SOURCES",
    "Cell",
    "Facts",
    "HeadingSource",
    "HumanField",
    "Items",
    "Link",
    "ModelCard",
    "Picture",
    "Section",
    "Table",
    "Text",
    "build_card",
    "card_schema",
    "missing_statements",
    "render_html",
    "render_json",
    "render_markdown",
    "validate_card",
]
