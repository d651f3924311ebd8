"""What made a result: the version of the code, the packages, the machine."""

import hashlib
import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["SERVING_PACKAGES", "code_version", "git_commit", "machine", "packages", "serving_requirements"]

_ROOT = Path(__file__).resolve().parent.parent
SERVING_PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "joblib", "skops", "mlflow")
"""What a registered model needs in order to predict."""


@lru_cache(maxsize=1)
def code_version() -> str:
    """Digest of the sources of `evenhand` and `tasks` and of the lock (without a lock: of the installed packages).

    Two runs with the same value computed the same thing from the same inputs.
    """
    digest = hashlib.sha256()
    for package in ("evenhand", "tasks"):
        for path in sorted((_ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    lock = _ROOT / "requirements.lock"
    digest.update(lock.read_bytes() if lock.is_file() else repr(sorted(packages().items())).encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def packages() -> dict[str, str]:
    """Every installed distribution and its version."""
    found = {str(dist.metadata["Name"]).lower(): dist.version for dist in metadata.distributions()}
    return dict(sorted(found.items()))


def serving_requirements() -> list[str]:
    """The exact versions that a registered model was made with and needs in order to predict.

    Examples
    --------
    >>> [line.split("==")[0] for line in serving_requirements()][:2]
    ['scikit-learn', 'numpy']
    """
    return [f"{name}=={metadata.version(name)}" for name in SERVING_PACKAGES]


@lru_cache(maxsize=1)
def git_commit() -> str | None:
    """The commit of the checkout, with `+` behind it when files differ from it; None outside a checkout."""
    if not (_ROOT / ".git").exists():
        return None

    def git(*words: str) -> str:
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        return subprocess.run(  # noqa: S603 (the words are ours)
            ["git", *words],  # noqa: S607 (git is where the user's PATH says)
            cwd=_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def machine() -> dict[str, Any]:
    """The kind of machine: what may change the last digits of a result."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }
