"""How a search chose, in words made from its record: one wording for the screen, the pages and the card."""

from collections.abc import Mapping
from typing import Any

__all__ = ["told_choice", "told_limit", "told_pool"]

Values = Mapping[str, Any]

_MOST_DIGITS = 8


def told_choice(search: Values) -> str:
    """How the selected trial was chosen, to stand behind its name.

    Parameters
    ----------
    search
        What :meth:`evenhand.modeling.search_results.SearchResult.to_dict` gives.

    Examples
    --------
    >>> trial = {"number": 1, "mean": 0.8, "fairness": {"inside": True}}
    >>> search = {"n_trials": 6, "trials": [trial, trial], "best": trial, "selected": trial, "fairness": None}
    >>> told_choice(search)
    'the best of 6 trials'
    >>> told_choice({**search, "fairness": {"metric": "accuracy_difference", "limit": 0.1, "met": True}})
    'the best of the 2 of 6 trials that keep the limit, accuracy difference at most 0.1'
    """
    count, limited = search["n_trials"], search.get("fairness")
    best = "the best"
    if search["selected"]["number"] != search["best"]["number"]:
        best = "the simplest within one standard error of the best"
    if limited is None:
        return f"{best} of {count:,} trials" if count > 1 else "the only trial"
    if not limited["met"]:
        return f"of {count:,} trials the nearest to a limit that none keeps, {_limit(limited)}"
    kept = len(_keeping(search))
    which = "the only one" if kept == 1 else f"{best} of the {kept:,}"
    return f"{which} of {count:,} trials that keep{'s' * (kept == 1)} the limit, {_limit(limited)}"


def told_pool(search: Values) -> str:
    """Of which trials the best one is spoken of, with a limit on a disparity; "" without one."""
    limited = search.get("fairness")
    if limited is None:
        return ""
    return " of those that keep the limit" if limited["met"] else " of those nearest to a limit that none keeps"


def told_limit(search: Values) -> str:
    """What the limit on a disparity did, in sentences: how many trials keep it, and which better one it set aside.

    Parameters
    ----------
    search
        As in :func:`told_choice`.

    Returns
    -------
    str
        Names of attributes and groups stand in it as they are; "" where the search had no limit.

    Examples
    --------
    >>> near = {"number": 1, "candidate": "boosting", "mean": -0.45, "status": "complete"}
    >>> near["fairness"] = {"value": 0.8987, "attribute": "sex", "inside": False, "reason": ""}
    >>> limited = {"metric": "demographic_parity_ratio", "limit": 0.9, "met": False}
    >>> told_limit({"n_trials": 6, "trials": [near], "best": near, "selected": near, "fairness": limited})
    'No trial keeps the limit, demographic parity ratio at least 0.9: the selected one comes nearest, 0.899 by sex.'
    """
    limited, selected = search.get("fairness"), search["selected"]
    if limited is None:
        return ""
    value = _value(selected, limited)
    if limited["met"]:
        kept = len(_keeping(search))
        said = f"{kept:,} of {search['n_trials']:,} trials keep{'s' * (kept == 1)} the limit, {_limit(limited)}: "
        return f"{said}the selected one has {value}.{_set_aside(search)}"
    return f"No trial keeps the limit, {_limit(limited)}: the selected one comes nearest, {value}.{_set_aside(search)}"


def _limit(limited: Values) -> str:
    metric = str(limited["metric"])
    return f"{metric.replace('_', ' ')} {'at least' if metric.endswith('_ratio') else 'at most'} {limited['limit']:g}"


def _set_aside(search: Values) -> str:
    """The best trial of all, where the limit kept it from being selected."""
    complete = [trial for trial in search["trials"] if trial["status"] == "complete"]
    first = max(complete, key=lambda trial: (trial["mean"], -trial["number"]))
    if first["mean"] <= search["best"]["mean"]:
        return ""
    return (
        f" Trial {first['number']} ({first['candidate']}) scores better, {first['mean']:.4f} against "
        f"{search['selected']['mean']:.4f}, and was set aside: {_value(first, search['fairness'])}."
    )


def _keeping(search: Values) -> list[Values]:
    return [trial for trial in search["trials"] if (trial.get("fairness") or {}).get("inside")]


def _value(trial: Values, limited: Values) -> str:
    """A trial's disparity and where it is worst, with digits enough to be told from the limit."""
    read = trial.get("fairness")
    if read is None:
        return "not measured"
    if read["value"] is None:
        return f"undefined ({read['reason']})"
    texts = [f"{read['value']:.{digits}f}" for digits in range(3, _MOST_DIGITS)]
    apart = (text for text in texts if float(text) != limited["limit"])
    value = texts[0] if read["value"] == limited["limit"] else next(apart, texts[-1])
    return f"{value} by {read['attribute']}" + (f", {read['reason']}" if read["reason"] else "")
