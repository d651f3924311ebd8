"""`make env`: a .env with random secrets, once. Nothing but Python is needed, so that Docker alone is enough.

A second call keeps every value and fills only what has come to `.env.example` since, or stands empty.
"""

import os
import re
import secrets
import sys
from pathlib import Path

__all__ = ["fill", "main"]

_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")


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
    have = {match[1]: match[2] for line in existing.splitlines() if (match := _LINE.match(line)) and match[2]}
    wanted = [match[1] for line in example.splitlines() if (match := _LINE.match(line)) and not match[2]]
    made = {name: secrets.token_hex(24) for name in wanted if name not in have}
    if not existing:
        lines = [
            f"{name}={made[name]}" if (name := line.removesuffix("=")) in made else line
            for line in example.splitlines()
        ]
        return "\n".join(lines) + "\n", list(made)
    kept = [line for line in existing.splitlines() if line.removesuffix("=") not in made]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in made.items())]) + "\n", list(made)


def main(folder: Path) -> int:
    """Write `.env` beside `.env.example`, readable by this user alone."""
    path = folder / ".env"
    existing = path.read_text(encoding="utf-8") if path.exists() else ""
    text, made = fill((folder / ".env.example").read_text(encoding="utf-8"), existing)
    if not made:
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
