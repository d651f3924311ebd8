"""Disparities that no rule can limit, and why."""

__all__ = ["NO_VERDICT", "why_no_verdict"]

NO_VERDICT = {
    "average_odds": "a mean of two largest gaps has no test with a margin: limit equalized_odds, its larger part",
    "balanced_accuracy_ratio": "its test is one of differences: limit balanced_accuracy_difference",
    "f1_ratio": "its test is one of differences: limit f1_difference",
    "f1_macro": "a mean of F1 over labels has no test with a margin: limit accuracy_equality",
    "roc_auc_ratio": "its test is one of differences: limit roc_auc_difference",
    "roc_auc/": "a label against the rest is shown with its interval: roc_auc_difference is for two labels",
    "calibration_in_the_large_ratio": "a ratio of signed errors means nothing: limit its difference",
    "calibration_in_the_large/": "a label against the rest is shown with its interval: the rule is for two labels",
    "expected_calibration_error": "it lies above the true one in every sample: no verdict is given on it",
    "log_loss": "a mean of losses has no limit that holds for every model: no verdict is given on it",
    "treatment_equality": "a ratio of errors has no null under which rows can be exchanged: limit equalized_odds",
    "conditional_demographic": "a mean over strata hides the strata: limit demographic_parity within each of them",
    "generalized_entropy": "an index of inequality is no comparison of groups: limit equalized_odds",
    "theil": "an index of inequality is no comparison of groups: limit equalized_odds",
}
"""Disparities that an audit shows and no rule can limit, by the beginning of their names: why, and what to limit."""


def why_no_verdict(metric: str) -> str:
    """Why a disparity that exists has no verdict, or "".

    Examples
    --------
    >>> why_no_verdict("average_odds_difference").endswith("limit equalized_odds, its larger part")
    True
    >>> why_no_verdict("equalized_odds_difference")
    ''
    """
    return next((why for name, why in NO_VERDICT.items() if metric.startswith(name)), "")
