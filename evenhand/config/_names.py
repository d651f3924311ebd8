"""Names that only a later step would miss: disparities, figures, attributes, paths and parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from pydantic import BaseModel

from evenhand.config._bounded import check_bounded
from evenhand.config._errors import shown
from evenhand.config.root import Config
from evenhand.exceptions import ConfigError, Problem, nearest
from evenhand.modeling.figure_names import FIGURES, HIGHEST
from evenhand.modeling.robustness_names import DISTANCES
from evenhand.modeling.robustness_names import FIGURES as ROBUSTNESS

__all__ = ["check_names"]

Found = Iterator[Problem]


def check_names(config: Config) -> Found:
    """Every name that nothing has, and every pair of bounds that is none."""
    yield from _limits(config)
    yield from _floors(config)
    yield from _plan(config)
    yield from _space(config)
    yield from _alias(config.record.alias)


def _alias(alias: str) -> Found:
    """An alias that would say what no decision said, or that MLflow refuses when the model is trained already."""
    if alias == "champion":
        told = "'champion' is the alias of the live model, which only the gate and approvals move"
        yield Problem("record.alias", told, "name another, such as challenger")
    elif alias == "latest" or (alias.startswith("v") and alias[1:].isdigit()):
        yield Problem("record.alias", f"{shown(alias)} is reserved by MLflow", "name another, such as challenger")


def _limits(config: Config) -> Found:
    fairness, mitigate = config.search.fairness, config.mitigate
    yield from _attributes("search.fairness.attributes", fairness.attributes, config)
    yield from _attributes("weight.attributes", config.weight.attributes, config)
    yield from _attributes("mitigate.attributes", mitigate.attributes, config)
    if fairness.metric:
        yield from _limit("search.fairness", fairness.metric, fairness.limit)
    for name, bound in mitigate.limits.items():
        yield from _limit("mitigate.limits", name, bound)


def _attributes(where: str, named: Sequence[str], config: Config) -> Found:
    for name in named:
        if name not in config.data.sensitive:
            yield Problem(where, f"{shown(name)} is no sensitive attribute", nearest(name, config.data.sensitive))


def _limit(where: str, metric: str, bound: float) -> Found:
    from evenhand.fairness.policies.families import metric_names  # what it imports takes seconds

    if metric not in metric_names():
        yield Problem(where, f"there is no limit for {shown(metric)}", nearest(metric, metric_names()))
    elif not 0 < bound < 1:
        yield Problem(where, f"the limit {shown(bound)} of {metric} must lie between 0 and 1, both excluded")


def _floors(config: Config) -> Found:
    gate = config.gate
    highest = dict.fromkeys(DISTANCES, inf)
    for where, floors, known, limits in (
        ("gate.floors", gate.floors, FIGURES, HIGHEST),
        ("gate.robustness", gate.robustness, tuple(ROBUSTNESS), highest),
    ):
        for name, floor in floors.items():
            most = limits.get(name, 1.0)
            if name not in known:
                yield Problem(where, f"{shown(name)} is no figure that has a floor", nearest(name, known))
            elif not 0 <= floor <= most:
                told = "is never below 0" if most == inf else f"lies between 0 and {most:g}"
                yield Problem(where, f"{name} {told}, and its floor is {floor:g}", "write a value that it can have")
    if gate.robustness and not config.robustness.enabled:
        yield Problem(
            "gate.robustness",
            "floors of the step stress, which robustness.enabled leaves out",
            "without it nothing is ever promoted: remove the floors or enable it",
        )


def _plan(config: Config) -> Found:
    plan = config.gate.plan
    if plan is None:
        return
    for name in plan.may_change:
        yield from _path("gate.plan.may_change", name)
    for name, bounds in plan.within.items():
        yield from list(_path("gate.plan.within", name)) or check_bounded(name, config)
        yield from _bounds(f"gate.plan.within.{name}", bounds)
        if not any(name == path or name.startswith(f"{path}.") for path in plan.may_change):
            yield Problem("gate.plan.within", f"{shown(name)} may not change at all", "name it in may_change too")
    if plan.rows:
        yield from _bounds("gate.plan.rows", plan.rows)
    for name in plan.candidates:
        if name not in config.search.candidates:
            told = f"{shown(name)} does not compete"
            yield Problem("gate.plan.candidates", told, nearest(name, config.search.candidates))


def _path(where: str, path: str) -> Found:
    """Whether a path leads to a key; below a mapping of names it may lead anywhere."""
    section: type[BaseModel] = Config
    above = ""
    for part in path.split("."):
        field = section.model_fields.get(part)
        if field is None:
            known = [f"{above}{name}" for name in section.model_fields]
            yield Problem(where, f"{shown(path)} is no path of the configuration", nearest(f"{above}{part}", known))
            return
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return
        section = field.annotation
        above += f"{part}."


def _bounds(where: str, bounds: Sequence[float]) -> Found:
    negative = where == "gate.plan.rows" and min(bounds, default=0) < 0
    if len(bounds) != 2 or not bounds[0] <= bounds[1] or negative:
        given = ", ".join(f"{bound:g}" for bound in bounds) or "nothing"
        least = "from 0, " if negative else ""
        yield Problem(
            where, f"{given} is no least and greatest value", f"write two numbers, {least}the smaller one first"
        )


def _space(config: Config) -> Found:
    space = config.search.space
    unknown = [name for name in space if name not in config.search.candidates]
    for name in unknown:
        yield Problem("search.space", f"{shown(name)} does not compete", nearest(name, config.search.candidates))
    if not space or unknown:
        return
    from evenhand.modeling.candidates import get_candidates, refused_values  # imports scikit-learn

    try:
        chosen = get_candidates(config.search.candidates, space)
        found = [problem for candidate in chosen for problem in refused_values(candidate)]
    except ConfigError as error:
        found = list(error.problems) or [Problem("space", error.summary)]
    yield from (replace(problem, where=f"search.{problem.where}") for problem in found)
