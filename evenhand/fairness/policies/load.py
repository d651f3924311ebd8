"""Reading policies: those of the package by name, one's own by path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.fairness.policies.families import figure_names, metric_names
from evenhand.fairness.policies.model import Policy, Rule
from evenhand.fairness.policies.no_verdict import why_no_verdict
from evenhand.yaml_reader import parse_yaml

_INCLUSIONS = ("report", "require")
_TABLES = ("impact_ratio", "scoring_rate")
_TEXTS = ("name", "title", "description", "source", "jurisdiction")
_REQUIRED = (*_TEXTS, "effective", "rules")


def available_policies() -> tuple[str, ...]:
    """Names of the policies in the package.

    Examples
    --------
    >>> available_policies()
    ('nyc-ll144', 'statistical', 'us-four-fifths')
    """
    folder = resources.files("evenhand.fairness.policies")
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_policy(name_or_path: str | Path) -> Policy:
    """Load a policy of the package by name, or one's own from a YAML file.

    Parameters
    ----------
    name_or_path
        One of :func:`available_policies`, or a path that ends in ``.yaml`` or ``.yml``.

    Returns
    -------
    Policy

    Raises
    ------
    ConfigError
        If there is no such policy or file, or with every mistake in the file at once.

    Examples
    --------
    >>> policy = load_policy("us-four-fifths")
    >>> policy.rules[0].limit, policy.effective.isoformat()
    (0.8, '1978-09-25')
    """
    if isinstance(name_or_path, Path) or str(name_or_path).endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise ConfigError(f"there is no policy file {shorten(str(path), 200)}")
        return parse_policy(_read(path), origin=path.name)
    names = available_policies()
    if name_or_path not in names:
        raise ConfigError(
            f"unknown policy {shorten(name_or_path)}: {nearest(name_or_path, names)}, or the path of a .yaml file"
        )
    text = resources.files("evenhand.fairness.policies").joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
    return parse_policy(text, origin=name_or_path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"the policy file {shorten(str(path), 200)} cannot be read: {why}") from error


def parse_policy(text: str, *, origin: str = "policy") -> Policy:
    """Policy from YAML text; ``origin`` names it in errors."""
    document = parse_yaml(text, origin)
    data = document.value
    if not isinstance(data, Mapping):
        raise ConfigError(f"{origin} must be a mapping with the keys {', '.join(_REQUIRED)}")
    check = _Checker(document.problems)
    check.keys(data, [field.name for field in fields(Policy)], _REQUIRED, "")
    rules = check.rules(data)
    values = check.policy(data)
    if check.problems:
        raise ConfigError(f"{origin} has {len(check.problems)} problem(s)", check.problems)
    return Policy(rules=rules, **values)


def _day(value: object) -> date | None:
    """The day that a text such as 2025-01-31 names, or None: the calendar has no 2026-02-30."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


