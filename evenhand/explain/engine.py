"""The whole explanation of a model on its test part."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.exceptions import DataError
from evenhand.explain._parts import Parts
from evenhand.explain.explainers import Method
from evenhand.explain.explanation import Explanation
from evenhand.explain.importance import Scorer
from evenhand.explain.summary import summarise_groups

__all__ = ["Progress", "explain"]

Progress = Callable[[str, int, int], None]


def explain(
    model: Any,
    test: Dataset,
    *,
    background: pd.DataFrame,
    method: Method = "auto",
    rows: int = 500,
    background_rows: int = 100,
    local_rows: int = 200,
    features: int = 6,
    repeats: int = 10,
    scorer: Scorer | None = None,
    min_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Explanation:
    """Explain a fitted classifier on test rows.

    Parameters
    ----------
    model
        A fitted classifier of raw rows, with its calibration and threshold if it has them.
    test
        The rows to explain on. Nothing in it is fitted to, except the proxies' own classifiers.
    background
        Training rows, shape (m, f): the average case of the attributions.
    method
        As in :func:`evenhand.explain.make_explainer`.
    rows
        At most so many test rows are drawn and explained; permutation SHAP and LIME may take fewer, which `sizes` and
        `notes` say.
    background_rows
        Background rows that permutation SHAP and LIME draw.
    local_rows
        At most so many of the explained rows are kept, with the chosen cases, in the restricted part.
    features
        So many of the first features get a dependence plot.
    repeats
        Of the permutation importance.
    scorer
        Of the permutation importance: any scikit-learn scorer; by default ROC-AUC.
    min_cell
        Cells of fewer rows are suppressed in the public part.
    confidence
        Of every interval.
    seed
        Of every draw: the same arguments give the same explanation.
    on_progress
        Called with the part that begins, how many are done, and how many there are.

    Raises
    ------
    DataError
        When test or background have no rows, or lack a column.
    ModelError
        When the method does not fit the model, or the attributions do not add up to its margin.
    """
    parts = Parts(model, _aligned(test, background), background, min_cell=min_cell, confidence=confidence, seed=seed)
    tell = on_progress or _silent
    tell("attributions", 0, 5)
    sample, made = parts.attributions(method, rows=rows, background_rows=background_rows)
    summaries = parts.summaries(sample, made)
    tell("importance", 1, 5)
    importance = parts.importance(scorer=scorer, repeats=repeats)
    tell("dependence", 2, 5)
    dependence = parts.dependence([item.feature for item in summaries[:features]])
    tell("cases", 3, 5)
    cases, local = parts.cases(sample, made, local_rows=local_rows)
    tell("proxies", 4, 5)
    proxies = parts.proxies()
    tell("done", 5, 5)
    return Explanation(
        method=made.method,
        unit=made.unit,
        labels=made.labels,
        base=tuple(np.atleast_1d(made.base.mean(axis=0)).tolist()),
        features=summaries,
        groups=summarise_groups(made, parts.test.sensitive_features.iloc[sample], min_cell=min_cell),
        importance=importance,
        dependence=dependence,
        cases=cases,
        proxies=proxies,
        sizes=parts.sizes,
        additivity=parts.additivity,
        fidelity=None if made.fidelity is None else float(made.fidelity.mean()),
        min_cell=min_cell,
        confidence=confidence,
        seed=seed,
        notes=tuple(parts.notes),
        local=local,
    )


def _silent(part: str, done: int, total: int) -> None:
    """No one asked for progress."""


def _aligned(test: Dataset, background: pd.DataFrame) -> Dataset:
    """The test part with the background's columns in its order, and positions as index."""
    if not len(test) or not len(background):
        raise DataError(f"explain needs rows: the test part has {len(test)} and the background {len(background)}")
    absent = [str(name) for name in background.columns if name not in test.X.columns]
    if absent:
        raise DataError(f"the test part lacks columns of the background: {', '.join(absent)}")
    return replace(
        test,
        X=test.X.loc[:, list(background.columns)].reset_index(drop=True),
        y=test.y.reset_index(drop=True),
        sensitive_features=test.sensitive_features.reset_index(drop=True),
    )
