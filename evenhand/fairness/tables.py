"""An audit as a person reads it: a row a group, a sentence, and figures by name. It takes the dict of a report."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from evenhand.disclosure import rests_on_few
from evenhand.fairness.report_values import resolve

__all__ = [
    "SHOWN",
    "audit_figures",
    "audit_sentence",
    "gap_of",
    "group_table",
    "groups_of_few",
    "policy_table",
    "view_of",
    "worst_verdict",
]

SHOWN = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy", "roc_auc")
"""The metrics of a group that are shown and recorded."""

_RATES = {"impact_ratio": "selection_rate", "scoring_rate": "scoring_rate"}
_WORST = ("FAIL", "INCONCLUSIVE", "PASS")


def group_table(found: Mapping[str, Any], least: int = 0) -> pd.DataFrame:
    """A row a group and intersection, each metric as text with its interval.

    Parameters
    ----------
    found
        What :meth:`evenhand.fairness.AuditReport.to_dict` gives.
    least
        What rests on fewer rows than this is withheld, since it would tell of single people.

    Examples
    --------
    >>> from evenhand.fairness import BiasDetector
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> report = BiasDetector.from_predictions([1, 0, 1, 0], [1, 0, 1, 1], sensitive_features=people, favorable_label=1)
    >>> group_table(report.detect_bias().to_dict())["group"].tolist()
    ['f (small)', 'm (small)']
    """
    rows = []
    for attribute, audited in _audits(found).items():
        for group in audited["groups"]:
            name = group["group"] + (" (small)" if group["small"] else "")
            row = {"attribute": attribute, "group": name, "n": group["n"]}
            known = {name: group["metrics"][name] for name in SHOWN if name in group["metrics"]}
            row |= {name: "withheld" if rests_on_few(each, least) else _shown(each) for name, each in known.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def gap_of(found: Mapping[str, Any], attribute: str, metric: str) -> Mapping[str, Any]:
    """A disparity of an attribute, by any of the names that a limit may call it.

    Examples
    --------
    >>> gaps = {"demographic_parity_ratio": {"value": 0.9}}
    >>> gap_of({"task": "binary", "attributes": {"sex": {"disparities": gaps}}}, "sex", "selection_rate_ratio")
    {'value': 0.9}
    """
    gap: Mapping[str, Any] = view_of(found, attribute)["disparities"][resolve(metric, found["task"])]
    return gap


def view_of(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The audit of an attribute, or of an intersection such as ``race & sex``."""
    view: Mapping[str, Any] = {**found["attributes"], **(found.get("intersections") or {})}[name]
    return view


def policy_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """A row a category of every table that the policies ask for; empty where they ask for none.

    Parameters
    ----------
    found
        What :meth:`evenhand.fairness.AuditReport.to_dict` gives.

    Returns
    -------
    pandas.DataFrame
        ``policy``, ``rate`` (what it is a rate of), ``attribute``, ``category``, ``n``, ``share`` of all rows, then the
        rate and the impact ratio with their intervals as text, and a remark.

    Examples
    --------
    >>> from evenhand.fairness import BiasDetector
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> given = {"sensitive_features": people, "favorable_label": 1}
    >>> report = BiasDetector.from_predictions([1, 0, 1, 0], [1, 0, 1, 1], **given).detect_bias(policies=["nyc-ll144"])
    >>> policy_table(report.to_dict())[["rate", "category", "n"]].values.tolist()
    [['selection_rate', 'f', 2], ['selection_rate', 'm', 2]]
    """
    rows = [
        {"policy": judged["policy"]["name"], "rate": _RATES.get(kind, kind), "attribute": attribute, **_category(row)}
        for judged in found["policies"]
        for kind, by_attribute in judged["tables"].items()
        for attribute, listed in by_attribute.items()
        for row in listed
    ]
    return pd.DataFrame(rows)


def _category(row: Mapping[str, Any]) -> dict[str, Any]:
    ratio = {"value": row["impact_ratio"], "low": row["ratio_low"], "high": row["ratio_high"]}
    remarks = (row["reason"], "may be left out for its share, shown all the same" if row["may_leave_out"] else "")
    return {
        "category": row["name"],
        "n": row["n"],
        "share": f"{row['share']:.1%}",
        "value": _shown({"value": row["rate"], "low": row["rate_low"], "high": row["rate_high"]}),
        "impact_ratio": _shown(ratio),
        "remark": "; ".join(remark for remark in remarks if remark),
    }


def groups_of_few(found: Mapping[str, Any], least: int) -> dict[str, frozenset[str]]:
    """By attribute and intersection the groups of fewer rows than `least`, of which no figure is told.

    Examples
    --------
    >>> audited = {"groups": [{"group": "f", "n": 40}, {"group": "unknown", "n": 4}]}
    >>> groups_of_few({"attributes": {"sex": audited}, "intersections": {}}, 10)
    {'sex': frozenset({'unknown'})}
    """
    return {
        name: frozenset(group["group"] for group in audited["groups"] if group["n"] < least)
        for name, audited in _audits(found).items()
    }


def audit_sentence(found: Mapping[str, Any]) -> str:
    """What the audit says in a few words: each attribute's lowest selection rate ratio, or its largest gap."""
    said = []
    for attribute, audited in found["attributes"].items():
        ratio = audited["disparities"].get("four_fifths")
        if ratio and ratio["ratio"] is not None:
            mark = " (under 4/5)" if ratio["flag"] else ""
            said.append(f"{attribute}: lowest selection rate ratio {ratio['ratio']:.2f}{mark}")
        elif (gap := audited["disparities"].get("demographic_parity_difference", {}).get("value")) is not None:
            said.append(f"{attribute}: demographic parity difference {gap:.2f}")
    return "; ".join(said) or "no disparity is defined"


def audit_figures(found: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Every figure by the parts of its name, ``("fairness", "race", "demographic_parity_ratio")``; None: undefined."""
    for attribute, audited in _audits(found).items():
        for name, disparity in audited["disparities"].items():
            yield ("fairness", attribute, name), disparity.get("value", disparity.get("ratio"))
        for group in audited["groups"]:
            for name in SHOWN:
                metric = group["metrics"].get(name)
                if metric is not None:
                    yield ("group", attribute, group["group"], name), metric["value"]


def worst_verdict(found: Mapping[str, Any]) -> str | None:
    """The worst verdict of all policies; None when no policy has a limit.

    Examples
    --------
    >>> worst_verdict({"policies": [{"verdict": "PASS"}, {"verdict": "INCONCLUSIVE"}, {"verdict": None}]})
    'INCONCLUSIVE'
    """
    given = [policy["verdict"] for policy in found["policies"] if policy["verdict"] is not None]
    return min(given, key=_WORST.index, default=None)


def _audits(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found["attributes"], **found["intersections"]}


def _shown(metric: Mapping[str, Any] | None) -> str:
    if metric is None or metric["value"] is None:
        return "undefined"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    high = "unbounded" if metric["high"] is None else f"{metric['high']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {high}]"
