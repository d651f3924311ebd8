"""The card itself: a tree of sections, what is missing from it, and its digest."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evenhand.card.blocks import Block, Section

__all__ = ["FORMAT", "ModelCard"]

FORMAT = "evenhand-model-card/1"


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model, said so that it can be checked.

    Attributes
    ----------
    name, version, title
        The model's, and the card's heading.
    status
        Of the decision: ``undecided``, ``promote``, ``hold`` or ``block``.
    sections
        What it says.
    missing
        Fields of the configuration's section ``card`` that only a person can fill and nobody has filled.
    metadata
        Hugging Face's metadata.
    """

    name: str
    version: str
    title: str
    status: str
    sections: tuple[Section, ...]
    missing: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict, compare=False)

    def walk(self) -> Iterator[Section]:
        """Every section, each before its parts."""
        waiting = list(reversed(self.sections))
        while waiting:
            section = waiting.pop()
            yield section
            waiting.extend(reversed(section.sections))

    def blocks(self) -> Iterator[Block]:
        """Every block, in reading order."""
        for section in self.walk():
            yield from section.blocks

    def section(self, id_: str) -> Section:
        """The section of this id.

        Raises
        ------
        KeyError
            When there is none.
        """
        for section in self.walk():
            if section.id == id_:
                return section
        raise KeyError(id_)

    @property
    def digest(self) -> str:
        """SHA-256 of what the card says, as hexadecimal digits."""
        said = json.dumps(self._said(), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(said.encode("ascii")).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The card as JSON knows it; ``schema.json`` in this package describes it."""
        return {**self._said(), "digest": self.digest}

    def _said(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "status": self.status,
            "missing": list(self.missing),
            "metadata": self.metadata,
            "sections": [section.to_dict() for section in self.sections],
        }
