"""Reading a service file: every error at once, and what one run of one of its models does."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from evenhand.config._base import Section
from evenhand.config._checks import check_source
from evenhand.config._errors import explain, shown
from evenhand.config._paths import anchor, anchor_source, is_path
from evenhand.config._rest import conflicts_in, rest_of
from evenhand.config._roots import READ_ONLY_SERVERS, anchor_root, outside
from evenhand.config._tree import Path, dotted, prepare
from evenhand.config.data import SourceConfig
from evenhand.config.load import collected, load_config, parse_config, read_text, with_line
from evenhand.config.root import Config
from evenhand.config.service import ServedModelConfig, ServedMonitorConfig, ServiceConfig
from evenhand.exceptions import ConfigError, DataError, Problem, nearest
from evenhand.yaml_reader import Document, parse_yaml

__all__ = ["NO_SOURCE", "OWN_SOURCE", "ServedModel", "Service", "load_service"]

_NO_FILE = "\0"
"""Stands where a model's configuration is not known, since what names it is wrong."""

NO_SOURCE = "(none)"
"""What the form calls it when no outcomes come."""

OWN_SOURCE = "configured"
"""What the form calls the configuration's own source where the service file names none."""


@dataclass(frozen=True)
class ServedModel:
    """One model as the service runs it.

    Attributes
    ----------
    name
        What it is registered under.
    about
        Its part of the service file.
    base
        Its configuration, with the source of scheduled runs.
    sources
        What a run may read, by name; the first is that of scheduled runs.
    roots
        Where every file lies.
    folder
        The configuration's, for relative paths in it.
    score_sources, score_output
        What a run may score, by name, and the folder for what comes of it.
    watched
        What a look may read: its sources and its log, with absolute paths.
    """

    name: str
    about: ServedModelConfig
    base: Config
    sources: Mapping[str, SourceConfig]
    roots: tuple[str, ...]
    folder: FilePath
    score_sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    score_output: str = ""
    watched: ServedMonitorConfig = field(default_factory=ServedMonitorConfig)

    def configure(self, *, source: str = "", changes: Mapping[str, Any] | None = None) -> Config:
        """The configuration of one run.

        Parameters
        ----------
        source
            One of the named sources; by default the first.
        changes
            What differs from the configuration: ``{"search": {"trials": 50}, "seed": 1}``. What is left out, in a
            section too, is as the configuration has it.

        Raises
        ------
        ConfigError
            With everything that is wrong: unknown names, values out of bounds, what may not be changed, and paths
            outside the roots.
        """
        changes = {name: change for name, change in (changes or {}).items() if change not in (None, {})}
        problems = [
            Problem(where, "is fixed for this model", "the service file's form says what a run may change")
            for where in self._fixed(changes)
        ]
        if source and source not in self.sources:
            problems.append(Problem("source", f"{shown(source)} is no source of it", nearest(source, self.sources)))
        if problems:
            raise ConfigError(f"this run of {self.name} cannot start", problems)
        config = anchor(self._changed(changes), self.folder)
        chosen = self.sources[source or next(iter(self.sources))]
        config = config.model_copy(update={"data": config.data.model_copy(update={"source": chosen})})
        problems = [*_outside(config, self.roots)]
        if problems:
            raise ConfigError(f"this run of {self.name} cannot start", problems)
        return config

    def _fixed(self, changes: Mapping[str, Any]) -> Iterator[str]:
        """What the changes name that the form does not; a name that exists nowhere is the configuration's to refuse."""
        for name, change in changes.items():
            if name in self.about.form:
                continue
            section = getattr(self.base, name, None)
            if not isinstance(section, Section) or not isinstance(change, Mapping):
                yield name
                continue
            shown_keys = {key for key in type(section).model_fields if f"{name}.{key}" in self.about.form}
            yield from (
                f"{name}.{key}" for key in change if key in type(section).model_fields and key not in shown_keys
            )

    def _changed(self, changes: Mapping[str, Any]) -> Config:
        value = self.base.model_dump()
        for name, change in changes.items():
            if name == "contract":
                value["data"]["contract"] = change
            elif isinstance(value.get(name), dict) and isinstance(change, Mapping):
                value[name] |= change
            else:
                value[name] = change
        return parse_config(value)


@dataclass(frozen=True)
class Service:
    """A service file that was read and checked.

    Attributes
    ----------
    path
        The file.
    about
        What it says.
    models
        Its models, by name.
    """

    path: FilePath
    about: ServiceConfig
    models: Mapping[str, ServedModel]


def load_service(path: str | FilePath) -> Service:
    """Read a service file and the configurations that it names.

    Parameters
    ----------
    path
        The file; relative paths inside it are relative to its folder.

    Raises
    ------
    ConfigError
        With every error that was found, in the file and in the configurations.
    """
    file = FilePath(path).absolute()
    document = parse_yaml(read_text(file, "docs/deployments.md says what a service file holds"), file.name)
    if not isinstance(document.value, Mapping):
        raise ConfigError(f"{file} is no mapping of keys to values: docs/deployments.md says what a service file holds")
    about, wrong, problems = _parse(document)
    models: dict[str, ServedModel] = {}
    if about is not None:
        known = all(path[0] != "roots" for path in wrong)
        roots = tuple(anchor_root(root, file.parent) for root in about.roots) if known else None
        for name, model in about.models.items():
            served, found = _serve(name, model, roots, file.parent)
            problems += [problem for problem in found if not _follows(problem, name, wrong)]
            if served is not None:
                models[name] = served
    if about is None or problems:
        raise collected(str(file), problems)
    return Service(file, about, models)


