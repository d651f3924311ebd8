"""The parameters of a deployment: the form that Prefect's page makes of them, and what stands in it at first."""

from collections.abc import Mapping
from typing import Any

from evenhand.config import ServedModel, config_schema

__all__ = ["parameter_schema", "parameters"]

_TITLES = {"contract": "Data contract"}


def parameters(model: ServedModel) -> dict[str, Any]:
    """What a run of the model's deployment does when nobody changes anything.

    Parameters
    ----------
    model
        The model, with its configuration.

    Returns
    -------
    dict
        Plain JSON; what has no value is left out, so that the form shows an empty field.
    """
    base = model.base.model_dump(mode="json", exclude_none=True)
    base["contract"] = base["data"]["contract"]
    return {"source": next(iter(model.sources)), **{name: base[name] for name in model.about.form}}


def parameter_schema(model: ServedModel) -> dict[str, Any]:
    """The JSON schema of those parameters as Prefect's server enforces it and its page shows it.

    Every key has its title, description, choices, bounds and the configuration's value as its default. A key that may
    be empty is no union here: the page would show that as two tabs. It is left out instead.

    Parameters
    ----------
    model
        The model, with its configuration.
    """
    whole = config_schema()
    known = whole["$defs"]
    given = parameters(model)
    fields: dict[str, Any] = {"source": _source(model)}
    for name in map(str, model.about.form):
        about = known["DataConfig"]["properties"] if name == "contract" else whole["properties"]
        fields[name] = _field(about[name])
    for position, (name, field) in enumerate(fields.items()):
        field |= {"title": _TITLES.get(name, name.capitalize()), "position": position, "default": given[name]}
    sections = {field["$ref"].rpartition("/")[2]: name for name, field in fields.items() if "$ref" in field}
    return {
        "title": "Parameters",
        "type": "object",
        "properties": fields,
        "required": ["source"],
        "additionalProperties": False,
        "definitions": {kind: _section(known[kind], given[name]) for kind, name in sections.items()},
    }


def _source(model: ServedModel) -> dict[str, Any]:
    return {
        "type": "string",
        "enum": list(model.sources),
        "description": "Where the rows come from: one of the sources that the service file names.",
    }


def _field(about: Mapping[str, Any]) -> dict[str, Any]:
    """One parameter; a section is named by its definition."""
    kept = {key: value for key, value in about.items() if key not in ("default", "$ref", "allOf")}
    if "$ref" in about:
        kept["$ref"] = "#/definitions/" + about["$ref"].rpartition("/")[2]
    return kept


def _section(about: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A section with the configuration's values as defaults, in the order of the file."""
    properties = {}
    for position, (name, field) in enumerate(about["properties"].items()):
        plain = _without_null(field)
        plain.pop("default", None)
        if name in given:
            plain["default"] = given[name]
        properties[name] = {**plain, "position": position}
    return {**about, "properties": properties}


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return dict(field)
    return {**{key: value for key, value in field.items() if key != "anyOf"}, **kinds[0]}
