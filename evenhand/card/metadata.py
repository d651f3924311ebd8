"""Hugging Face's metadata of a card."""

import re
from math import isfinite
from typing import Any

from evenhand.card.inputs import Inputs
from evenhand.card.text import plain

__all__ = ["hugging_face_metadata"]

_SPDX = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}\Z")
_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "roc_auc",
    "roc_auc_ovr",
    "f1",
    "f1_macro",
    "precision",
    "recall",
    "brier_score",
)


def hugging_face_metadata(inputs: Inputs) -> dict[str, Any]:
    """What stands in the front matter: licence, library, task, tags, figures.

    The names are those of Hugging Face's model card metadata (huggingface_hub, ``ModelCardData``). A licence that is no
    SPDX identifier is ``other`` with its name; without one the key is left out.
    """
    found: dict[str, Any] = {}
    licence = " ".join(inputs.said("license"))
    if licence:
        known = licence.lower()
        found |= {"license": known} if _SPDX.match(known) else {"license": "other", "license_name": licence}
    found |= {"library_name": "sklearn", "pipeline_tag": "tabular-classification"}
    found["tags"] = ["tabular-classification", "sklearn", "skops", "evenhand"]
    figures = [
        {"type": name, "value": float(inputs.metrics[name]["value"])}
        for name in _METRICS
        if name in inputs.metrics and _is_number(inputs.metrics[name].get("value"))
    ]
    if figures:
        found["metrics"] = [figure["type"] for figure in figures]
        found["model-index"] = [
            {"name": plain(inputs.model.get("name") or "unnamed"), "results": [_result(inputs, figures)]}
        ]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _result(inputs: Inputs, figures: list[dict[str, Any]]) -> dict[str, Any]:
    name = plain(inputs.data.get("name") or "unnamed data")
    return {
        "task": {"type": "tabular-classification"},
        "dataset": {"name": name, "type": name, "split": "test"},
        "metrics": figures,
    }
