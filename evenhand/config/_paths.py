"""Relative paths in a configuration are relative to its file, wherever the command was started."""

from pathlib import Path

from evenhand.config.data import SourceConfig
from evenhand.config.root import Config

__all__ = ["anchor", "anchor_source", "is_path"]

_SQLITE = "sqlite:///"


def anchor(config: Config, folder: Path) -> Config:
    """The configuration with every local path made absolute against `folder`."""
    changed = anchor_source(config.data.source, folder)
    policies = [_absolute(name, folder) if is_path(name) else name for name in config.audit.policies]
    limits = _absolute(config.mitigate.policy, folder) if is_path(config.mitigate.policy) else config.mitigate.policy
    approvers = _absolute(config.gate.approvers, folder) if config.gate.approvers else ""
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"source": changed}),
            "audit": config.audit.model_copy(update={"policies": policies}),
            "mitigate": config.mitigate.model_copy(update={"policy": limits}),
            "gate": config.gate.model_copy(update={"approvers": approvers}),
        }
    )


def anchor_source(source: SourceConfig, folder: Path) -> SourceConfig:
    """A source with a local file made absolute against `folder`."""
    return source.model_copy(
        update={
            "path": None if source.path is None else _absolute(source.path, folder),
            "url": None if source.url is None else _absolute_sqlite(source.url, folder),
        }
    )


def is_path(name: str) -> bool:
    """Whether a policy is named by its file rather than by the name of one that ships."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def _absolute(path: str, folder: Path) -> str:
    chain, colons, last = path.rpartition("::")
    if "://" in chain and not last.startswith("${"):  # fsspec's chain ends where the bytes are: zip://in/a.csv::c.zip
        return f"{chain}{colons}{_absolute(last, folder)}"
    if "://" in path or "::" in path or path.startswith("${"):
        return path
    return str(folder / Path(path).expanduser())


def _absolute_sqlite(url: str, folder: Path) -> str:
    """SQLAlchemy takes three slashes for a path relative to the working folder, four for an absolute one."""
    name = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not name or name.startswith(("/", ":memory:", "${")):
        return url
    return f"{_SQLITE}{folder / name}"
