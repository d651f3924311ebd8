"""What no single section can check: names that must exist or must not meet, secrets, and duplicates."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from evenhand.config._errors import shown
from evenhand.config._names import check_names
from evenhand.config._paths import is_path
from evenhand.config._secrets import secret_in
from evenhand.config.data import SensitiveConfig, SourceConfig
from evenhand.config.root import Config
from evenhand.exceptions import Problem, nearest

__all__ = ["check", "check_source", "sensitive_columns"]

Found = Iterator[Problem]

# Asking scikit-learn for its names means importing it, which takes seconds; most configurations use one of these.
_SCORERS = frozenset(
    ["accuracy", "average_precision", "balanced_accuracy", "f1", "f1_macro", "neg_log_loss", "roc_auc", "roc_auc_ovr"]
)
_SCORE_SCORERS = ("average_precision", "d2_brier", "d2_log_loss", "neg_brier", "neg_log_loss", "roc_auc", "top_k")


def check(config: Config) -> list[Problem]:
    """Every problem between the sections of a configuration whose own fields are right."""
    checks: Sequence[Callable[[Config], Found]] = (
        _secrets, _target, _roles, _lists, _sensitive, _split, _weight, _scorers, _costs, _approvers, _policies,
        check_names,
    )  # fmt: skip
    return [problem for each in checks for problem in each(config)]


def sensitive_columns(name: str, attribute: SensitiveConfig) -> list[str]:
    """The columns that an attribute is made of."""
    return list(attribute.indicators.values()) or [attribute.column or name]


def _policies(config: Config) -> Found:
    folder = Path(__file__).resolve().parent.parent / "fairness" / "policies"
    shipped = sorted(path.stem for path in folder.glob("*.yaml"))
    for name in config.audit.policies:
        if name not in shipped and not is_path(name):
            yield Problem("audit.policies", f"{shown(name)} does not ship with Evenhand", nearest(name, shipped))


def _secrets(config: Config) -> Found:
    yield from check_source(config.data.source, "data.source")


def check_source(source: SourceConfig, where: str) -> Found:
    """A secret that stands in an address in clear."""
    for name in ("url", "path"):
        value = getattr(source, name)
        if value is not None and secret_in(value):
            yield Problem(
                f"{where}.{name}",
                "a password, token or signature stands here in clear",
                "write ${NAME} in its place and set NAME in the environment",
            )


def _target(config: Config) -> Found:
    data = config.data
    if data.target_above is not None and data.favorable_label not in (None, 0, 1, [0], [1]):
        yield Problem(
            "data.favorable_label",
            f"{shown(data.favorable_label)} is no label: with target_above the labels are 1 (above) and 0",
            "write 1 or 0",
        )


def _roles(config: Config) -> Found:
    data = config.data
    taken: dict[str, str] = {data.target: "the target"}
    for role in ("key", "time", "group"):
        column = getattr(data, role)
        if column is not None and column in taken:
            yield Problem(f"data.{role}", f"{shown(column)} is {taken[column]} already", "name another column")
    for role in ("features", "exclude"):
        if data.target in getattr(data, role):
            yield Problem(f"data.{role}", f"{shown(data.target)} is the target", "leave it out of this list")
    for column in sorted(set(data.features) & set(data.exclude)):
        yield Problem("data.features", f"{shown(column)} stands in exclude too", "keep one of the two")


def _lists(config: Config) -> Found:
    lists: dict[str, Sequence[str]] = {
        "data.source.text": config.data.source.text,
        "data.source.numbers": config.data.source.numbers,
        "data.features": config.data.features,
        "data.exclude": config.data.exclude,
        "search.candidates": config.search.candidates,
        "weight.attributes": config.weight.attributes,
        "audit.policies": config.audit.policies,
        "audit.legitimate_factors": config.audit.legitimate_factors,
    }
    for path, names in lists.items():
        for name in _repeated(names):
            yield Problem(path, f"{shown(name)} stands twice", "keep one")


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]


def _sensitive(config: Config) -> Found:
    data = config.data
    for name, attribute in data.sensitive.items():
        where = f"data.sensitive.{name}"
        columns = sensitive_columns(name, attribute)
        if not name:
            yield Problem("data.sensitive", "an attribute has no name", "give it one")
        for column in _repeated(columns):
            yield Problem(where, f"the column {shown(column)} marks two groups", "name one column a group")
        for column in columns:
            if column == data.target:
                yield Problem(where, f"{shown(column)} is the target", "name another column")
            if column in data.features:
                yield Problem(
                    "data.features",
                    f"{shown(column)} is a column of {name}",
                    "sensitive columns never become features",
                )


def _split(config: Config) -> Found:
    for method in ("time", "group"):
        if config.split.method == method and getattr(config.data, method) is None:
            yield Problem(
                "split.method", f"a split by {method} needs data.{method}", f"name the column in data.{method}"
            )


def _weight(config: Config) -> Found:
    if config.weight.method == "reweighing" and not config.data.sensitive:
        yield Problem("weight.method", "reweighing needs a sensitive attribute", "declare one in data.sensitive")


def _costs(config: Config) -> Found:
    found = config.evaluate
    if found.threshold_rule == "cost" and not found.cost_false_positive and not found.cost_false_negative:
        told = "both costs are 0, and every threshold costs the same"
        yield Problem("evaluate.threshold_rule", told, "give cost_false_positive or cost_false_negative above 0")


def _approvers(config: Config) -> Found:
    if config.gate.approver_is_not_trainer and not config.gate.approvers:
        told = "only a signed approval would count, and gate.approvers names nobody who may sign"
        yield Problem("gate.approver_is_not_trainer", told, "name the file of allowed signers in gate.approvers")


def _scorers(config: Config) -> Found:
    for path, name in (
        ("search.scorer", config.search.scorer), ("evaluate.threshold_scorer", config.evaluate.threshold_scorer),
    ):  # fmt: skip
        if name in _SCORERS:
            continue
        from evenhand.modeling.search_scoring import class_scorers

        names = class_scorers()
        if name not in names:
            yield Problem(path, f"{shown(name)} is no scorer of scikit-learn for classes", nearest(name, names))
    name = config.evaluate.threshold_scorer
    if name.startswith(_SCORE_SCORERS):
        yield Problem(
            "evaluate.threshold_scorer",
            f"{shown(name)} scores probabilities, which no threshold changes",
            "choose a scorer of labels, such as balanced_accuracy or f1",
        )
