"""`evenhand backup` and `evenhand restore`."""

import os
from pathlib import Path

from deployments.backup import Place, back_up, restore
from deployments.backup_places import Compose, local_place
from deployments.local import home_folder
from deployments.screen import console, plain
from evenhand.config import redact

__all__ = ["back_up_service", "restore_service"]


def _place(*, compose: bool) -> Place:
    return Compose(Path.cwd(), os.environ) if compose else local_place(home_folder(), os.environ)


def back_up_service(path: Path, *, compose: bool) -> int:
    """Write the backup, and say what is in it."""
    place = _place(compose=compose)
    manifest = back_up(place, path)
    size = sum(member["bytes"] for member in manifest["members"].values())
    console().print(plain(f"{path}: {manifest['runs']} runs, {size / 1e6:,.1f} MB"), soft_wrap=True)
    _say_elsewhere(place)
    return 0


def restore_service(path: Path, *, compose: bool, replace: bool) -> int:
    """Restore the backup, and say what was in it."""
    place = _place(compose=compose)
    manifest = restore(place, path, replace=replace)
    console().print(plain(f"restored {manifest['runs']} runs as of {manifest['made']}"), soft_wrap=True)
    _say_elsewhere(place)
    return 0


def _say_elsewhere(place: Place) -> None:
    if place.elsewhere:
        said = f"without the artifacts in {redact(place.elsewhere)}: models and cards are kept there"
        console().print(plain(said), soft_wrap=True)
