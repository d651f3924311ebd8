"""Which rates a disparity compares, and the limits of the largest gap among them."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.fairness.against import COMPARED
from evenhand.fairness.assess import Estimate, View
from evenhand.fairness.counts import Marginal
from evenhand.fairness.group_estimates import rate_sums, weighted_rates
from evenhand.fairness.metrics import Tables
from evenhand.fairness.policies.families import ConfusionCounts, families
from evenhand.fairness.report import AttributeAudit, headline
from evenhand.fairness.statistics import Rates, largest_gaps
from evenhand.fairness.statistics.exact import Kind

__all__ = ["FORMS", "MOST_LABELS", "Audited", "confusion", "gap_limits", "kind_of"]

# With more than two labels the named disparities are of distributions and single labels, and these are beside them.
_COMPARED = (*COMPARED, "selection_rate", "true_positive_rate")
FORMS: tuple[Kind, ...] = ("difference", "ratio")
MOST_LABELS = 10  # total variation compares all sets of labels


@dataclass(frozen=True)
class Audited:
    """A view, its audit and the estimates that it rests on."""

    view: View
    audit: AttributeAudit
    estimates: Mapping[str, Estimate]


def confusion(view: View, marginal: Marginal | None = None) -> ConfusionCounts:
    """The counts of a view as the policies and the intervals take them."""
    chosen = view.marginal if marginal is None else marginal
    unknown = tuple(label for label, group in zip(chosen.labels, chosen.groups, strict=True) if "unknown" in group)
    return ConfusionCounts(
        chosen.labels, chosen.counts, view.favorable, chosen.weights, chosen.squares, unknown=unknown
    )


def gap_limits(audited: Sequence[Audited], confidence: float) -> dict[tuple[int, str], tuple[float, float]]:
    """Limits of the disparities that are largest gaps of rates, by place and name, each comparison made once."""
    asked: dict[Hashable, tuple[tuple[Rates, ...], Kind]] = {}
    keys: dict[tuple[int, str], Hashable] = {}
    for place, one in enumerate(audited):
        rates = _rates_compared(one)
        for name, found in one.audit.disparities.items():
            if name in rates and not np.isnan(found.value):
                keys[place, name] = key = _same(rates[name], kind_of(name))
                asked.setdefault(key, (rates[name], kind_of(name)))
    # All of them in one search: alone each costs nearly as much.
    gaps = dict(zip(asked, largest_gaps(list(asked.values()), confidence=confidence), strict=True))
    return {at: (gaps[key].low, gaps[key].high) for at, key in keys.items()}


def _rates_compared(one: Audited) -> dict[str, tuple[Rates, ...]]:
    """The rates that each disparity of a view compares, for those that are largest gaps of rates."""
    view, counts = one.view, confusion(one.view)
    names = [name for name in one.audit.disparities if _comparable(view, name)]
    found = {name: families(name, counts) for name in names}
    for rate in _rates_of_metrics(view):
        found |= {name: (rate,) for name in (f"{rate.name}_{form}" for form in FORMS) if name not in found}
    return found


def _rates_of_metrics(view: View) -> Iterator[Rates]:
    """The metrics of a view that are shares of rows, under their disparities' names; of single labels where few."""
    marginal, few = view.marginal, len(view.classes) <= MOST_LABELS
    metrics = [metric for metric in view.metrics if metric.kind == "rate" and (few or "/" not in metric.name)]
    k, n = rate_sums(metrics, Tables(marginal.counts))
    weighted = weighted_rates(metrics, marginal, n)
    if weighted is not None:
        k, n = weighted.k, weighted.n
    for at, metric in enumerate(metrics):
        name = headline(metric.name)
        yield Rates(k[at], n[at], marginal.labels, name, metric.undefined, effective=weighted is not None)


def _same(rates: Sequence[Rates], kind: Kind) -> Hashable:
    """What gaps with the same limits have in common: their counts, and of differences the complements' as well."""
    return kind, tuple(_key(rate, kind) for rate in rates)


def _key(rate: Rates, kind: Kind) -> bytes:
    rest = rate.n[:, None] - rate.k
    own, other = (np.concatenate(both, axis=1).tobytes() for both in ((rate.k, rest), (rest, rate.k)))
    return own if kind == "ratio" else min(own, other)


def kind_of(name: str) -> Kind:
    """Whether a disparity of this name is a ratio or a difference."""
    return "ratio" if name.endswith("_ratio") else "difference"


def _comparable(view: View, name: str) -> bool:
    """Whether the disparity is the largest gap of rates, and of no more of them than can be compared."""
    base = name.rpartition("_")[0]
    if base not in _COMPARED:
        return False
    of_labels = base == "equalized_odds" or (base == "demographic_parity" and not _of_favorable(view, name))
    return view.task == "binary" or not of_labels or len(view.classes) <= MOST_LABELS


def _of_favorable(view: View, name: str) -> bool:
    """Whether it compares the rate at which favorable labels are predicted, and no distribution."""
    return bool(view.favorable) and kind_of(name) == "ratio"