def _parse(document: Document) -> tuple[ServiceConfig | None, set[Path], list[Problem]]:
    """What the file says, or what is left of it without its wrong fields; the paths of these, and all problems."""
    prepared, booleans = prepare(document.value, ServiceConfig)
    told = {
        path: Problem(dotted(path), f"{shown(bad)} does not fit here", "expected a number") for path, bad in booleans
    }
    about: ServiceConfig | None
    try:
        about = ServiceConfig.model_validate(prepared)
        wrong = set(told)
    except ValidationError as error:
        told = {**explain(error, ServiceConfig), **told}
        wrong = set(told)
        about = rest_of(ServiceConfig, prepared, wrong, _complete)
        told |= {} if about is None else dict(conflicts_in(about, wrong))
    return about, wrong, [*document.problems, *(with_line(path, problem, document) for path, problem in told.items())]


def _complete(rest: dict[str, Any]) -> None:
    """Put in what a service file cannot do without, so that no other check meets it."""
    models = rest.get("models")
    for model in models.values() if isinstance(models, dict) else ():
        if isinstance(model, dict):
            model.setdefault("config", _NO_FILE)


def _follows(problem: Problem, name: str, wrong: Collection[Path]) -> bool:
    """Whether a model's problem only follows from what was found wrong in the service file."""
    return problem.where == f"models.{name}.source" and ("models", name, "sources") in wrong


def _configured(name: str, named: str, folder: FilePath) -> tuple[Config | None, list[Problem]]:
    """A model's configuration, or what is wrong with it."""
    if named == _NO_FILE:
        return None, []
    where = f"models.{name}.config"
    try:
        return load_config(folder / FilePath(named).expanduser(), [f"model={name}"]), []
    except ConfigError as error:
        below = [Problem(f"{where}, {each.where}", each.message, each.remedy) for each in error.problems]
        return None, below or [Problem(where, error.summary)]


def _serve(
    name: str, about: ServedModelConfig, roots: tuple[str, ...] | None, folder: FilePath
) -> tuple[ServedModel | None, list[Problem]]:
    """A model as the service runs it, or all that is wrong with it; without roots nothing lies outside them."""
    where = f"models.{name}"
    config, wrong = _configured(name, about.config, folder)
    problems = [*_wrong_sources(about, where), *wrong]
    sources = {key: anchor_source(source, folder) for key, source in about.sources.items()}
    if config is not None:
        sources = sources or {OWN_SOURCE: config.data.source}
        problems += [
            Problem(f"{where}.config, {each.where}", each.message, each.remedy)
            for each in _outside(config, roots)
            if each.where != "data.source.path"
        ]
    if about.source and about.source in sources:
        sources = {about.source: sources[about.source], **sources}
    scored = {key: anchor_source(source, folder) for key, source in about.score.sources.items()}
    output = anchor_root(about.score.output, folder) if about.score.output else ""
    watched = _watched(about.monitor, folder)
    for below, group in (("", sources), ("score.", scored), ("monitor.", watched.sources)):
        for key, source in group.items():
            problems += _unsafe(f"{where}.{below}sources.{key}", source, roots)
    for below, place in (("score.output", output), ("monitor.log", watched.log)):
        if place and (reason := outside(place, roots)):
            problems.append(Problem(f"{where}.{below}", *reason))
    if problems or config is None or roots is None:
        return None, problems
    lies = (folder / FilePath(about.config).expanduser()).parent
    return ServedModel(name, about, config, sources, roots, lies, scored, output, watched), []


def _watched(about: ServedMonitorConfig, folder: FilePath) -> ServedMonitorConfig:
    """With absolute paths."""
    sources = {key: anchor_source(source, folder) for key, source in about.sources.items()}
    log = str(folder / FilePath(about.log).expanduser()) if about.log else ""
    return about.model_copy(update={"sources": sources, "log": log})


def _wrong_sources(about: ServedModelConfig, where: str) -> Iterator[Problem]:
    names = list(about.sources) or [OWN_SOURCE]
    if about.source and about.source not in names:
        yield Problem(f"{where}.source", f"{shown(about.source)} is no source of it", nearest(about.source, names))
    if "" in about.sources:
        yield Problem(f"{where}.sources", "a source has no name", "give it one")


def _unsafe(where: str, source: SourceConfig, roots: Sequence[str] | None) -> Iterator[Problem]:
    """What keeps a source out of a service: a secret in clear, a file outside the roots, a statement that writes."""
    yield from check_source(source, where)
    for name, value in (("path", source.path), ("url", source.url)):
        reason = outside(value, roots) if value is not None else None
        if reason:
            yield Problem(f"{where}.{name}", *reason)
    if source.url is not None and not source.url.startswith(("${", "sqlite", *READ_ONLY_SERVERS)):
        yield Problem(
            f"{where}.url",
            "is no database that a service reads from",
            f"its transactions must be read-only: sqlite, {', '.join(READ_ONLY_SERVERS)}",
        )
    if source.sql is not None and source.url is not None:
        from evenhand.data._sql import check_driver, check_select

        for name, check, value in (("url", check_driver, source.url), ("sql", check_select, source.sql)):
            try:
                check(value)
            except DataError as error:
                yield Problem(f"{where}.{name}", str(error))


def _outside(config: Config, roots: Sequence[str] | None) -> Iterator[Problem]:
    """The files of a configuration that lie outside the roots."""
    named: dict[str, Sequence[str | None]]
    named = {"data.source.path": [config.data.source.path], "data.source.url": [config.data.source.url]}
    named["audit.policies"] = [name for name in config.audit.policies if is_path(name)]
    named["mitigate.policy"] = [name for name in [config.mitigate.policy] if is_path(name)]
    named["gate.approvers"] = [config.gate.approvers]
    for where, values in named.items():
        for value in values:
            reason = outside(value, roots) if value is not None else None
            if reason:
                yield Problem(where, *reason)
