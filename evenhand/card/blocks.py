"""What a section of a card is made of: small values that say what is shown, and nothing about how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evenhand.card.headings import SourceName

__all__ = ["Block", "Cell", "Facts", "Items", "Link", "Picture", "Section", "Table", "Text", "Tone"]

Tone = Literal["plain", "lead", "missing", "absent", "flag", "good", "open", "muted"]
"""How something is said.

``missing``: only a person can say it and nobody has. ``absent``: it was not measured, with the reason. ``flag``: a
reader must see it. ``good`` and ``open``: a verdict that passed, or could not be reached.
"""


@dataclass(frozen=True)
class Cell:
    """One value of a table or list of facts: its text, the number behind it with its interval, and how it is said.

    The upper end of an interval is None where there is no bound.
    """

    text: str
    value: float | None = None
    tone: Tone = "plain"
    detail: str = ""
    interval: tuple[float, float | None] | None = None

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types; ``interval`` is left out where there is none."""
        said = {"text": self.text, "value": self.value, "tone": self.tone, "detail": self.detail}
        return said if self.interval is None else {**said, "interval": list(self.interval)}


@dataclass(frozen=True)
class Link:
    """An address that a person gave or that names the run; never loaded by the page itself."""

    text: str
    url: str

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"text": self.text, "url": self.url}


@dataclass(frozen=True)
class Text:
    """A paragraph. `field` names the field of the configuration that fills it, where there is one."""

    text: str
    tone: Tone = "plain"
    field: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"kind": "text", "text": self.text, "tone": self.tone, "field": self.field}


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    rows: tuple[tuple[str, Cell], ...]

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"kind": "facts", "rows": [{"name": name, **cell.to_dict()} for name, cell in self.rows]}


@dataclass(frozen=True)
class Items:
    """A list of sentences or links."""

    items: tuple[Cell | Link, ...]

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {"kind": "items", "items": [item.to_dict() for item in self.items]}


@dataclass(frozen=True)
class Table:
    """A table: the first column names the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {
            "kind": "table",
            "caption": self.caption,
            "columns": list(self.columns),
            "rows": [[cell.to_dict() for cell in row] for row in self.rows],
            "note": self.note,
        }


@dataclass(frozen=True)
class Picture:
    """A figure. Its drawing is part of the page only, and made when the page is; JSON and Markdown carry its words."""

    name: str
    title: str
    alt: str
    caption: str = ""
    svg: str | Callable[[], str] = field(default="", repr=False, compare=False)
    png: bytes = field(default=b"", repr=False)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types, without the drawing."""
        return {"kind": "picture", "name": self.name, "title": self.title, "alt": self.alt, "caption": self.caption}


Block = Text | Facts | Items | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the card.

    Attributes
    ----------
    id, title
        Its anchor and heading.
    blocks
        What it says.
    sections
        Its parts.
    covers
        The headings of each source that it answers.
    """

    id: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = ()
    covers: Mapping[SourceName, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON types."""
        return {
            "id": self.id,
            "title": self.title,
            "covers": {source: list(headings) for source, headings in self.covers.items()},
            "blocks": [block.to_dict() for block in self.blocks],
            "sections": [section.to_dict() for section in self.sections],
        }
