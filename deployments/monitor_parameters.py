"""The form of a look: which new rows, which outcomes, which version."""

from typing import Any

from deployments.parameters_after import form
from evenhand.config import NO_SOURCE, ServedModel

__all__ = ["monitor_parameters", "monitor_schema"]


def monitor_parameters(model: ServedModel) -> dict[str, Any]:
    """What a look does when nobody changes anything.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    watch = model.watched
    return {
        "source": watch.source or next(iter(watch.sources)),
        "labels": watch.labels or NO_SOURCE,
        "version": "",
    }


def monitor_schema(model: ServedModel) -> dict[str, Any]:
    """The JSON schema of those parameters.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    given, names = monitor_parameters(model), list(model.watched.sources)
    fields: dict[str, dict[str, Any]] = {
        "source": {
            "type": "string",
            "enum": names,
            "description": "Where the new rows come from: one of the sources that the service file names.",
        },
        "labels": {
            "type": "string",
            "enum": [NO_SOURCE, *names],
            "description": "Where outcomes come from that became known: rows of the key and the target.",
        },
        "version": {
            "type": "string",
            "maxLength": 40,
            "pattern": "^[A-Za-z0-9_-]*$",
            "description": "The version or alias to watch; empty means the champion.",
        },
    }
    told = {name: {"title": name.capitalize(), "default": given[name], **field} for name, field in fields.items()}
    return form(told, required=["source"])
