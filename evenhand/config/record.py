"""Where the run and the model are recorded."""

from pydantic import Field

from evenhand.config._base import Section

__all__ = ["RecordConfig"]


class RecordConfig(Section):
    """The MLflow experiment and the registered model's alias and tags."""

    experiment: str = ""
    """The MLflow experiment; by default the model's name."""

    alias: str = Field(default="challenger", pattern="^[a-z][a-z0-9_-]*$")
    """The alias that the new version gets; `champion` goes to live models only, and MLflow keeps `latest` and `v1`."""

    tags: dict[str, str] = {}
    """Tags of the run and the model version."""
