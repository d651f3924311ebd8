"""The parts of an explanation, each on as many rows as it can afford, which it writes down."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.explain._model import FloatArray, margin, unwrap
from evenhand.explain._shap import additivity_gap
from evenhand.explain.attributions import Attributions
from evenhand.explain.bands import fit_bands
from evenhand.explain.cases import Answer, Around, Case, Chosen, choose_cases, publish_case, withhold_case
from evenhand.explain.dependence import Dependence, partial_dependence
from evenhand.explain.explainers import Method, make_explainer
from evenhand.explain.explanation import LocalExplanation
from evenhand.explain.importance import Importance, Scorer, permutation_importances
from evenhand.explain.orientation import orient
from evenhand.explain.proxies import ProxyReport, find_proxies
from evenhand.explain.summary import FeatureSummary, summarise_features

__all__ = ["ORDERS", "Parts"]

# Encoded cells that permutation SHAP may evaluate: some ten seconds of a small perceptron. A model whose encoder cannot
# be reached pays for encoding each hybrid row.
_CELLS = 250_000_000
_RAW_EVALUATIONS = 600_000
_LEAST_ROWS = 20
ORDERS = 2
_LIME_ROWS = 200
_IMPORTANCE_ROWS = 2_000
_IMPORTANCE_LEAST = 200
_IMPORTANCE_EVALUATIONS = 2_000_000
_DEPENDENCE_ROWS = 200
_PROXY_ROWS = 5_000
# Rows of a group among which a case must find company.
_COMPANY_ROWS = 2_000

Rows = npt.NDArray[np.intp]


class Parts:
    """The parts, with what they share: model, rows, orientation, and the sizes and notes that they leave.

    Parameters
    ----------
    model
        A fitted classifier of raw rows.
    test
        Aligned with the background: the same columns, positions as index.
    background
        Training rows.
    """

    def __init__(
        self, model: Any, test: Dataset, background: pd.DataFrame, *, min_cell: int, confidence: float, seed: int
    ) -> None:
        self.model = model
        self.test = test
        self.background = background
        self.inner = unwrap(model, [str(name) for name in background.columns])
        self.classes = list(model.classes_)
        self.orientation = orient(self.classes, test.favorable_label)
        self.favorable = tuple(label for label in favorable_labels(test.favorable_label) if label in self.classes)
        self.min_cell = min_cell
        self.confidence = confidence
        self.seed = seed
        self.sizes: dict[str, int] = {"test_rows": len(test), "background_rows": len(background)}
        self.notes: list[str] = []
        self.additivity: float | None = None
        self.ice: dict[str, FloatArray] = {}

    def _draw(self, part: str, size: int, stream: int) -> Rows:
        """At most `size` positions of test rows, sorted; each part draws from a stream of its own."""
        size = min(size, len(self.test))
        self.sizes[part] = size
        rng = np.random.default_rng([self.seed, stream])
        return np.sort(rng.choice(len(self.test), size=size, replace=False)).astype(np.intp)

    def attributions(self, method: Method, *, rows: int, background_rows: int) -> tuple[Rows, Attributions]:
        """The sample and its attributions."""
        self.explainer = make_explainer(
            self.model,
            self.background,
            method=method,
            favorable_label=self.test.favorable_label,
            background_rows=background_rows,
            orders=ORDERS,
            seed=self.seed,
        )
        size = self._affordable(rows, background_rows)
        sample = self._draw("explained_rows", size, 1)
        if size < min(rows, len(self.test)):
            self.notes.append(f"{size} rows are explained instead of {rows}, which would take too long this way.")
        made = self.explainer.attribute(self.test.X.iloc[sample])
        self.notes.append(_reading(made.method))
        if len(self.favorable) > 1:
            names = ", ".join(map(str, self.favorable))
            self.notes.append(f"A denial is explained by the sum of the scores of the favorable labels: {names}.")
        if made.method != "lime":
            seen = self.inner.encode(self.test.X.iloc[sample])
            self.additivity = additivity_gap(made, self.orientation.turn(margin(self.inner.classifier, seen)))
        return sample, made

    def _affordable(self, rows: int, background_rows: int) -> int:
        if self.explainer.method == "lime":
            return min(rows, _LIME_ROWS)
        if self.explainer.method != "permutation":
            return rows
        each = 2 * ORDERS * max(1, self.test.X.shape[1] - 1) * min(background_rows, len(self.background))
        cells = each * len(self.inner.sources)
        budget = _CELLS // cells if cells else _RAW_EVALUATIONS // each
        return max(_LEAST_ROWS, min(rows, budget))

    def summaries(self, sample: Rows, made: Attributions) -> tuple[FeatureSummary, ...]:
        """Every feature's attributions over the sample."""
        rows = self.test.X.iloc[sample]
        bands = {str(name): fit_bands(rows[name], min_cell=self.min_cell) for name in rows.columns}
        return summarise_features(made, rows, bands, min_cell=self.min_cell, confidence=self.confidence)

    def importance(self, *, scorer: Scorer | None, repeats: int) -> Importance:
        """Permutation importance on a sample."""
        budget = _IMPORTANCE_EVALUATIONS // (repeats * (self.test.X.shape[1] + 1))
        rows = self._draw("importance_rows", max(_IMPORTANCE_LEAST, min(_IMPORTANCE_ROWS, budget)), 2)
        return permutation_importances(
            self.model,
            self.test.X.iloc[rows],
            self.test.y.iloc[rows],
            scorer=scorer,
            repeats=repeats,
            confidence=self.confidence,
            seed=self.seed,
        )

    def dependence(self, features: list[str]) -> tuple[Dependence, ...]:
        """The curves of these features, on one sample."""
        rows = self.test.X.iloc[self._draw("dependence_rows", _DEPENDENCE_ROWS, 3)]
        labels, places = self.orientation.labels, self.orientation.places
        found = []
        for name in features:
            curve, self.ice[name] = partial_dependence(
                self.model, rows, name, labels=labels, places=places, min_cell=self.min_cell
            )
            found.append(curve)
        return tuple(found)

    def proxies(self) -> tuple[ProxyReport, ...]:
        """The proxies of each sensitive attribute, on one sample."""
        rows = self._draw("proxy_rows", _PROXY_ROWS, 4)
        X, sensitive = self.test.X.iloc[rows], self.test.sensitive_features.iloc[rows]
        return tuple(
            find_proxies(X, sensitive[name], min_cell=self.min_cell, confidence=self.confidence, seed=self.seed)
            for name in sensitive.columns
        )

    def cases(self, sample: Rows, made: Attributions, *, local_rows: int) -> tuple[tuple[Case, ...], LocalExplanation]:
        """The cases as they may be shown, and the restricted rows: some of the sample, then the cases."""
        chances, predicted = self.inner.answer(self.test.X)
        chosen = choose_cases(
            self.test.sensitive_features,
            self.test.y,
            predicted,
            chances,
            self.classes,
            self.favorable,
        )
        places = sorted({case.row for case in chosen if case.row is not None})
        own = self.explainer.attribute(self.test.X.iloc[places]) if places else made.take([])
        around = self._around(sample, made)
        shown = []
        for case in chosen:
            if case.row is None:
                shown.append(withhold_case(case, case.reason or ""))
                continue
            answer = self._answer(case, self.test.y.iloc[case.row], predicted[case.row], chances[case.row])
            one = own.take([places.index(case.row)])
            row = self.test.X.iloc[[case.row]]
            shown.append(publish_case(case, answer, one, row, self._company(case), around))
        kept = min(local_rows, len(sample))
        rows = self.test.X.iloc[np.concatenate([sample[:kept], np.array(places, dtype=np.intp)])]
        local = LocalExplanation(rows, made.take(np.arange(kept)).append(own), kept, chosen, self.ice)
        return tuple(shown), local

    def _around(self, sample: Rows, made: Attributions) -> Around:
        rows = self.test.X.iloc[sample]
        levels = {
            str(name): tuple(fit_bands(rows[name], bands=bands, min_cell=self.min_cell) for bands in (4, 2))
            for name in rows.columns
        }
        return Around(rows, made, levels, self.min_cell)

    def _answer(self, case: Chosen, actual: Any, predicted: Any, chances: FloatArray) -> Answer:
        told = self.favorable if case.kind == "closest denial" else (predicted,)
        score = float(chances[[self.classes.index(label) for label in told]].sum())
        labels = tuple(map(str, told)) if len(self.orientation.labels) > 1 else self.orientation.labels
        return Answer(str(predicted), str(actual), score, labels)

    def _company(self, case: Chosen) -> pd.DataFrame:
        """Test rows of the case's group, at most 2,000: fewer only make the company harder to find."""
        groups = self.test.sensitive_features[case.attribute].astype(str).to_numpy()
        inside = np.flatnonzero(groups == case.group)[:_COMPANY_ROWS]
        inside = inside if case.row is None else np.union1d(inside, [case.row])
        return self.test.X.iloc[inside]


def _reading(method: str) -> str:
    """How the attributions of a method are to be read."""
    return {
        "linear": "Exact SHAP values of the linear model against the mean of the background rows.",
        "tree": "Exact path-dependent SHAP values of the trees; the base is their mean over the training rows.",
        "permutation": f"SHAP values sampled with {2 * ORDERS} walks through the features a row; sums are exact.",
        "lime": "Weights of LIME's local surrogate: an approximation whose sums do not give the margin.",
    }[method]
