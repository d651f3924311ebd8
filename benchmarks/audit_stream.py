"""Audits of Parquet files that need not fit in memory: 10,000,000 and 100,000,000 rows.

`make bench-audit-stream`; `--quick` audits 1,000,000 and 10,000,000. The benchmark writes the files itself, a million
rows a row group. Each audit runs in a process of its own: its peak resident memory stays under 1 GiB, and ten times the
rows take at most eleven times the time. The peer, in the same run, is the bare reading of the same columns.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PART, MEMORY_BOUND, TIME_BOUND = 1_000_000, 1 << 30, 11.0


def write(path: Path, parts: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for part in range(parts):
        generator = np.random.default_rng(part)
        score = generator.random(PART, dtype=np.float32)
        columns = {
            "race": generator.integers(0, 5, PART, dtype=np.int8),
            "sex": generator.integers(0, 2, PART, dtype=np.int8),
            "y": (generator.random(PART) < score).astype(np.int8),
            "p": (score > 0.5).astype(np.int8),
            "score": score,
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def child(path: str) -> None:
    """One audit in its own process; prints seconds and peak memory."""
    import pyarrow.parquet as pq

    from evenhand.fairness import BiasDetector

    start = time.perf_counter()
    report = BiasDetector.from_parquet(
        path, y_true="y", y_pred="p", y_score="score", sensitive_features=["race", "sex"], favorable_label=1
    ).detect_bias(replicates=1000)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = time.perf_counter()
    with pq.ParquetFile(path) as file:
        for _ in file.iter_batches(batch_size=1 << 19, use_threads=False):
            pass
    print(json.dumps({"n": report.n, "seconds": spent, "peak": peak, "reading": time.perf_counter() - start}))


def main(*, quick: bool) -> int:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for parts in (1, 10) if quick else (10, 100):
            path = Path(folder) / f"{parts}.parquet"
            write(path, parts)
            command = [sys.executable, __file__, "--child", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            path.unlink()
    for run in found:
        print(
            f"{run['n']:>11,} rows: audit {run['seconds']:7.2f} s, bare reading {run['reading']:7.2f} s, "
            f"peak {run['peak'] / 2**20:6.0f} MiB (under {MEMORY_BOUND >> 20})"
        )
    small, large = found
    growth = large["seconds"] / small["seconds"]
    print(f"time grows {growth:.2f} times for ten times the rows, at most {TIME_BOUND:g}")
    worst = max(large["peak"] / MEMORY_BOUND, growth / TIME_BOUND)
    print(f"audit-stream: {worst:.2f} of the tightest bound, bound 1")
    return 0 if worst <= 1 else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
        sys.exit(0)
    sys.exit(main(quick="--quick" in sys.argv[1:]))
