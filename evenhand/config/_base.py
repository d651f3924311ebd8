"""What every section of the configuration has in common."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

__all__ = ["APART", "Conflict", "Section"]

APART = "apart"
"""The context of a validation that takes every field for itself and asks no section for its conflicts."""


class Conflict(NamedTuple):
    """Fields of a section that are right one by one and wrong together."""

    fields: tuple[str, ...]
    """All that the message rests on: where one of them is wrong by itself, nothing is known of the rest."""

    message: str

    names: tuple[str, ...] = ()
    """Those of the fields that are sections by name, of which the message rests on the names alone."""


class Section(BaseModel):
    """A frozen part of the configuration that knows no other keys than its own.

    Defaults are literals, not factories, so that the form on Prefect's page shows them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_or_false(cls, value: Any, info: ValidationInfo) -> Any:
        """A text is no yes or no: pydantic reads `no` and `off` as one, and the page says that they are texts."""
        if isinstance(value, str) and cls.model_fields[str(info.field_name)].annotation is bool:
            raise PydanticCustomError("bool_type", "a text is neither true nor false")
        return value

    def conflicts(self) -> Iterator[Conflict]:
        """What is wrong between the section's own fields."""
        yield from ()

    @model_validator(mode="after")
    def _agree(self, info: ValidationInfo) -> Self:
        told = [] if info.context == APART else [conflict.message for conflict in self.conflicts()]
        if told:
            raise ValueError("; ".join(told))
        return self
