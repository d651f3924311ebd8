"""The console script: it makes sure that what will be imported is ours, and only then imports it."""

import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["foreign_packages", "main"]


def foreign_packages() -> list[str]:
    """Packages of other projects that would be imported as ours: `tasks` and `flows` are common names."""
    ours = Path(__file__).resolve().parent.parent
    found = []
    for name in ("evenhand", "tasks", "flows"):
        spec = find_spec(name)
        places = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
        if ours / name not in [place.resolve() for place in places]:
            found.append(f"{name} from {places[0] if places else 'nowhere'}")
    return found


def main() -> None:
    """Run `evenhand`, or say whose package stands in the way."""
    foreign = foreign_packages()
    if foreign:
        sys.stderr.write(
            f"evenhand: another project's package would be taken for ours: {', '.join(foreign)}. "
            "Start evenhand from another folder, or remove that package from the Python path.\n"
        )
        sys.exit(2)
    from deployments.cli import main as command

    command()
