"""How honest the fairness statistics are: coverage of intervals and error rates of verdicts, by seeded simulation.

Three tables beside their peers', each ending in checks:

- coverage and mean length of 95% intervals for rates, differences and ratios, n in {20, 50, 100, 500} and p in
  {.05, .1, .2, .5, .9}: at least .925 where n min(p, 1-p) >= 5; at least .95 for the exact intervals elsewhere
- errors of the verdicts: FAIL and PASS each at most 5% at a ratio of exactly .8, FAIL at most 5% with all groups equal,
  beside the bare four-fifths rule on the same draws
- power at p = .5: FAIL at least .90 at a ratio of .6 with three groups of 500, PASS at least .95 at 1 with three of
  1,000

Two groups are enumerated rather than drawn: the same shares without Monte Carlo error.

    python benchmarks/calibration.py            # about 4 minutes on one core
    python benchmarks/calibration.py --quick    # fewer draws, wider Monte Carlo error
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from evenhand.fairness.statistics import (
    Claim,
    Rates,
    blaker,
    clopper_pearson,
    exact_difference,
    exact_ratio,
    judge,
    koopman,
    miettinen_nurminen,
    newcombe,
    rate_interval,
    wilson,
)
from evenhand.fairness.statistics.margins import SOME_EXPECTED, beyond_p_values, within_p_values
from evenhand.fairness.statistics.rates_by_group import Pairs

SIZES, RATES = (20, 50, 100, 500), (0.05, 0.1, 0.2, 0.5, 0.9)
Z = stats.norm.ppf(0.975)
LIMIT, ALPHA = 0.8, 0.05
COVERAGE, EXACT_COVERAGE, ERROR, FAIL_POWER, PASS_POWER = 0.925, 0.95, 0.05, 0.90, 0.95

Interval = Callable[..., tuple[np.ndarray, np.ndarray]]


@dataclass
class Checks:
    """Requirements, each met or not."""

    lines: list[str] = field(default_factory=list)
    missed: int = 0

    def add(self, what, value, bound, *, at_least, error=0.0):
        """Compare a figure with its bound, allowing for two Monte Carlo standard errors where one is given."""
        met = value >= bound - 2 * error if at_least else value <= bound + 2 * error
        self.missed += not met
        sign = ">=" if at_least else "<="
        noise = f" (Monte Carlo error {error:.4f})" if error else ""
        self.lines.append(f"  {'ok ' if met else 'NOT'} {what}: {value:.4f} {sign} {bound}{noise}")


def wald_rate(k, n):
    p = k / n
    half = Z * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def bootstrap_rate(k, n):
    """The percentile bootstrap without its noise: quantiles of Bin(n, k/n)."""
    return stats.binom.ppf(0.025, n, k / n) / n, stats.binom.ppf(0.975, n, k / n) / n


def wald_difference(k1, n1, k2, n2):
    p1, p2 = k1 / n1, k2 / n2
    half = Z * np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    return p1 - p2 - half, p1 - p2 + half


def log_wald_ratio(k1, n1, k2, n2):
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.log((k1 / n1) / (k2 / n2))
        half = Z * np.sqrt(1 / k1 - 1 / n1 + 1 / k2 - 1 / n2)
        return np.exp(center - half), np.exp(center + half)


def bootstrap_pair(statistic):
    """Percentile bootstrap of a pair: 1,000 replicates a table; undefined ones are dropped, as peers do."""

    def interval(k1, n1, k2, n2):
        rng = np.random.default_rng(7)
        low, high = np.empty(k1.size), np.empty(k1.size)
        for part in np.array_split(np.arange(k1.size), max(1, k1.size // 500)):
            a = rng.binomial(n1[part].astype(int), k1[part] / n1[part], (1000, part.size)) / n1[part]
            b = rng.binomial(n2[part].astype(int), k2[part] / n2[part], (1000, part.size)) / n2[part]
            with np.errstate(divide="ignore", invalid="ignore"):
                values = statistic(a, b)
            values[~np.isfinite(values)] = np.nan
            empty = np.isnan(values).all(axis=0)
            values[:, empty] = 0.0
            low[part], high[part] = np.nanquantile(values, [0.025, 0.975], axis=0)
            low[part[empty]] = high[part[empty]] = np.nan
        return low, high

    return interval


RATE_METHODS: dict[str, Interval] = {
    "wilson": wilson,
    "blaker": blaker,
    "clopper-p": clopper_pearson,
    "automatic": rate_interval,
    "wald": wald_rate,
    "bootstrap": bootstrap_rate,
}
DIFFERENCE_METHODS: dict[str, Interval] = {
    "score": miettinen_nurminen,
    "newcombe": newcombe,
    "exact": exact_difference,
    "wald": wald_difference,
    "bootstrap": bootstrap_pair(np.subtract),
}
RATIO_METHODS: dict[str, Interval] = {
    "koopman": koopman,
    "exact": exact_ratio,
    "log-wald": log_wald_ratio,
    "bootstrap": bootstrap_pair(np.divide),
}
GUARANTEED = {"blaker", "clopper-p", "exact"}
OURS = {"wilson", "score", "newcombe", "koopman", "automatic"}


def coverage(methods, draws, truth, seed, checks, title):
    """Coverage and mean length of every method over the grid of n and p."""
    print(f"\n{title}\n{'n':>4} {'p':>5} " + "".join(f"{name:>17}" for name in methods) + "   0/0   x/0")
    lowest: dict[tuple[str, bool], float] = {}
    for n in SIZES:
        for p in RATES:
            first, second, few = truth(p, n)
            rng = np.random.default_rng([seed, n, round(1000 * p)])
            counts = [rng.binomial(n, rate, draws) for rate in ((first,) if second is None else (first, second))]
            tables, times = np.unique(np.stack(counts), axis=1, return_counts=True)
            columns = [side for k in tables for side in (k.astype(float), np.full(k.shape, float(n)))]
            target = first if second is None else (first / second if "Ratio" in title else first - second)
            cells = []
            for name, method in methods.items():
                # The exact pair intervals are what small counts get; large tables would take an hour.
                if name == "exact" and not few:
                    cells.append(f"{'':>17}")
                    continue
                low, high = method(*columns)
                with np.errstate(invalid="ignore"):
                    covered = float(times @ ((low <= target + 1e-12) & (target <= high + 1e-12)) / draws)
                length = np.where(np.isfinite(high - low), high - low, np.nan)
                known = ~np.isnan(length)
                mean = float((times[known] @ length[known]) / max(times[known].sum(), 1))
                key = (name, few)
                lowest[key] = min(lowest.get(key, 1.0), covered)
                cells.append(f"{covered:9.3f} ({mean:5.3f})")
            zero = [int(times[(tables[0] == 0) & (tables[-1] == 0)].sum()), int(times[tables[-1] == 0].sum())]
            undefined = f"{zero[0]:6d}{zero[1]:6d}" if "Ratio" in title else ""
            print(f"{n:>4} {p:>5} " + "".join(cells) + undefined + ("  few" if few else ""))
    error = np.sqrt(0.95 * 0.05 / draws)
    for (name, few), value in lowest.items():
        if name in OURS and not few:
            checks.add(f"{title.split(',')[0]}, {name}, at least 5 expected", value, COVERAGE, at_least=True)
        if name in GUARANTEED and few:
            checks.add(f"{title.split(',')[0]}, {name}, fewer", value, EXACT_COVERAGE, at_least=True, error=error)


def outcomes(sizes, rates, draws, seed):
    """Tables with their probabilities: all that matter for two groups, drawn for more."""
    if len(sizes) == 2:
        pmf = [stats.binom.pmf(np.arange(n + 1), n, p) for n, p in zip(sizes, rates, strict=True)]
        kept = [np.flatnonzero(weights > 1e-8) for weights in pmf]
        grid = np.meshgrid(*kept, indexing="ij")
        weights = np.outer(pmf[0][kept[0]], pmf[1][kept[1]])
        return np.stack([k.ravel() for k in grid], axis=1).astype(float), weights.ravel()
    k = np.random.default_rng(seed).binomial(np.asarray(sizes), np.asarray(rates), (draws, len(sizes))).astype(float)
    tables, times = np.unique(np.sort(k, axis=1) if len(set(sizes)) == 1 else k, axis=0, return_counts=True)
    return tables, times / draws


def simulate(sizes, rates, draws, seed):
    """Shares of FAIL and PASS, and of the bare rule's flags on the same tables."""
    n = np.asarray(sizes, dtype=float)
    tables, shares = outcomes(sizes, rates, draws, seed)
    a, b = np.triu_indices(len(sizes), 1)
    count, each = len(tables), a.size
    pairs = Pairs(
        tables[:, a].ravel(), np.tile(n[a], count), tables[:, b].ravel(), np.tile(n[b], count), (), (), (),
        np.ones(count * each, dtype=bool),
    )  # fmt: skip
    within = within_p_values(pairs, LIMIT, "ratio", level=ALPHA, exact_below=SOME_EXPECTED)
    beyond = beyond_p_values(pairs, LIMIT, "ratio", level=ALPHA / each, exact_below=SOME_EXPECTED)
    passed = (within.reshape(count, each) <= ALPHA).all(axis=1)
    failed = (beyond.reshape(count, each) <= ALPHA / each).any(axis=1)
    values = tables / n
    with np.errstate(invalid="ignore"):
        bare = values.min(axis=1) / values.max(axis=1) < LIMIT
    agree(tables, n, passed, failed)
    return tuple(float(shares @ flag) for flag in (failed, passed, bare))


