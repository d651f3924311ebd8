"""How long the gate thinks: every rule on 1,000,000 test rows with 20 groups, predictions of both models given.

`make bench-gate`. Counted are the verdicts of the policy, floors on accuracy and on ROC AUC at the look's level, the
paired comparison with the champion (by accuracy, and by ROC AUC, which needs both models' scores in order), every
group's changes, the share of decisions that flip, and the decision. Not counted is what has to be there anyway: the
rows, and what the two models make of them.
"""

import os
import statistics
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

from evenhand.decision import rules as gate
from evenhand.decision.churn import churn
from evenhand.decision.comparison import compare
from evenhand.decision.decide import decide
from evenhand.decision.floors import about_floors
from evenhand.decision.paired import Decisions
from evenhand.decision.spending import LookLevel
from evenhand.fairness import BiasDetector
from evenhand.modeling.floor_figures import floor_figures

ROWS, GROUPS, BOUND = 1_000_000, 20, 1.0
FLOORS = {"accuracy": 0.7, "roc_auc": 0.8}
RUNS = int(os.environ.get("BENCH_RUNS", "5"))


def rows(seed: int) -> tuple[Any, Decisions, Decisions, pd.DataFrame]:
    """Labels, both models' decisions, and the groups."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, ROWS)
    groups = pd.Categorical.from_codes(rng.integers(0, GROUPS, ROWS), [f"group {k}" for k in range(GROUPS)])

    def model(skill: float) -> Decisions:
        score = 1 / (1 + np.exp(-rng.normal(skill * (2 * y - 1))))
        return Decisions((score > 0.5).astype(np.int64), np.column_stack([1 - score, score]), (0, 1))

    return y, model(0.9), model(0.92), pd.DataFrame({"group": groups.astype(str)})


def think(y: Any, champion: Decisions, challenger: Decisions, people: pd.DataFrame, metric: str) -> str:
    """The decision."""
    detector = BiasDetector.from_predictions(y, challenger.predicted, sensitive_features=people, favorable_label=1)
    judged = [policy.to_dict() for policy in detector.judge(share=0.5)]
    compared = compare(y, champion, challenger, people, metric=metric, favorable=1, alpha=0.025)
    churn(champion.predicted, challenger.predicted, sensitive_features=people, favorable_label=1)
    level = LookLevel.of(1, 0.5, confidence=0.95)
    asked = {"y_proba": challenger.proba, "classes": challenger.classes, "confidence": level.confidence}
    figures = floor_figures(FLOORS, y, challenger.predicted, favorable_label=1, **asked)
    results = [
        *about_floors(FLOORS, figures, level=level),
        *gate.about_policies(judged, look=1, share=0.5),
        gate.about_comparison(compared, margin=0.02, minimum_rows=100),
        gate.about_groups(compared, loss=0.1, minimum_rows=100),
        gate.about_card([]),
    ]
    return decide(results, first=False).outcome


def main() -> int:
    """Both figures, and the slower one against the bound."""
    given = rows(0)
    slowest = 0.0
    for metric in ("accuracy", "roc_auc"):
        took = []
        for _ in range(RUNS):
            began = time.perf_counter()
            outcome = think(*given, metric)
            took.append(time.perf_counter() - began)
        middle = statistics.median(took)
        print(f"{metric}: {outcome}, {', '.join(f'{each:.2f}' for each in took)} s, median {middle:.2f}")
        slowest = max(slowest, middle)
    print(f"gate: seconds {slowest:.2f}, bound {BOUND:g}")
    return int(slowest > BOUND)


if __name__ == "__main__":
    sys.exit(main())
