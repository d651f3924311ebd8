"""What each figure of the robustness checks is called, and what it says. Of every one, more is better."""

from collections.abc import Mapping

__all__ = ["DISTANCES", "FIGURES"]

DISTANCES = ("flip_distance_median",)
"""Figures in standard deviations, without an upper end; every other one is a share."""

FIGURES: Mapping[str, str] = {
    "noise_agreement": "Share of rows that are decided alike when their numbers are measured with noise.",
    "noise_accuracy": "Share of rows that are decided rightly then.",
    "missing_agreement": "Share of rows that are decided alike when some of their values are missing.",
    "missing_accuracy": "Share of rows that are decided rightly then.",
    "unseen_agreement": "Share of rows that are decided alike when one of their categories is new to the model.",
    "unseen_accuracy": "Share of rows that are decided rightly then.",
    "shift_accuracy": "Accuracy under the worst shift of the mixture of groups; each group's is that of a mixture of "
    "nobody else.",
    "label_noise_accuracy": "Accuracy that would be measured had some of the test labels been replaced at random.",
    "boundary_share_outside": "Share of rows whose probability lies outside of a band around the threshold.",
    "boundary_agreement": "Share of the rows inside that band that are decided alike under the smallest noise.",
    "flip_distance_median": "Median over the denied rows of the smallest change of one feature that flips the "
    "decision, in standard deviations.",
    "flip_possible_share": "Share of the denied rows whose decision some change of one feature flips.",
}
"""Every figure by its name, as a floor of the gate names it."""