def agree(tables, n, passed, failed):
    """The stacked tests of this benchmark are the public verdicts."""
    for at in np.linspace(0, len(tables) - 1, 8).astype(int):
        rates = Rates(tables[at], n, tuple(map(str, range(n.size))))
        verdict = judge([Claim("demographic_parity_ratio", "group", (rates,), "ratio", LIMIT, ALPHA)])[0].verdict
        expected = "FAIL" if failed[at] else "PASS" if passed[at] else "INCONCLUSIVE"
        if verdict != expected:
            raise SystemExit(f"judge() says {verdict} where the simulation has {expected}")


def verdicts(draws, checks):
    """Error rates and power of the verdicts beside the bare rule's."""
    print("\nVerdicts on the limit .8, level .05 (bare: smallest over largest rate under .8)")
    print(f"{'groups':>22} {'true ratio':>10} {'FAIL':>7} {'PASS':>7} {'bare':>7}")
    # Two groups are enumerated, so without Monte Carlo error; more groups stay far below.
    edge = {"FAIL": 0.0, "PASS": 0.0}
    for p in (0.2, 0.5, 0.9):
        for sizes in ((50, 50), (100, 100), (100, 400), (400, 100), (500, 500), (1000, 1000), (500,) * 3, (100,) * 5):
            failed, passed, bare = simulate(sizes, [0.8 * p, *[p] * (len(sizes) - 1)], draws, seed=1)
            edge = {"FAIL": max(edge["FAIL"], failed), "PASS": max(edge["PASS"], passed)}
            row(sizes, p, 0.8, failed, passed, bare)
    for name, value in edge.items():
        checks.add(f"{name} at a ratio of exactly .8, worst", value, ERROR, at_least=False)
    worst = 0.0
    for groups, n, p in ((3, 100, 0.5), (8, 500, 0.2), (8, 50, 0.2), (2, 20, 0.5), (10, 100, 0.1), (5, 30, 0.9)):
        failed, passed, bare = simulate((n,) * groups, (p,) * groups, draws, seed=2)
        worst = max(worst, failed)
        row((n,) * groups, p, 1.0, failed, passed, bare)
    checks.add("FAIL with all groups equal, worst", worst, ERROR, at_least=False)
    failed, passed, bare = simulate((500,) * 3, (0.3, 0.5, 0.5), draws, seed=3)
    row((500,) * 3, 0.5, 0.6, failed, passed, bare)
    checks.add("FAIL at a ratio of .6, 3x500, p=.5", failed, FAIL_POWER, at_least=True)
    failed, passed, bare = simulate((500,) * 3, (0.3, 0.4, 0.5), draws, seed=3)
    row((500,) * 3, 0.5, 0.6, failed, passed, bare)
    checks.add("FAIL at a ratio of .6, 3x500, p=.5 and one group between", failed, FAIL_POWER, at_least=True)
    failed, passed, bare = simulate((1000,) * 3, (0.5,) * 3, draws, seed=4)
    row((1000,) * 3, 0.5, 1.0, failed, passed, bare)
    checks.add("PASS at a ratio of 1, 3x1000, p=.5", passed, PASS_POWER, at_least=True)


