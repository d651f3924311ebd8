"""What changes for people when the challenger takes the champion's place: their decisions and their reasons."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.decision.churn import Churn, churn
from evenhand.decision.stability import ReasonStability, reason_stability
from evenhand.exceptions import EvenhandError
from evenhand.explain import make_explainer
from evenhand.fairness.served import as_taken

__all__ = ["change_for_people"]


def change_for_people(
    champion: Any,
    challenger: Any,
    test: tuple[Dataset, Dataset],
    *,
    decided: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    background: tuple[Dataset, Dataset],
    rows: int = 100,
    min_cell: int = 10,
    seed: int = 0,
) -> Churn:
    """How many decisions flip, for whom and in which direction, and how stable each person's top reasons are.

    Parameters
    ----------
    champion, challenger
        The two fitted models.
    test
        The rows that both decide on, with the columns of each.
    decided
        Their decisions, shape (n,) each, champion first.
    background
        Training rows that stand for the average case of the reasons, with the columns of each.
    rows
        So many rows, drawn, are explained by both models.
    min_cell
        Groups with fewer rows are withheld.
    seed
        Of the draw and of the explanations.

    Returns
    -------
    Churn
        Without reasons where one of the models cannot be explained on these rows.
    """
    return churn(
        *decided,
        sensitive_features=test[1].sensitive_features,
        favorable_label=test[1].favorable_label,
        reasons=_reasons((champion, challenger), test, background, rows=rows, min_cell=min_cell, seed=seed),
        min_cell=min_cell,
    )


def _reasons(
    models: tuple[Any, Any],
    test: tuple[Dataset, Dataset],
    background: tuple[Dataset, Dataset],
    *,
    rows: int,
    min_cell: int,
    seed: int,
) -> ReasonStability | None:
    drawn = np.sort(np.random.default_rng(seed).permutation(len(test[1]))[:rows])
    parts = [each.take(drawn) for each in test]
    try:
        made = [_attributions(*each, seed) for each in zip(models, parts, background, strict=True)]
    except EvenhandError:
        return None
    some = parts[1]
    direction: Literal["against", "both"] = (
        "against" if made[0].ndim == 2 and some.favorable_label is not None else "both"
    )
    features = [list(map(str, as_taken(*each).X.columns)) for each in zip(models, parts, strict=True)]
    if made[0].ndim == 2:
        frames = [pd.DataFrame(values, columns=names) for values, names in zip(made, features, strict=True)]
        return reason_stability(
            *frames, sensitive_features=some.sensitive_features, direction=direction, min_cell=min_cell
        )
    return reason_stability(*made, sensitive_features=some.sensitive_features, min_cell=min_cell)


def _attributions(model: Any, rows: Dataset, background: Dataset, seed: int) -> npt.NDArray[np.float64]:
    explainer = make_explainer(
        model,
        as_taken(model, background).X,
        favorable_label=rows.favorable_label,
        background_rows=20,
        orders=1,
        seed=seed,
    )
    return explainer.attribute(as_taken(model, rows).X).values
