"""What scores give to a policy's rules: areas and mean errors by group, for verdicts at a margin."""

from collections.abc import Collection

from evenhand.fairness.areas import area_of_histogram
from evenhand.fairness.counts import Marginal
from evenhand.fairness.score_estimates import ScoredRows
from evenhand.fairness.scores import score_metrics
from evenhand.fairness.statistics.figures import area_rates, mean_error_rates, no_figure
from evenhand.fairness.statistics.rates_by_group import Rates

__all__ = ["SCORED", "score_figures"]

SCORED = ("roc_auc", "calibration_in_the_large")
_WEIGHTED = "no test of scores under sampling weights: their variance by group is not counted"
_NO_SCORES = "the rows have no scores"


def score_figures(marginal: Marginal, rows: ScoredRows | None, wanted: Collection[str]) -> dict[str, Rates]:
    """The wanted ones of ``SCORED`` by group, as effective counts.

    Parameters
    ----------
    marginal
        Counts of a view, two labels, with its sums of scores where there are some.
    rows
        The scores themselves, or None where only sums are kept.
    wanted
        Names; others than those of ``SCORED`` are not looked at, as sorting the scores takes time.

    Returns
    -------
    dict
        By name; where there is none, a figure that is undefined for every group, with the reason.
    """
    made = {"roc_auc": _areas, "calibration_in_the_large": _mean_errors}
    found = {}
    for name in (name for name in SCORED if name in wanted):
        why = _WEIGHTED if marginal.weights is not None else ""
        if marginal.scores is None and rows is None:
            why = _NO_SCORES
        found[name] = no_figure(marginal.labels, name, why) if why else made[name](marginal, rows)
    return found


def _areas(marginal: Marginal, rows: ScoredRows | None) -> Rates:
    if rows is not None:
        areas = rows.areas(marginal)
    else:
        assert marginal.scores is not None
        areas = [area_of_histogram(table) for table in marginal.scores.rows]
    columns = zip(*((a.value, a.variance, a.positives, a.negatives, a.error) for a in areas), strict=True)
    value, variance, positives, negatives, error = columns
    return area_rates(marginal.labels, value, variance, positives, negatives, errors=error)


def _mean_errors(marginal: Marginal, _rows: ScoredRows | None) -> Rates:
    if marginal.scores is None:
        return no_figure(marginal.labels, SCORED[1], "the scores are not probabilities from 0 to 1")
    values, variances = score_metrics(marginal.scores)[SCORED[1]]
    by_label = marginal.scores.rows.sum(axis=-1)
    return mean_error_rates(marginal.labels, values, variances, by_label[:, 1], by_label.sum(axis=1))
