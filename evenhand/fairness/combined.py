"""Disparities that several rates make together: equalized odds, and those of whole distributions of labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.fairness.arrays import Floats, divide
from evenhand.fairness.counts import Marginal
from evenhand.fairness.disparities import Gap, ratio
from evenhand.fairness.multiclass import confusion_distributions, prediction_distributions, total_variation, widest

if TYPE_CHECKING:
    from evenhand.fairness.assess import View

__all__ = ["combine", "multiclass_gaps"]


def combine(named: Mapping[str, Gap], worse: Any) -> dict[str, Gap]:
    """The worst of several rates' disparities, ``equalized_odds``, and their mean, ``average_odds``.

    Examples
    --------
    >>> none = Gap(float("nan"), reason="every value is 0: there is no ratio")
    >>> combine({"recall": Gap(0.9), "fallout": none}, min)["equalized_odds"].reason
    'it rests on recall alone; of fallout: every value is 0: there is no ratio'
    """
    parts = list(named.values())
    undefined: dict[str, str] = {}
    for part in parts:
        for group, reason in part.undefined.items():
            undefined[group] = f"{undefined[group]}; {reason}" if group in undefined else reason
    known = [part for part in parts if not np.isnan(part.value)]
    if not known:
        gap = Gap(float("nan"), None, parts[0].reason, undefined)
        return {"equalized_odds": gap, "average_odds": gap}
    worst = worse(known, key=lambda part: part.value)
    # A mean over fewer rates would be another quantity; the worst of those that exist is a bound.
    mean = float(np.mean([part.value for part in parts]))
    return {
        "equalized_odds": Gap(worst.value, worst.between, _alone(named), undefined),
        "average_odds": Gap(mean, None, next((p.reason for p in parts if np.isnan(p.value)), ""), undefined),
    }


def _alone(named: Mapping[str, Gap]) -> str:
    """Which rates a worst case rests on, where another one is undefined."""
    known = [name for name, part in named.items() if not np.isnan(part.value)]
    missing = [f"of {name}: {part.reason}" for name, part in named.items() if np.isnan(part.value)]
    return "; ".join([f"it rests on {', '.join(known)} alone", *missing]) if missing else ""


def multiclass_gaps(
    view: "View", gaps: Mapping[str, Gap], base: Marginal | None, against: str, own: int | None
) -> dict[str, Gap]:
    """Total-variation definitions, and gaps over the favorable labels where there are some."""
    labels = view.marginal.labels
    chosen = prediction_distributions(view.marginal.table)
    by_label = np.swapaxes(confusion_distributions(view.marginal.table), 0, 1)
    if base is None:
        parity = [(total_variation(chosen), labels)]
        odds = [(part, labels) for part in total_variation(by_label)]
    else:
        others = [at for at in range(len(labels)) if at != own]
        names = (*(labels[at] for at in others), against)
        parity = [(_to_base(chosen[others], prediction_distributions(base.table)[0], own), names)]
        bases = confusion_distributions(base.table)[0]
        odds = [(_to_base(part[others], bases[k], own), names) for k, part in enumerate(by_label)]
    few = len(labels) < 2
    found = {"demographic_parity_difference": _widest(*parity[0], few=few)}
    parts = {
        f"label {label}": _widest(*part, few=few) for label, part in zip(view.classes, _named(view, odds), strict=True)
    }
    found |= {f"{name}_difference": gap for name, gap in combine(parts, max).items()}
    found |= _label_ratios(view, base, against, own)
    recalls = [f"true_positive_rate/{view.classes[i]}" for i in view.favorable]
    for form, worse in (("difference", max), ("ratio", min)):
        parts = {name: gaps[f"{name}_{form}"] for name in recalls}
        if parts:
            found[f"equal_opportunity_{form}"] = combine(parts, worse)["equalized_odds"]
    return found


def _label_ratios(view: "View", base: Marginal | None, against: str, own: int | None) -> dict[str, Gap]:
    """Ratios of distributions, label by label; that of decisions is of the favorable labels where there are some."""

    def smallest(shares: Floats, of: Floats | None, undefined: str) -> Gap:
        return _smallest_ratio(shares, view.marginal.labels, of, against, own, undefined)

    chosen, answers = prediction_distributions(view.marginal.table), confusion_distributions(view.marginal.table)
    everybody = None if base is None else prediction_distributions(base.table)[0]
    given = [None] * len(view.classes) if base is None else list(confusion_distributions(base.table)[0])
    parts = {
        f"label {label}": smallest(answers[:, at], given[at], f"no rows with the label {label}")
        for at, label in enumerate(view.classes)
    }
    found = {f"{name}_ratio": gap for name, gap in combine(parts, min).items()}
    return found if view.favorable else {"demographic_parity_ratio": smallest(chosen, everybody, "no rows"), **found}


def _smallest_ratio(
    shares: Floats, groups: Sequence[str], base: Floats | None, against: str, own: int | None, undefined: str
) -> Gap:
    """The smallest ratio of any label's share, of shape (groups, labels); a label that is nowhere has none."""
    rows = shares[~np.isnan(shares).any(axis=1) & (np.arange(len(shares)) != (-1 if own is None else own))]
    if base is not None and len(rows):
        quotients = divide(np.minimum(rows, base), np.maximum(rows, base)).T
    else:
        quotients = divide(rows.min(axis=0), rows.max(axis=0))[:, None] if len(rows) else np.full((1, 1), np.nan)
    each = np.where(np.isnan(quotients), np.inf, quotients).min(axis=1)
    at = int(np.argmin(each))
    gap = ratio(shares[:, at], groups, base=None if base is None else float(base[at]), against=against, own=own)
    missing = {group: undefined for group, row in zip(groups, shares, strict=True) if np.isnan(row).any()}
    return Gap(gap.value, gap.between, gap.reason, missing)


def _named(view: "View", parts: Sequence[tuple[Floats, Sequence[str]]]) -> list[tuple[Floats, Sequence[str], str]]:
    return [(*part, f"no rows with the label {label}") for part, label in zip(parts, view.classes, strict=True)]


def _to_base(distributions: Floats, base: Floats, own: int | None) -> Floats:
    """Total variation to one distribution, laid out as the last column of a table of pairs."""
    g = len(distributions)
    table = np.full((g + 1, g + 1), np.nan)
    table[:g, g] = np.abs(distributions - base).sum(axis=-1) / 2
    if own is None and np.count_nonzero(~np.isnan(table)) == 1:
        # Everybody is that one group, and its distance to itself says nothing.
        table[:] = np.nan
    return table


def _widest(between: Floats, labels: Sequence[str], reason: str = "no rows", *, few: bool = False) -> Gap:
    value, pair = widest(between, labels)
    defined = ~np.isnan(between) & ~np.eye(len(labels), dtype=bool)
    paired = np.asarray(defined.any(axis=0) | defined.any(axis=1))
    undefined = {labels[at]: reason for at in np.flatnonzero(~paired).tolist()}
    if pair is None:
        told = "there is only one group" if few else f"defined in fewer than two groups: {reason}"
        return Gap(float("nan"), None, told, undefined)
    return Gap(value, pair, "", undefined)
