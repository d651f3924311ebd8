"""How near an audit comes to the least that it could cost: one pass over the rows.

`make bench-audit-limit`. 10,000,000 rows, two attributes and their intersection, ready int8 codes, scores as float64.

- all count metrics of all groups with 1,000 replicates: at most 4 times one `numpy.bincount` of one column
- the same with scores by histogram: at most 10 times
- exact areas of all groups of all views: at most twice one `numpy.argsort` of the scores
- extra memory, at its peak: at most the size of the input columns
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
import tracemalloc

import numpy as np
import pandas as pd

from evenhand.fairness import BiasDetector
from evenhand.fairness.assess import build_views
from evenhand.fairness.group_estimates import estimates_with_intervals
from evenhand.fairness.groups import encode_groups
from evenhand.fairness.options import Options
from evenhand.fairness.score_estimates import ScoredRows, score_estimates

ROWS = 10_000_000
COUNT_BOUND, SCORE_BOUND, AREA_BOUND, MEMORY_BOUND = 4.0, 10.0, 2.0, 1.0


def columns() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(5)
    score = generator.random(ROWS)
    return {
        "race": generator.integers(0, 5, ROWS, dtype=np.int8),
        "sex": generator.integers(0, 2, ROWS, dtype=np.int8),
        "y": (generator.random(ROWS) < score).astype(np.int8),
        "p": (score > 0.5).astype(np.int8),
        "score": score,
    }


def seconds(work, times: int) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def extra(work) -> int:
    """Peak of what Python and numpy allocate meanwhile, in bytes."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> int:
    data = columns()
    people = pd.DataFrame({name: data[name] for name in ("race", "sex")}, copy=False)

    def count(**scores):
        return BiasDetector.from_predictions(
            data["y"], data["p"], sensitive_features=people, favorable_label=1, **scores
        )

    def metrics(**scores):
        """Every metric of every group of every view, with its interval: what the bounds are about."""
        options, table = Options(replicates=1000), count(**scores).counts
        views = build_views(table, ("race", "sex"), depth=2, task="binary", favorable=(1,))
        everybody = [(views[0], views[0].overall), *((view, view.marginal) for view in views)]
        return [
            estimates_with_intervals(view, part, options) | score_estimates(part, None, options)
            for view, part in everybody
        ]

    detector = count()
    favorable, groups = data["y"].view(np.uint8) == 1, encode_groups(people)
    views = [detector.counts.marginal(view) for view in ((), ("race",), ("sex",), ("race", "sex"))]

    def areas():
        rows = ScoredRows(data["score"], favorable, groups)  # anew each time: it keeps the order of its rows
        return [rows.areas(view) for view in views]

    histogram = {"y_score": data["score"], "score_bins": 1000}
    once, sort = seconds(lambda: np.bincount(data["race"]), 7), seconds(lambda: np.argsort(data["score"]), 3)
    counted, scored, exact = seconds(metrics, 7), seconds(lambda: metrics(**histogram), 5), seconds(areas, 3)
    whole = seconds(lambda: count().detect_bias(replicates=1000), 3)
    size, size_scored = (
        sum(data[name].nbytes for name in ("race", "sex", "y", "p")),
        sum(d.nbytes for d in data.values()),
    )
    memory = {
        "counts": extra(metrics) / size,
        "histogram": extra(lambda: metrics(**histogram)) / size_scored,
        "exact areas": extra(areas) / size_scored,
    }
    return report({"bincount": once, "argsort": sort, "counts": counted, "histogram": scored, "areas": exact,
                   "whole": whole}, memory)  # fmt: skip


def report(took: dict[str, float], memory: dict[str, float]) -> int:
    """Print every figure beside its bound; 1 when one is missed."""
    once, sort, whole = took["bincount"], took["argsort"], took["whole"]
    counted, scored, exact = took["counts"], took["histogram"], took["areas"]
    print(f"rows {ROWS:,}; numpy.bincount of one int8 column {once * 1e3:.1f} ms, numpy.argsort {sort * 1e3:.1f} ms")
    print(f"counts    {counted * 1e3:8.1f} ms   {counted / once:6.2f} bincounts, at most {COUNT_BOUND:g}")
    print(f"histogram {scored * 1e3:8.1f} ms   {scored / once:6.2f} bincounts, at most {SCORE_BOUND:g}")
    print(f"areas     {exact * 1e3:8.1f} ms   {exact / sort:6.2f} argsorts, at most {AREA_BOUND:g}")
    print(f"whole     {whole * 1e3:8.1f} ms   {whole / once:6.2f} bincounts: gaps, tests and verdicts too (no bound)")
    for name, share in memory.items():
        print(f"extra memory, {name}: {share:.2f} of the input columns, at most {MEMORY_BOUND:g}")
    worst = max(
        counted / once / COUNT_BOUND,
        scored / once / SCORE_BOUND,
        exact / sort / AREA_BOUND,
        *(share / MEMORY_BOUND for share in memory.values()),
    )
    print(f"audit-limit: {worst:.2f} of the tightest bound, bound 1")
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
