"""When a trial is hopeless, and what the optimizer is told of it."""

from collections.abc import Sequence

import numpy as np

from evenhand.modeling.search_results import Trial

__all__ = ["FIRST_FOLDS", "is_hopeless", "project"]

FIRST_FOLDS = 2
"""So many folds are evaluated before a trial may be stopped; with fewer than two more, none is."""


def is_hopeless(scores: Sequence[float], incumbent: Trial) -> bool:
    """Whether a trial is stopped after its first folds.

    It is when it falls short of the incumbent's score by more than the incumbent's standard error on every one of
    them. Folds are compared with the same folds, so a fold that is hard for everyone stops nobody; and a trial that
    may still come within one standard error of the best is unlikely to be stopped, which keeps ``prefer: simplest``
    meaningful.

    Parameters
    ----------
    scores
        Of the first folds, in order.
    incumbent
        The best complete trial of the batches before.

    Examples
    --------
    >>> best = Trial(0, "boosting", {}, (0.80, 0.82, 0.78, 0.81, 0.79))
    >>> round(best.standard_error, 4)
    0.0071
    >>> is_hopeless((0.79, 0.81), best), is_hopeless((0.79, 0.82), best), is_hopeless((0.77, 0.81), best)
    (True, False, True)
    """
    shortfall = np.asarray(incumbent.scores[: len(scores)]) - np.asarray(scores)
    return bool((shortfall > incumbent.standard_error).all())


def project(scores: Sequence[float], incumbent: Trial) -> float:
    """The mean that a stopped trial would have if it kept its distance to the incumbent on all folds."""
    shortfall = np.asarray(incumbent.scores[: len(scores)]) - np.asarray(scores)
    return float(incumbent.mean - shortfall.mean())
