"""A whole audit beside one bootstrap replicate of Fairlearn's MetricFrame.

`make bench-audit`. 200,000 rows, ten groups, five metrics for the peer. Ours is everything that
`BiasDetector.from_predictions(...).detect_bias()` does, counting included: every metric, 1,000 replicates, intervals,
tests, verdicts. The peer's figure is what one replicate adds to `MetricFrame` (its time with `n_boot=2` less that with
`n_boot=1`, its own point estimates and set-up not counted), groups as integers, which is its fastest kind. Point
estimates must agree to 1e-12.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, precision_score

from evenhand.fairness import BiasDetector

ROWS, GROUPS, BOUND, TOLERANCE = 200_000, 10, 1 / 20, 1e-12
FURTHER = 3  # replicates that the mean is over: the difference of two single runs was mostly the noise of the machine
METRICS = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "accuracy": accuracy_score,
    "precision": precision_score,
}


def rows() -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    generator = np.random.default_rng(11)
    group = generator.integers(0, GROUPS, ROWS)
    y = (generator.random(ROWS) < 0.3 + 0.03 * group).astype(int)
    flip = generator.random(ROWS) < 0.2
    return y, np.where(flip, 1 - y, y), pd.DataFrame({"group": group})


def seconds(work, times: int = 1) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def main() -> int:
    y, p, people = rows()

    def ours():
        return BiasDetector.from_predictions(y, p, sensitive_features=people, favorable_label=1).detect_bias(
            replicates=1000
        )

    def peer(draws: int):
        return MetricFrame(
            metrics=METRICS,
            y_true=y,
            y_pred=p,
            sensitive_features=people,
            n_boot=draws,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )

    report = ours()
    frame = MetricFrame(metrics=METRICS, y_true=y, y_pred=p, sensitive_features=people)
    apart = max(
        abs(report.group("group", str(group))[name].value - row[name])
        for group, row in frame.by_group.iterrows()
        for name in METRICS
    )
    own = seconds(ours, times=5)
    one, more = seconds(lambda: peer(1)), seconds(lambda: peer(1 + FURTHER))
    replicate = (more - one) / FURTHER
    print(f"rows {ROWS:,}, groups {GROUPS}")
    print(f"Evenhand, all of detect_bias(), 1,000 replicates   {own * 1e3:10.1f} ms (best of 5)")
    print(f"Fairlearn, MetricFrame with one replicate in all   {one * 1e3:10.1f} ms")
    print(f"Fairlearn, one further replicate, mean of {FURTHER}        {replicate * 1e3:10.1f} ms")
    print(f"largest difference of a point estimate             {apart:10.1e} (at most {TOLERANCE:g})")
    ratio = own / replicate
    print(f"audit: {ratio:.4f} of one replicate's time, bound {BOUND:g}")
    return 0 if 0 < ratio <= BOUND and apart <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
