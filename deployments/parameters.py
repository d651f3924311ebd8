"""The parameters of a deployment: the form that Prefect's page makes of them, and what stands in it at first."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.config import ServedModel, config_schema
from evenhand.fairness.policies.load import available_policies

__all__ = ["parameter_schema", "parameters"]

_TITLES = {"contract": "Data contract"}
_THEIRS, _OURS = "#/$defs/", "#/definitions/"
_NAMES = re.escape(_THEIRS) + r'([^"]+)"'


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
    given: dict[str, Any] = {"source": next(iter(model.sources))}
    for section, keys in _shown(model).items():
        whole = base[section]
        given[section] = {key: whole[key] for key in keys if key in whole} if keys else whole
    return given


def _shown(model: ServedModel) -> dict[str, list[str]]:
    """The parameters of the form, in its order, each with those of its keys that are shown; none means all."""
    shown: dict[str, list[str]] = {}
    for name in model.about.form:
        section, _, key = name.partition(".")
        if key and shown.get(section) != []:
            shown.setdefault(section, []).append(key)
        elif not key:
            shown[section] = []
    return shown


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
    _offer_policies(known["AuditConfig"]["properties"]["policies"], model)
    fields: dict[str, Any] = {"source": _source(model)}
    shown = _shown(model)
    definitions: dict[str, Any] = {}
    for name, keys in shown.items():
        about = known["DataConfig"]["properties"] if name == "contract" else whole["properties"]
        fields[name] = _field(about[name])
        if "$ref" in about[name]:
            kind = about[name]["$ref"].rpartition("/")[2]
            definitions[kind] = _section(known[kind], given[name], keys)
    for position, (name, field) in enumerate(fields.items()):
        field |= {"title": _TITLES.get(name, name.capitalize()), "position": position, "default": given[name]}
    definitions |= {
        kind: _section(known[kind], _own(known[kind]), []) for kind in _named(definitions, known) - definitions.keys()
    }
    schema = {
        "title": "Parameters",
        "type": "object",
        "properties": fields,
        "required": ["source"],
        "additionalProperties": False,
        "definitions": definitions,
    }
    renamed: dict[str, Any] = json.loads(json.dumps(schema).replace(_THEIRS, _OURS))
    return renamed


def _named(definitions: Mapping[str, Any], known: Mapping[str, Any]) -> set[str]:
    """The definitions that these name, and what those name."""
    found: set[str] = set()
    open_ends = set(re.findall(_NAMES, json.dumps(definitions)))
    while open_ends:
        found |= open_ends
        open_ends = set(re.findall(_NAMES, json.dumps([known[kind] for kind in open_ends]))) - found
    return found


def _offer_policies(field: dict[str, Any], model: ServedModel) -> None:
    """The policies to choose from: those that ship and the configuration's own; a run names no other file."""
    names = dict.fromkeys([*available_policies(), *model.base.audit.policies])
    field["items"] = {"type": "string", "enum": list(names)}
    field["description"] = "The policies that give verdicts; none means “statistical”."


def _source(model: ServedModel) -> dict[str, Any]:
    return {
        "type": "string",
        "enum": list(model.sources),
        "description": "Where the rows come from: one of the sources that the service file names.",
    }


def _field(about: Mapping[str, Any]) -> dict[str, Any]:
    """One parameter; a section is named by its definition."""
    kept = {key: value for key, value in about.items() if key not in ("default", "$ref", "allOf")}
    kept["description"] = _plain(about.get("description", ""))
    return kept | ({"$ref": about["$ref"]} if "$ref" in about else {})


def _section(about: Mapping[str, Any], given: Mapping[str, Any], shown: Sequence[str]) -> dict[str, Any]:
    """A section with the configuration's values as defaults."""
    properties = {}
    for position, name in enumerate(shown or about["properties"]):
        plain = _without_null(about["properties"][name])
        plain |= {"title": _title(name, plain), "description": _plain(plain.get("description", ""))}
        plain.pop("default", None)
        plain |= {"default": given[name]} if name in given else {}
        properties[name] = {**plain, "position": position}
    return {**about, "properties": properties}


def _plain(text: str) -> str:
    """A description for a page that shows no Markdown."""
    return re.sub(r"`([^`]*)`", r"“\1”", " ".join(text.split()))


def _own(about: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a section within a section, as its model has them; the parameter's default has the values."""
    defaults = {name: field.get("default") for name, field in about["properties"].items()}
    return {name: value for name, value in defaults.items() if value is not None}


def _title(name: str, field: Mapping[str, Any]) -> str:
    """A section within a section has no title of its own."""
    return str(field.get("title") or name.replace("_", " ").title())


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """The field without `or null`."""
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return dict(field)
    return {**{key: value for key, value in field.items() if key != "anyOf"}, **kinds[0]}
