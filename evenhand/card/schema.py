"""The published schema of a card's JSON, and the check against it."""

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from evenhand.exceptions import EvenhandError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

__all__ = ["card_schema", "validate_card"]


@cache
def _text() -> str:
    return files("evenhand.card").joinpath("schema.json").read_text(encoding="utf-8")


@cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    return Draft202012Validator(card_schema())


def card_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) that every card satisfies.

    Examples
    --------
    >>> card_schema()["title"]
    'Evenhand model card'
    """
    schema: dict[str, Any] = json.loads(_text())
    return schema


def validate_card(card: Any) -> None:
    """Check a card's dict against the schema.

    Raises
    ------
    EvenhandError
        When it does not satisfy it: a card that we built wrongly is a defect of ours.
    """
    problem = next(_validator().iter_errors(card), None)
    if problem is not None:
        where = "/".join(str(part) for part in problem.absolute_path) or "the card"
        raise EvenhandError(
            f"the card breaks its schema at {where}: {problem.validator} {problem.validator_value!r:.80}"
        )
