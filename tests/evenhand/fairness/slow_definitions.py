"""Every metric row by row, as its definition reads: what the fast engine is compared with."""

import itertools
import math

NAN = float("nan")


def _share(rows, hit):
    rows = list(rows)
    return sum(weight for *row, weight in rows if hit(*row)) / total if (total := sum(r[-1] for r in rows)) else NAN


def group_metrics(y, p, w=None):
    """Metrics of one group: y and p hold 1 for favorable, w the weights."""
    rows = list(zip(y, p, w or [1] * len(y), strict=True))
    yes, no = [r for r in rows if r[0]], [r for r in rows if not r[0]]
    chosen, refused = [r for r in rows if r[1]], [r for r in rows if not r[1]]
    tpr, tnr = _share(yes, lambda y, p: p), _share(no, lambda y, p: not p)
    sums = {(a, b): sum(r[2] for r in rows if (r[0], r[1]) == (a, b)) for a in (0, 1) for b in (0, 1)}
    f1_bottom = 2 * sums[1, 1] + sums[0, 1] + sums[1, 0]
    return {
        "base_rate": _share(rows, lambda y, p: y),
        "selection_rate": _share(rows, lambda y, p: p),
        "true_positive_rate": tpr,
        "false_positive_rate": _share(no, lambda y, p: p),
        "true_negative_rate": tnr,
        "false_negative_rate": _share(yes, lambda y, p: not p),
        "precision": _share(chosen, lambda y, p: y),
        "negative_predictive_value": _share(refused, lambda y, p: not y),
        "false_discovery_rate": _share(chosen, lambda y, p: not y),
        "false_omission_rate": _share(refused, lambda y, p: y),
        "accuracy": _share(rows, lambda y, p: y == p),
        "balanced_accuracy": (tpr + tnr) / 2,
        "f1": 2 * sums[1, 1] / f1_bottom if f1_bottom else NAN,
        "treatment_equality": sums[1, 0] / sums[0, 1] if sums[0, 1] else NAN,
        "generalized_entropy": _entropy(rows, lambda x: (x * x - 1) / 2),
        "theil_index": _entropy(rows, lambda x: x * math.log(x) if x else 0.0),
    }


def _entropy(rows, each):
    n = sum(r[2] for r in rows)
    mean = sum((p - y + 1) * w for y, p, w in rows) / n if n else 0
    return sum(w * each((p - y + 1) / mean) for y, p, w in rows) / n if mean else NAN


def total_variation(a, b, labels):
    """Largest difference in the probability of any set of labels, by trying all sets."""
    if not a or not b:
        return NAN
    sets = itertools.chain.from_iterable(itertools.combinations(labels, size) for size in range(len(labels) + 1))
    return max(abs(sum(x in s for x in a) / len(a) - sum(x in s for x in b) / len(b)) for s in map(set, sets))


def largest(values):
    """The largest value that is defined."""
    known = [value for value in values if not math.isnan(value)]
    return max(known) if known else NAN


def area(y, score):
    """Share of pairs that scores order right, ties counting half."""
    good = [s for s, hit in zip(score, y, strict=True) if hit]
    bad = [s for s, hit in zip(score, y, strict=True) if not hit]
    pairs = [(a > b) + (a == b) / 2 for a in good for b in bad]
    return sum(pairs) / len(pairs) if pairs else NAN


def conditional_disparity(accepted, member, stratum):
    """Of one group, by Clarify's formula, over the strata with both outcomes."""
    top = bottom = 0
    for name in set(stratum):
        at = [i for i, s in enumerate(stratum) if s == name]
        yes, no = [i for i in at if accepted[i]], [i for i in at if not accepted[i]]
        if yes and no:
            top += len(at) * (sum(member[i] for i in no) / len(no) - sum(member[i] for i in yes) / len(yes))
            bottom += len(at)
    return top / bottom if bottom else NAN
