"""The figures of an evaluation that can be held to a floor, and of which less is better."""

__all__ = ["FIGURES", "LOSSES"]

LOSSES = ("log_loss", "brier_score", "expected_calibration_error")
"""Of these less is better: what is a floor elsewhere is a ceiling here."""

FIGURES = (
    "accuracy", "balanced_accuracy",
    "precision", "recall", "f1", "roc_auc", "average_precision",  # of two classes
    "precision_macro", "recall_macro", "f1_macro", "roc_auc_ovr", "average_precision_macro",  # of more
    *LOSSES,
)  # fmt: skip
"""As :func:`evenhand.modeling.evaluation.evaluate` calls them, but the calibration line, of which no more is better."""