class _Checker:
    """Collects every problem of a policy instead of stopping at the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)

    def add(self, where: str, message: str, remedy: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(where, message, remedy))

    def keys(self, data: Mapping[Any, Any], known: list[str], required: tuple[str, ...], where: str) -> None:
        """Unknown and missing keys."""
        prefix = f"{where}." if where else ""
        for key in data:
            if key not in known:
                self.add(f"{prefix}{shorten(key).strip(chr(39))}", "unknown key", nearest(key, known))
        for key in required:
            if key not in data:
                self.add(f"{prefix}{key}", "is missing")

    def items(self, data: Mapping[Any, Any], key: str, where: str, remedy: str) -> list[Any]:
        """A list, empty when the key is missing; a key without a value says nothing and is a mistake."""
        value = data.get(key, [])
        if isinstance(value, list):
            return value
        if isinstance(value, str) and value.strip():
            remedy = f"in brackets, as in {key}: [{shorten(value).strip(chr(39))}]"
        self.add(f"{where}{key}", f"must be a list, got {'nothing' if value is None else shorten(value)}", remedy)
        return []

    def texts(self, data: Mapping[Any, Any], key: str, where: str = "", means: str = "none") -> tuple[str, ...]:
        """A list of different strings; ``means`` is what leaving it out says."""
        values = self.items(data, key, where, f"leave it out for {means}")
        if any(not isinstance(value, str) for value in values):
            self.add(f"{where}{key}", "must be a list of texts")
        texts = [str(value) for value in values]
        for text in dict.fromkeys(text for text in texts if texts.count(text) > 1):
            self.add(f"{where}{key}", f"has {shorten(text)} twice", "keep one")
        return tuple(texts)

    def rules(self, data: Mapping[Any, Any]) -> tuple[Rule, ...]:
        """Every rule; one that stands there twice would only cost all others power."""
        items = self.items(data, "rules", "", "[] for a policy of tables only")
        for at, item in enumerate(items):
            if (first := items.index(item)) < at:
                self.add(f"rules[{at}]", f"is the same as rules[{first}]", "keep one")
        return tuple(self.rule(item, f"rules[{at}]") for at, item in enumerate(items))

    def number(self, data: Mapping[Any, Any], key: str, where: str, low: float, high: float, default: Any) -> Any:
        """A number strictly between two bounds."""
        value = data.get(key, default)
        if value is default and key not in data:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
            self.add(where, f"must lie strictly between {low:g} and {high:g}, got {shorten(value)}")
            return default
        return value

    def choice(self, data: Mapping[Any, Any], key: str, options: tuple[str, ...], default: str) -> Any:
        """One of a few words."""
        value = data.get(key, default)
        if value not in options:
            self.add(key, f"must be one of {', '.join(options)}, got {shorten(value)}", nearest(value, options))
        return value

    def rule(self, data: Any, where: str) -> Rule:
        """One rule; a placeholder when it is wrong, which is never returned."""
        if not isinstance(data, Mapping):
            self.add(where, "must be a mapping with the keys metric and limit")
            return Rule("", 0.5)
        self.keys(data, [field.name for field in fields(Rule)], ("metric", "limit"), where)
        metric = data.get("metric", "")
        names = metric_names() + figure_names()
        if "metric" in data and metric not in names:
            why = why_no_verdict(str(metric))
            if why:
                self.add(f"{where}.metric", f"there is no verdict on {shorten(metric)}", why)
            else:
                self.add(f"{where}.metric", f"unknown disparity {shorten(metric)}", nearest(metric, names))
        limit = self.number(data, "limit", f"{where}.limit", 0, 1, 0.5)
        alpha = self.number(data, "alpha", f"{where}.alpha", 0, 0.5, None)
        reversal = data.get("reversal", False)
        if not isinstance(reversal, bool):
            self.add(f"{where}.reversal", f"must be true or false, got {shorten(reversal)}")
        elif reversal and metric in figure_names():
            self.add(
                f"{where}.reversal", f"one different selection reverses rates, and {metric} is none", "leave it out"
            )
        attributes = self.texts(data, "attributes", f"{where}.", "every single attribute")
        return Rule(str(metric), float(limit), attributes, alpha, bool(reversal))

    def policy(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """Everything but the rules."""
        values: dict[str, Any] = {key: data.get(key, "") for key in _TEXTS}
        for key in _TEXTS:
            if key in data and not (isinstance(data[key], str) and data[key].strip()):
                self.add(key, f"must be a text, got {shorten(data[key])}")
        effective = _day(data.get("effective"))
        if "effective" in data and effective is None:
            self.add("effective", f"must be a day such as 2025-01-31, got {shorten(data['effective'])}")
        tables = self.texts(data, "tables")
        for table in tables:
            if table not in _TABLES:
                self.add("tables", f"unknown table {shorten(table)}", nearest(table, _TABLES))
        minimum = data.get("minimum_group", 20)
        if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
            self.add("minimum_group", f"must be a whole number of rows >= 1, got {shorten(minimum)}")
        return values | {
            "effective": effective,
            "alpha": self.number(data, "alpha", "alpha", 0, 0.5, 0.05),
            "unknown": self.choice(data, "unknown", _INCLUSIONS, "report"),
            "small_groups": self.choice(data, "small_groups", _INCLUSIONS, "report"),
            "minimum_group": minimum,
            "may_leave_out_under": self.number(data, "may_leave_out_under", "may_leave_out_under", 0, 1, None),
            "tables": tables,
            "notes": self.texts(data, "notes"),
        }
