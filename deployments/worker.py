"""A worker that looks after killed runs as well: `python -m deployments.worker [--service FILE] ...`.

It takes the options of `prefect worker start`, and instead of `--pool` a service file, whose pool it joins.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

from deployments.keeper import Keeper
from evenhand.config import load_service
from evenhand.exceptions import EvenhandError

__all__ = ["arguments", "keep", "main"]

_LOOK_SECONDS = 10.0


def arguments(given: Sequence[str]) -> list[str]:
    """The options of `prefect worker start`.

    Parameters
    ----------
    given
        The same, with the service file in the place of the pool.

    Examples
    --------
    >>> arguments(["--pool", "loans", "--limit", "1"])
    ['--pool', 'loans', '--limit', '1']
    """
    parser = argparse.ArgumentParser(prog="python -m deployments.worker", add_help=False, allow_abbrev=False)
    parser.add_argument("--service", type=Path, metavar="FILE")
    asked, words = parser.parse_known_args(given)
    return words if asked.service is None else ["--pool", load_service(asked.service).about.work_pool, *words]


def keep(ended: threading.Event) -> None:
    """Look after the runs until the event is set; a server that is away is waited for.

    Parameters
    ----------
    ended
        Set when the worker ends.
    """
    keeper, logger = Keeper(), get_logger("worker")
    while not ended.wait(_LOOK_SECONDS):
        try:
            with get_client(sync_client=True) as client:
                for line in keeper.look(client):
                    logger.info("Flow run %s", line)
        except (httpx.HTTPError, PrefectException, ValueError) as error:
            keeper.forget()
            logger.debug("Prefect's server does not say how the runs are: %s", type(error).__name__)
        except Exception:
            keeper.forget()
            logger.exception("killed runs were not looked after this time")  # the next look may go well


def main(given: Sequence[str]) -> None:
    """Run the worker until SIGTERM."""
    try:
        words = arguments(given)
    except EvenhandError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    from prefect.cli import app

    sys.argv = ["prefect", "worker", "start", *words]
    ended = threading.Event()
    threading.Thread(target=keep, args=(ended,), daemon=True).start()
    try:
        app()
    finally:
        ended.set()


if __name__ == "__main__":
    main(sys.argv[1:])
