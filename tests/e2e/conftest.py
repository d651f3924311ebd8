"""Real processes in a home of their own; the databases are migrated once and copied."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

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