def row(sizes, p, ratio, failed, passed, bare):
    name = f"{len(sizes)}x{sizes[0]}" if len(set(sizes)) == 1 else "+".join(map(str, sizes))
    print(f"{name:>14} p={p:<5} {ratio:>11} {failed:>7.3f} {passed:>7.3f} {bare:>7.3f}", flush=True)


def speed():
    """Median processor time of one verdict with its interval: ten groups of 2,000."""
    rng = np.random.default_rng(0)
    rates = Rates(rng.binomial(2000, 0.3, 10), np.full(10, 2000), tuple(map(str, range(10))))
    claim = Claim("demographic_parity_ratio", "group", (rates,), "ratio", LIMIT)
    took = []
    for _ in range(50):
        start = time.process_time()
        judge([claim])
        took.append(time.process_time() - start)
    print(f"\nOne verdict, ten groups of 2,000, 45 comparisons: median {1000 * np.median(took):.1f} ms of one core")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    scale = 10 if parser.parse_args().quick else 1
    checks = Checks()
    draws = 20_000 // scale
    print(f"Coverage (mean length) of 95% intervals, {draws} draws; few: n min(p, 1-p) < 5")
    coverage(RATE_METHODS, draws, lambda p, n: (p, None, n * min(p, 1 - p) < 5 - 1e-9), 11, checks, "Rates")
    coverage(
        DIFFERENCE_METHODS, draws, lambda p, n: (p, p, n * min(p, 1 - p) < 5 - 1e-9), 12, checks,
        "Differences at equality, p - p",
    )  # fmt: skip
    coverage(
        DIFFERENCE_METHODS, draws, lambda p, n: (0.8 * p, p, n * min(0.8 * p, 1 - p) < 5 - 1e-9), 13, checks,
        "Differences, .8p - p",
    )  # fmt: skip
    coverage(
        RATIO_METHODS, draws, lambda p, n: (0.8 * p, p, n * min(0.8 * p, 1 - p) < 5 - 1e-9), 14, checks,
        "Ratios, .8p / p",
    )  # fmt: skip
    verdicts(20_000 // scale, checks)
    speed()
    print("\nRequirements\n" + "\n".join(checks.lines))
    print(f"calibration: unmet requirements of {len(checks.lines)} {checks.missed}, bound 0")
    return 1 if checks.missed else 0


if __name__ == "__main__":
    sys.exit(main())
