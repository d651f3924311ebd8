"""The forms of the deployments that use a model once it is there: scoring, reproducing, auditing, rolling back."""

from collections.abc import Mapping
from typing import Any

from evenhand.config import ServedModel
from evenhand.fairness.policies.load import available_policies
from evenhand.reproduction.checks import TOLERANCE

__all__ = [
    "audit_parameters",
    "audit_schema",
    "form",
    "reproduce_parameters",
    "reproduce_schema",
    "rollback_schema",
    "score_parameters",
    "score_schema",
]

_VERSION = {
    "type": "string",
    "pattern": "^[0-9]*$",
    "maxLength": 9,
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
    return form({"source": source, "version": _VERSION}, required=["source"])


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
    return form({"version": _VERSION, "tolerance": tolerance}, required=[])


def audit_parameters(model: ServedModel) -> dict[str, Any]:
    """What an audit does when nobody changes anything.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    return {"source": next(iter(model.sources)), "version": "", "policies": list(model.base.audit.policies)}


def audit_schema(model: ServedModel) -> dict[str, Any]:
    """The form: one of the named sources, a version, and policies that ship or stand in the configuration.

    Parameters
    ----------
    model
        The model, with its part of the service file.
    """
    given = audit_parameters(model)
    source = {
        "type": "string",
        "enum": list(model.sources),
        "title": "Source",
        "description": "The rows to audit on, with target and sensitive columns: one of the service file's sources.",
        "default": given["source"],
    }
    policies = {
        "type": "array",
        "items": {"type": "string", "enum": list(dict.fromkeys([*available_policies(), *given["policies"]]))},
        "title": "Policies",
        "description": "The policies that give verdicts; none means “statistical”.",
        "default": given["policies"],
    }
    return form({"source": source, "version": _VERSION, "policies": policies}, required=["source"])


def rollback_schema(model: ServedModel) -> dict[str, Any]:
    """The form: who orders it and why, and the version to go back to.

    Parameters
    ----------
    model
        The model.
    """
    del model
    said = {"type": "string", "minLength": 1}
    why = {**said, "title": "Reason", "description": "Why, for whoever reads the ledger years from now."}
    who = {**said, "title": "Your name", "description": "The ledger keeps it, as unverified."}
    back = "The number of the version to go back to; empty for the champion before the live one."
    return form({"reason": why, "by": who, "version": {**_VERSION, "description": back}}, required=["reason", "by"])


def form(fields: Mapping[str, Mapping[str, Any]], *, required: list[str]) -> dict[str, Any]:
    """A closed JSON schema whose fields stand in this order.

    Parameters
    ----------
    fields
        By name, each with type, title, description, bounds and default.
    required
        Those that may not be left out.
    """
    return {
        "title": "Parameters",
        "type": "object",
        "properties": {name: {**about, "position": place} for place, (name, about) in enumerate(fields.items())},
        "required": required,
        "additionalProperties": False,
        "definitions": {},
    }
