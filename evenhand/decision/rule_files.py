"""The files that a configuration names and that say how a model is judged: their content counts, not their name."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evenhand.store import digest_file

__all__ = ["RuleFiles", "changed_files", "rule_files"]

RuleFiles = Mapping[str, Mapping[str, str]]
"""Path of the configuration, to the files that it names, to their SHA-256 in hex."""

_NAMED_BY = (("audit", "policies"), ("mitigate", "policy"), ("gate", "approvers"))


def rule_files(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The digests of the policies and of the list of approvers that are files; what ships is no file.

    Parameters
    ----------
    config
        The whole configuration as JSON values, its local paths absolute.

    Examples
    --------
    >>> rule_files({"audit": {"policies": ["statistical"]}, "gate": {"approvers": ""}})
    {}
    """
    found = {}
    for section, key in _NAMED_BY:
        value = (config.get(section) or {}).get(key) or []
        names = [value] if isinstance(value, str) else value
        if digests := {name: digest_file(Path(name)) for name in names if Path(name).is_file()}:
            found[f"{section}.{key}"] = digests
    return found


def changed_files(before: RuleFiles | None, after: RuleFiles, renamed: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """What differs between the files of two configurations, as path of the configuration and a sentence.

    Parameters
    ----------
    before, after
        Of :func:`rule_files`; None for what was recorded without.
    renamed
        Paths of the configuration whose names differ, which says it already.

    Examples
    --------
    >>> one, other = ({"audit.policies": {"/a/own.yaml": digest}} for digest in ("1a", "2b"))
    >>> list(changed_files(one, other))
    [('audit.policies', 'audit.policies own.yaml changed')]
    """
    for path in sorted({*(before or {}), *after} - {*renamed}):
        old, new = (before or {}).get(path, {}), after.get(path, {})
        for name in sorted({*old, *new}):
            if before is None:
                yield path, f"{path} {Path(name).name} may have changed: its content was not recorded with the champion"
            elif name not in new:
                yield path, f"{path} {Path(name).name} is gone"
            elif old.get(name) != new[name]:
                yield path, f"{path} {Path(name).name} changed"
