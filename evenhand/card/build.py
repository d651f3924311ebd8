"""From the results of the steps to a card."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evenhand.card.blocks import Picture
from evenhand.card.captions import words_for
from evenhand.card.figures import own_pictures
from evenhand.card.inputs import HUMAN_FIELDS, Inputs
from evenhand.card.metadata import hugging_face_metadata
from evenhand.card.model_card import ModelCard
from evenhand.card.schema import validate_card
from evenhand.card.sections import build_sections
from evenhand.card.sections.governance import decision_of
from evenhand.card.text import plain, words
from evenhand.exceptions import DataError, nearest, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["build_card"]

Values = Mapping[str, Any]

# Our own drawing of the groups withholds what rests on few rows; the audit's does not and is for the restricted eye.
_REPLACED = frozenset({"groups"})
_PLACED = (
    "roc",
    "precision_recall",
    "reliability",
    "scores",
    "confusion",
    "search",
    "search_front",
    "trials",
    "search_progress",
    "threshold",
    "bar",
    "importance",
    "gaps",
    "alternatives",
    "robustness",
)
# The cases are told in words.
_TOLD = ("case-",)
_PLACED_BEGINNINGS = ("summary", "groups-", "dependence", "proxies-")


def build_card(
    *,
    model: Values,
    human: Values | None = None,
    data: Values | None = None,
    search: Values | None = None,
    evaluation: Values | None = None,
    costs: Values | None = None,
    audit: Values | None = None,
    explanation: Values | None = None,
    robustness: Values | None = None,
    calibration: Values | None = None,
    threshold: Values | None = None,
    mitigation: Values | None = None,
    run: Values | None = None,
    decision: Values | None = None,
    figures: "Mapping[str, Figure | str | Values] | None" = None,
    min_cell: int = 10,
) -> ModelCard:
    """Put a model's evidence and people's statements into one card.

    Every mapping but `model` may be absent: its section then says what was not measured. What only a person can say is
    taken from `human` and shows as missing where it is missing; nothing is made up.

    Parameters
    ----------
    model
        ``name``, ``version``, ``algorithm``, ``params``, ``target``, ``favorable_label``, ``weighting``.
    human
        The configuration's section ``card``; see :data:`~evenhand.card.inputs.HUMAN_FIELDS`.
    data
        ``name``, ``digest``, ``rows``, ``source``, ``features``, ``sensitive``, ``classes``, ``split``
        (``method``, ``counts``, ``table``), ``contract``, ``findings``.
    search, evaluation, costs, audit, explanation, robustness, calibration, threshold, mitigation
        ``to_dict()`` of the results of the same names. An explanation's rows of people are not part of that.
    run
        ``run_id``, ``url``, ``code_version``, ``git_commit``, ``seed``, ``machine``, ``packages``, ``date``.
    decision
        ``outcome`` (promote, hold, block), ``reasons`` (sentences, or mappings with ``rule``, ``status``, ``reason``),
        ``decider``, ``time``, ``champion``, ``ledger_head``, ``difference`` (rows with ``what``,
        ``champion``, ``challenger``).
    figures
        By name: a figure, an SVG, or a mapping with ``svg``, ``png`` or ``figure`` and ``title``, ``alt``, ``caption``.
    min_cell
        Rates that rest on fewer rows of people are withheld.

    Returns
    -------
    ModelCard
        Checked against the published schema.

    Raises
    ------
    DataError
        When `human` has an unknown field or a figure is none.

    Examples
    --------
    >>> card = build_card(model={"name": "loans"}, human={"intended_use": "Teaching."})
    >>> card.title, "intended_use" in card.missing, "human_oversight" in card.missing
    ('loans', False, True)
    """
    said = dict(human or {})
    for name in said:
        if name not in HUMAN_FIELDS and name != "title":
            raise DataError(f"the card has no field {shorten(name)}: {nearest(name, [*HUMAN_FIELDS, 'title'])}")
    inputs = Inputs(
        model=model,
        human=said,
        data=data or {},
        search=search or {},
        evaluation=evaluation or {},
        costs=costs or {},
        audit=audit or {},
        explanation=explanation or {},
        robustness=robustness or {},
        calibration=calibration or {},
        threshold=threshold or {},
        mitigation=mitigation or {},
        run=run or {},
        decision=decision or {},
        min_cell=min_cell,
    )
    inputs = replace(inputs, pictures={**_given(figures or {}, inputs), **own_pictures(inputs)})
    card = ModelCard(
        name=plain(model.get("name") or "unnamed"),
        version=plain(model.get("version") or ""),
        title=inputs.title,
        status=decision_of(inputs),
        sections=build_sections(inputs),
        missing=inputs.missing(),
        metadata=hugging_face_metadata(inputs),
    )
    validate_card(card.to_dict())
    return card


def _given(figures: "Mapping[str, Figure | str | Values]", inputs: Inputs) -> dict[str, Picture]:
    """The figures that the steps left, those without a place of their own under ``further:``."""
    found = {}
    for name, given in figures.items():
        if name in _REPLACED or name.startswith(_TOLD):
            continue
        placed = name in _PLACED or name.startswith(_PLACED_BEGINNINGS)
        key = name if placed else f"further:{name}"
        picture, said = _picture(plain(key), name, given), words_for(name, inputs)
        found[key] = replace(picture, title=said[0], alt=said[1]) if said else picture
    return found


def _picture(key: str, name: str, given: "Figure | str | Values") -> Picture:
    parts: Values = given if isinstance(given, Mapping) else {"svg": given}
    drawing = parts.get("svg") or parts.get("figure") or parts.get("png")
    title = plain(parts.get("title") or words(name.replace("-", " ")))
    alt, caption = plain(parts.get("alt") or title), plain(parts.get("caption") or "")
    if isinstance(drawing, bytes):
        return Picture(key, title, alt, caption, png=drawing)
    if isinstance(drawing, str):
        return Picture(key, title, alt, caption, svg=drawing)
    return Picture(key, title, alt, caption, svg=_drawn(name, drawing))


def _drawn(name: str, figure: Any) -> str:
    from matplotlib.figure import Figure

    from evenhand.plotting import figure_to_svg

    if not isinstance(figure, Figure):
        raise DataError(
            f"figure {shorten(name)} is a {type(figure).__name__}: give a matplotlib Figure, an SVG or a PNG"
        )
    return figure_to_svg(figure)
