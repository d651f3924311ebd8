"""Give each training row its weight."""

from pathlib import Path

import numpy as np

from evenhand.config import WeightConfig
from evenhand.data.weights import compute_weights
from evenhand.store import Ref
from tasks.step import load_part, load_weights, note, once, step

__all__ = ["weigh_rows"]


@step("weight", "Gives each training row its weight, against class imbalance or dependence between group and label.")
def weigh_rows(develop: Ref, weight: WeightConfig) -> Ref:
    """The weights of the training rows, mean 1; an empty result where every row counts the same.

    Parameters
    ----------
    develop
        The parts to train and validate on.
    weight
        The configuration's section.
    """

    def write(folder: Path) -> None:
        train = load_part(develop, "train")
        weights = compute_weights(
            train.y, train.sensitive_features, method=weight.method, attributes=weight.attributes or None
        )
        if weights is not None:
            np.save(folder / "weights.npy", weights, allow_pickle=False)

    ref = once("weight", {"develop": develop.digest, "weight": weight.model_dump(mode="json")}, write)
    weights = load_weights(ref)
    if weights is not None:
        note(f"{weight.method}: weights from {weights.min():.3g} to {weights.max():.3g}")
    else:
        note("every row counts the same" if weight.method == "none" else f"{weight.method} inside each fold")
    return ref
