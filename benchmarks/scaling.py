"""The search on a Dask cluster against the same search in processes of this machine.

`make bench-scaling`. Scheduler and workers are real processes with one thread each; both sides make the same trials
with every fold of every trial (checked), cycle by cycle, so that a busy machine slows both. The clock runs from the
call of `search` to its result, the encoding of the folds and what is sent to the workers included; the cluster runs
already and has imported what it needs, as a cluster has.

- trials per second on one worker and on two, and what the second one brings; beside it two local processes, of which
  the second has to start first;
- what the scheduler costs: the time on one Dask worker over that in one process, neither of which starts anything. The
  bound of 1.25 is a quarter for everything that is not a fit: connecting, the folds' way to the worker, messages, and
  the scheduler's share of the cores. It is the least favorable case: a cluster's scheduler has a core of its own;
- the same for fits of a few milliseconds, which nobody needs a cluster for: the seconds that a search costs more.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from evenhand.modeling.search import search
from evenhand.modeling.search_results import SearchResult

BOUND = 1.25
FOLDS = 5
ROOT = Path(__file__).resolve().parents[1]
Rows = tuple[pd.DataFrame, pd.Series]


def people(n: int) -> Rows:
    """Ten numbers, three texts and a target that depends on half of them."""
    rng = np.random.default_rng(11)
    X = pd.DataFrame({f"x{at}": rng.normal(size=n) for at in range(10)})
    for at in range(3):
        X[f"c{at}"] = np.array([f"v{code}" for code in range(8)])[rng.integers(0, 8, n)]
    margin = X["x0"] - 0.7 * X["x1"] * X["x2"] + (X["c0"] == "v3") + rng.normal(size=n)
    return X, (margin > 0).astype(int)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler and its workers; the address."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    started = [start(folder, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-show")]
    try:
        for number in range(workers):
            place = folder / f"worker-{number}"
            place.mkdir()
            words = ("--nthreads", "1", "--no-nanny", "--local-directory", str(place))
            started.append(start(folder, "worker", address, *words, name=f"worker-{number}"))
        deadline = time.monotonic() + 120
        while sum("Registered to:" in log.read_text() for log in folder.glob("worker-*.log")) < workers:
            if time.monotonic() > deadline:
                sys.exit("the Dask workers did not come up")
            time.sleep(0.1)
        yield address
    finally:
        for child in started:
            child.kill()
            child.wait()


def start(folder: Path, kind: str, *words: str, name: str = "scheduler") -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def timed(rows: Rows, trials: int, **where: object) -> tuple[float, SearchResult]:
    # Random proposals: what the optimizer thinks is the same on both sides and no work for a worker.
    began = time.perf_counter()
    result = search(*rows, trials=trials, folds=FOLDS, method="random", prune=False, batch_size=8, seed=3,
                    candidates=["logistic", "boosting"], **where)  # type: ignore[arg-type]  # fmt: skip
    return time.perf_counter() - began, result


def sides(rows: Rows, trials: int, addresses: dict[int, str]) -> dict[str, float]:
    """Seconds of each side, one after the other, on the same trials."""
    found: dict[str, float] = {}
    results = []
    for count in (1, 2):
        found[f"local {count}"], result = timed(rows, trials, workers=count)
        os.environ["EVENHAND_DASK_SCHEDULER"] = addresses[count]
        found[f"dask {count}"], same = timed(rows, trials, backend="dask")
        results += [result, same]
    if any(result != results[0] for result in results):
        sys.exit("the sides do not give the same result")
    print(f"{len(rows[1]):,} rows: " + ", ".join(f"{name} {value:.1f} s" for name, value in found.items()), flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--cycles", type=int, default=5)
    arguments = parser.parse_args()
    rows, few, trials = people(arguments.rows), people(400), arguments.trials
    with (
        tempfile.TemporaryDirectory() as scratch,
        cluster(Path(scratch) / "1", 1) as one,
        cluster(Path(scratch) / "2", 2) as two,
    ):
        addresses = {1: one, 2: two}
        sides(few, 4, addresses)  # imports, everywhere
        cycles = [sides(rows, trials, addresses) for _ in range(arguments.cycles)]
        small = [sides(few, trials, addresses) for _ in range(arguments.cycles)]
    print(f"{arguments.rows:,} rows, {trials} trials of {FOLDS} folds, {arguments.cycles} cycles; seconds a cycle")
    for name in cycles[0]:
        print(f"  {name:8} " + " ".join(f"{cycle[name]:6.2f}" for cycle in cycles))
    rate = {name: trials / statistics.median(cycle[name] for cycle in cycles) for name in cycles[0]}
    print("trials per second: " + ", ".join(f"{name} {value:.2f}" for name, value in rate.items()))
    extra = statistics.median(cycle["dask 1"] - cycle["local 1"] for cycle in small)
    local = statistics.median(cycle["local 1"] for cycle in small)
    fits = trials * FOLDS
    print(f"{fits} fits of {len(few[1])} rows take {local:.1f} s in one process, {extra:.1f} s more on a Dask worker")
    gain = statistics.median(cycle["dask 1"] / cycle["dask 2"] for cycle in cycles)
    print(f"two Dask workers are {gain:.2f} times as fast as one (two local processes: "
          f"{statistics.median(cycle['local 1'] / cycle['local 2'] for cycle in cycles):.2f})")  # fmt: skip
    value = statistics.median(cycle["dask 1"] / cycle["local 1"] for cycle in cycles)
    print(f"scaling: time on one Dask worker over that in one process {value:.2f}, bound {BOUND:.2f}")
    return int(value > BOUND)


if __name__ == "__main__":
    sys.exit(main())
