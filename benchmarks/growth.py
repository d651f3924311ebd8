"""How time and memory grow with the rows: from 100,000 to 1,000,000, in separate processes.

`make bench-growth`. The peer is the encoded matrix itself: peak memory may grow by at most 4 times what it grows by.
Time may grow at most 11 times. The data is made here: eight numeric and four text columns, two sensitive attributes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

TIME_BOUND, MEMORY_BOUND = 11.0, 4.0


def write_rows(path: Path, n: int) -> None:
    """Rows with a target that depends on six of the features."""
    generator = np.random.default_rng(7)
    numbers = generator.normal(size=(n, 8)).astype("float64")
    places = {f"c{j}": generator.integers(0, 4 + 2 * j, n) for j in range(4)}
    margin = numbers[:, :5] @ np.array([1.0, -0.7, 0.5, 0.3, -0.2]) + 0.2 * places["c0"] - 0.4
    frame = pd.DataFrame({f"x{j}": numbers[:, j] for j in range(8)})
    for name, codes in places.items():
        frame[name] = np.array([f"{name}-{k}" for k in range(codes.max() + 1)])[codes]
    frame["sex"] = np.where(generator.random(n) < 0.5, "female", "male")
    frame["region"] = np.array(["north", "south", "east", "west"])[generator.integers(0, 4, n)]
    frame["granted"] = (generator.random(n) < 1 / (1 + np.exp(-margin))).astype(int)
    frame["id"] = np.arange(n)
    frame.to_parquet(path, index=False)


def encoded_bytes(path: Path) -> int:
    """The size of the training part's encoded matrix, as float64."""
    from evenhand.modeling.preprocessing import make_preprocessor

    X = pd.read_parquet(path).drop(columns=["granted", "sex", "region", "id"])
    head = X.head(20_000)
    return int(make_preprocessor(head, scale=False).fit_transform(head).shape[1] * 8 * len(X) * 0.6)


def child(path: str) -> None:
    """One retrain; prints its seconds."""
    from deployments.local import services
    from evenhand.config.load import parse_config

    config = parse_config(
        {
            "model": "growth",
            "data": {
                "source": {"path": path},
                "target": "granted",
                "favorable_label": 1,
                "sensitive": {"sex": {}, "region": {}},
                "key": "id",
            },
            "search": {"candidates": ["logistic", "boosting"], "trials": 4, "folds": 3, "batch_size": 2},
            "explain": {"rows": 200, "repeats": 2, "features": 2},
        }
    )
    with services():
        from flows.retrain import run_retrain

        began = time.perf_counter()
        steps: dict[str, float] = {}
        run_retrain(config, on_event=lambda event: steps.update({event.step: event.seconds or 0.0}))
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "steps": {name: round(took, 1) for name, took in steps.items()}}))


def peak_of(child: subprocess.Popen[str]) -> int:
    """Highest memory of a process and its children together, in bytes; pages that they share count once (PSS)."""
    peak, process = 0, psutil.Process(child.pid)
    while child.poll() is None:
        total = 0
        with suppress(psutil.Error):
            for each in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    total += each.memory_full_info().pss
        peak = max(peak, total)
        time.sleep(0.2)
    return peak


def measure(folder: Path, n: int) -> tuple[float, float, int]:
    """Seconds, peak bytes and the encoded matrix's bytes for n rows."""
    path = folder / f"{n}.parquet"
    write_rows(path, n)
    environment = {**os.environ, "EVENHAND_HOME": str(folder / f"home-{n}"), "PYTHONPATH": str(Path.cwd())}
    output = folder / f"{n}.out"
    with output.open("w") as stream:
        command = [sys.executable, __file__, "--child", str(path)]
        child = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT, text=True)
        peak = peak_of(child)
    if child.returncode:
        print(output.read_text()[-3000:])
        sys.exit(1)
    found = json.loads(output.read_text().splitlines()[-1])
    encoded = encoded_bytes(path)
    print(
        f"{n:>9,} rows: {found['seconds']:7.1f} s, peak {peak / 2**20:7.0f} MiB, "
        f"encoded training matrix {encoded / 2**20:6.0f} MiB, steps {found['steps']}"
    )
    return found["seconds"], float(peak), encoded


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        small = measure(Path(scratch), 100_000)
        large = measure(Path(scratch), 1_000_000)
    time_ratio = large[0] / small[0]
    memory_ratio = (large[1] - small[1]) / (large[2] - small[2])
    print(f"growth: time x{time_ratio:.2f}, bound {TIME_BOUND:g}")
    print(f"growth: memory x{memory_ratio:.2f} of the encoded matrix's increase, bound {MEMORY_BOUND:g}")
    worst = max(time_ratio / TIME_BOUND, memory_ratio / MEMORY_BOUND)
    print(f"growth: share of the tighter bound {worst:.2f}, bound 1")
    return int(worst > 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main())
