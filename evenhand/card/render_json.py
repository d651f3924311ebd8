"""The card as JSON."""

import json

from evenhand.card.model_card import ModelCard

__all__ = ["render_json"]


def render_json(card: ModelCard) -> str:
    """The card as JSON that satisfies ``schema.json``; figures by their words.

    Examples
    --------
    >>> from evenhand.card import build_card
    >>> json.loads(render_json(build_card(model={"name": "loans"})))["title"]
    'loans'
    """
    return json.dumps(card.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
