"""What every section of the configuration has in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A frozen part of the configuration that knows no other keys than its own.

    Defaults are literals, not factories, so that the form on Prefect's page shows them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
