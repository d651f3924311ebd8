"""The forms of the deployments that use a model once it is there: scoring, reproducing, auditing."""

from collections.abc import Mapping
from typing import Any

from evenhand.config import ServedModel
from evenhand.reproduction.checks import TOLERANCE

__all__ = ["reproduce_parameters", "reproduce_schema", "score_parameters", "score_schema"]

_VERSION = {
    "type": "string",
    "pattern": "^[0-9]*$",
    "title": "Version",
    "description": "The number of a registered version; left empty, the one that is live.",
    "default": "",
}


def score_parameters(model: ServedModel) -> dict[str, Any]:
    """What a run that scores does when nobody changes anything.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    return {"source": next(iter(model.score_sources), ""), "version": ""}


def score_schema(model: ServedModel) -> dict[str, Any]:
    """The form: one of the named sources, and a version.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    source = {
        "type": "string",
        "enum": list(model.score_sources),
        "title": "Source",
        "description": "The rows to score: one of the sources that the service file names for it.",
        "default": next(iter(model.score_sources), ""),
    }
    return _form({"source": source, "version": _VERSION}, required=["source"])


def reproduce_parameters(model: ServedModel) -> dict[str, Any]:
    """What a reproduction does when nobody changes anything.

    Parameters
    ----------
    model
        The model.
    """
    del model
    return {"version": "", "tolerance": TOLERANCE}


def reproduce_schema(model: ServedModel) -> dict[str, Any]:
    """The form: a version, and how far numbers may differ.

    Parameters
    ----------
    model
        The model.
    """
    del model
    tolerance = {
        "type": "number",
        "minimum": 0,
        "maximum": 0.5,
        "title": "Tolerance",
        "description": "How far a number may be from the first run's, relative where it exceeds 1.",
        "default": TOLERANCE,
    }
    return _form({"version": _VERSION, "tolerance": tolerance}, required=[])


def _form(fields: Mapping[str, Mapping[str, Any]], *, required: list[str]) -> dict[str, Any]:
    """A closed JSON schema whose fields stand in this order."""
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {name: {**about, "position": place} for place, (name, about) in enumerate(fields.items())},
        "required": required,
        "additionalProperties": False,
        "definitions": {},
    }
