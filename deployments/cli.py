"""The command line. It imports next to nothing until a command needs it, so that `evenhand --help` answers at once."""

import logging
import os
import sys
import traceback as tracebacks
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from cyclopts import CycloptsError, Parameter
from rich.text import Text

from deployments import commands_after, commands_decide, commands_service, commands_train
from deployments.cli_app import app
from deployments.local import home_folder
from deployments.screen import console, harden_output, plain
from deployments.signals import Terminated
from evenhand.disk import nearly_full, no_room
from evenhand.exceptions import DataError, EvenhandError, StoreError

__all__ = ["app", "main", "run"]

_GROUPS = (commands_train, commands_after, commands_decide, commands_service)
"""They put their commands into the app as they are imported."""


@app.meta.default
def _with_common_options(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    traceback: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
) -> int:
    """Run a command.

    Parameters
    ----------
    tokens
        The command and what belongs to it.
    traceback
        Show where in the code an error arose.
    """
    try:
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except EvenhandError as error:
        return _fail(error, error.exit_code, traceback=traceback)
    except CycloptsError as error:
        return _fail(error, 2, traceback=traceback, hint=f"`evenhand {_command(tokens)}--help` says what is possible")
    except OSError as error:
        if not no_room(error):
            raise
        said = _no_room(error)
        return _fail(said, said.exit_code, traceback=traceback)
    except UnicodeEncodeError as error:
        # Python keeps a byte of an argument that is no UTF-8 as half of a pair, which nobody can write.
        if not any("\ud800" <= char <= "\udfff" for word in tokens for char in word):
            raise
        told = DataError("an argument holds bytes that are no UTF-8: write it in UTF-8, or without special characters")
        told.__cause__ = error
        return _fail(told, told.exit_code, traceback=traceback)
    except KeyboardInterrupt as error:
        console(stderr=True).print("interrupted: the same command goes on where it stood")
        return 143 if isinstance(error, Terminated) else 130
    return result if isinstance(result, int) else 0


def _command(tokens: Sequence[str]) -> str:
    return (
        f"{tokens[0]} "
        if tokens and not tokens[0].startswith("-") and tokens[0] in {name for each in app for name in app[each].name}
        else ""
    )


def _no_room(error: OSError) -> StoreError:
    """What to do about a full disk, and where; what is written to an open file does not say its name."""
    named = error.filename or (home_folder() if nearly_full(home_folder()) else None)
    place = f" where {named} was to be written" if named else ""
    said = StoreError(f"the disk is full{place}: make room, and give the same command again; it goes on")
    said.__cause__ = error
    return said


def _fail(error: Exception, code: int, *, traceback: bool, hint: str = "") -> int:
    """Say on standard error what is wrong, one problem a line, and end with that code."""
    if traceback:
        tracebacks.print_exception(error)
    out = console(stderr=True)
    first, *rest = str(error).splitlines() or [type(error).__name__]
    text = Text("error: ", style="bold red").append(plain(first), style="default")
    for line in [*rest, *([hint] if hint else [])]:
        text.append(f"\n{plain(line)}", style="default")
    out.print(text, soft_wrap=True)
    return code


def _defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What stands in for Python's traceback: where it happened, but not the message, which may quote a person's row."""
    frames = tracebacks.extract_tb(trace)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    answer = getattr(getattr(error, "response", None), "status_code", None)  # of a server: it tells of no person
    harden_output()
    sys.stderr.write(
        f"error: a defect of Evenhand, not of your input: {kind.__name__}{f' {answer}' if answer else ''}{place}\n"
        "Please report it. `evenhand --traceback COMMAND ...` shows how it arose; look it through for personal data\n"
        "before you send it to anybody.\n"
    )


def run(arguments: Sequence[str]) -> int:
    """Run one command line; what is returned is the exit code.

    Parameters
    ----------
    arguments
        As in `sys.argv[1:]`.
    """
    result: Any = app.meta(
        list(arguments), exit_on_error=False, print_error=False, result_action="return_value", console=console()
    )
    return result if isinstance(result, int) else 0


def main() -> None:
    """The console script."""
    harden_output()
    logging.raiseExceptions = False  # the error says which service is away; not each line that it cannot take
    if "--traceback" not in sys.argv:
        sys.excepthook = _defect
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader left, as `head` does; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
