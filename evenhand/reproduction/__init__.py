"""Two trainings of the same thing, compared step by step: identical, within a tolerance, or where they differ first."""

from evenhand.reproduction.checks import (
    Check,
    Reproduction,
    check_environment,
    check_figures,
    check_parameters,
    check_predictions,
    check_same,
    check_trials,
)
from evenhand.reproduction.parameters import model_parameters

__all__ = [
    "Check",
    "Reproduction",
    "check_environment",
    "check_figures",
    "check_parameters",
    "check_predictions",
    "check_same",
    "check_trials",
    "model_parameters",
]
