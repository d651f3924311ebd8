"""`make env`: a .env with random secrets, once. Nothing but Python is needed, so that Docker alone is enough.

A second call keeps every value and fills only what has come to `.env.example` since, or stands empty.
"""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["fill", "main"]

_LINE = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Z][A-Z0-9_]*)\s*[=:]\s*(?P<value>.*?)\s*$")
"""As `docker compose` reads it: `export NAME = value` is an assignment, too."""

_NOTHING = re.compile(r"""(?:''|"")?\s*(?:#.*)?$""")
"""What stands for no value: nothing, empty quotes, or a comment."""


def fill(example: str, existing: str = "") -> tuple[str, list[str]]:
    r"""The text of a .env and the names of the secrets that are new in it.

    Parameters
    ----------
    example
        The text of `.env.example`: a name with nothing behind `=` is a secret.
    existing
        The text of the .env there is.

    Examples
    --------
    >>> text, made = fill("# why\nA=\nB=\n", "A=kept\n")
    >>> made, text.startswith("A=kept\nB="), len(text.splitlines())
    (['B'], True, 2)
    """
    have = {name: value for line in existing.splitlines() for name, value in _assigned(line)}
    wanted = [name for line in example.splitlines() for name, value in _assigned(line) if not value]
    made = {name: secrets.token_hex(24) for name in wanted if not have.get(name)}
    if not existing:
        return "\n".join(_filled(line, made) for line in example.splitlines()) + "\n", list(made)
    kept = [line for line in existing.splitlines() if not any(name in made for name, _ in _assigned(line))]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in made.items())]) + "\n", list(made)


def _assigned(line: str) -> list[tuple[str, str]]:
    """The name and the value of a line; the value is empty where the line has none. Nothing for other lines."""
    match = _LINE.match(line)
    if match is None:
        return []
    return [(match["name"], "" if _NOTHING.match(match["value"]) else match["value"])]


def _filled(line: str, made: Mapping[str, str]) -> str:
    return next((f"{name}={made[name]}" for name, _ in _assigned(line) if name in made), line)


def main(folder: Path) -> int:
    """Write `.env` beside `.env.example`, readable by this user alone."""
    path = folder / ".env"
    existing = path.read_text(encoding="utf-8") if path.exists() else ""
    text, made = fill((folder / ".env.example").read_text(encoding="utf-8"), existing)
    if not made:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
            sys.stdout.write("only you can read .env now; others could\n")
        sys.stdout.write(".env has every secret; it stays as it is\n")
        return 0
    draft = folder / ".env.draft"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 (the mode from the start)
        file.write(text)
    draft.replace(path)
    sys.stdout.write(f"wrote .env with new secrets: {', '.join(made)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
