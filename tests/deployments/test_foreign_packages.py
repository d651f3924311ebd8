"""`tasks` and `flows` are common names: somebody else's must not be taken for ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.entry import foreign_packages

ROOT = Path(__file__).resolve().parents[2]


def test_our_own_are_not_foreign() -> None:
    assert foreign_packages() == []


@pytest.mark.parametrize("name", ["tasks", "flows"])
def test_a_foreign_package_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    script = "import sys; sys.argv = ['evenhand', '--help']; from deployments.entry import main; main()"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert str(tmp_path / name) in done.stderr
    assert "Traceback" not in done.stderr
