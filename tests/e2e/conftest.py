"""Real processes in a home of their own; the databases are migrated once and copied."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient

from deployments.deploy import deploy
from deployments.health import answers
from evenhand.config import load_service

ROOT = Path(__file__).resolve().parents[2]
QUICK = (
    "search.trials=6", "search.folds=3", "search.batch_size=2", "search.candidates=[logistic, boosting]",
    "explain.rows=80", "explain.background_rows=40", "explain.repeats=2", "explain.features=2",
    "evaluate.replicates=100", "audit.replicates=100",
)  # fmt: skip


HELD = 3
"""How a training of the example ends: too few rows to show anything, nobody to be compared with, a card with gaps."""


@dataclass(frozen=True)
class Home:
    """A working folder with its own stores.

    Attributes
    ----------
    folder
        What EVENHAND_HOME points at.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a newcomer's shell has, with this home and without anybody's servers."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
        return {**kept, "EVENHAND_HOME": str(self.folder), "PYTHONPATH": str(ROOT)}

    def command(self, *words: str) -> list[str]:
        """The command line of `evenhand`."""
        return [sys.executable, "-m", "deployments.cli", *words]

    def train(self, *overrides: str, config: str = "examples/loan-approval.yaml") -> list[str]:
        """The command line of a quick training."""
        sets = [word for override in (*QUICK, *overrides) for word in ("--set", override)]
        return self.command("train", str(ROOT / config), *sets)

    def run(
        self, command: list[str], *, timeout: float = 900, extra: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, piped, with further variables."""
        return subprocess.run(
            command,
            env={**self.environment, **(extra or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.folder.parent,
        )

    def start(self, command: list[str], *, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start and go on, with further variables; what it says is in `out.log`."""
        log = (self.folder / "out.log").open("a")
        environment = {**self.environment, **(extra or {})}
        with log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True, cwd=self.folder.parent)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, subprocess.CompletedProcess[str]]:
    """One whole quick training in a new home, and what it printed."""
    home = Home(tmp_path_factory.mktemp("first") / ".evenhand")
    home.folder.mkdir()
    done = home.run(home.train())
    assert done.returncode == HELD, done.stdout + done.stderr
    return home, done


@pytest.fixture
def home(trained: tuple[Home, object], tmp_path: Path) -> Home:
    """A home with migrated databases and nothing else in it."""
    first = trained[0].folder
    new = Home(tmp_path / ".evenhand")
    (new.folder / "prefect").mkdir(parents=True)
    for name in ("prefect/prefect.db",):
        shutil.copyfile(first / name, new.folder / name)
    return new


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    """A client of a Prefect server, which ends with its standard input."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**kept, "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deployments.local_server", str(port)]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}/api/health", seconds=2):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        with SyncPrefectClient(f"http://127.0.0.1:{port}/api") as found:
            yield found
    finally:
        server.communicate()


@pytest.fixture
def again(client: SyncPrefectClient, tmp_path: Path) -> Callable[[], dict[str, str]]:
    """The service deployed once; and what deploying it again does to each thing."""
    config = yaml.safe_load((ROOT / "examples" / "loan-approval.yaml").read_text(encoding="utf-8"))
    (tmp_path / "loans.yaml").write_text(yaml.safe_dump(config))
    about = {"config": "loans.yaml", "retrain": {"cron": "30 5 * * 1-5", "timezone": "America/New_York"}}
    file = tmp_path / "service.yaml"
    file.write_text(yaml.safe_dump({"models": {"loans": about}}))

    def once() -> dict[str, str]:
        return {change.name: change.done for change in deploy(client, load_service(file)) if change.kind != "server"}

    once()
    return once
