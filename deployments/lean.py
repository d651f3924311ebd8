"""Remove from an environment what only developers need: `python lean.py pyproject.toml`, run while the image is built.

The lock has one list for all. What stays is what the project names, with its extras, and what that needs in turn.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["main", "needed"]


def needed(requirements: Iterable[str]) -> set[str]:
    """The names of all installed distributions that requirements need, directly or not.

    Parameters
    ----------
    requirements
        As in `project.dependencies`.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(line, "") for line in requirements]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras} - {seen for key, seen in found if key == name}:
            found.add((name, wanted))
            waiting += [(inner, wanted) for inner in metadata.distribution(name).requires or ()]
    return {name for name, _ in found}


def main(pyproject: Path) -> None:
    """Uninstall the rest, pip last."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    kept = needed([*project["dependencies"], *(line for extra in extras for line in extra)])
    installed = {canonicalize_name(str(found.metadata["Name"])) for found in metadata.distributions()}
    surplus = sorted(installed - kept)
    sys.stdout.write(f"removed: {' '.join(surplus)}\n")
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *surplus], check=True)  # noqa: S603 (our own arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
