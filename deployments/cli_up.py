"""`evenhand up`: the service on this machine, until Ctrl-C or SIGTERM."""

import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from deployments.local import home_folder
from deployments.screen import console, plain
from deployments.signals import stoppable
from deployments.stack import POOL, Stack, running, workers_of
from evenhand.config import redact
from evenhand.exceptions import ServiceError

__all__ = ["Watchman", "serve"]

_LOOK_SECONDS = 0.5
_PASSWORD = re.compile(r"(?P<user>://[^:/@]*):.*@")


class Watchman:
    """Starts again what ended by itself, and gives up on what does not stay.

    Parameters
    ----------
    names
        The processes to watch.
    attempts
        How many ends of one process within `window` are too many.
    window
        In seconds.
    """

    def __init__(self, names: tuple[str, ...], *, attempts: int = 3, window: float = 60.0) -> None:
        self._ends: dict[str, list[float]] = {name: [] for name in names}
        self._attempts, self._window = attempts, window

    def look(self, stack: Stack) -> Iterator[str]:
        """Start again what has ended, and say so.

        Parameters
        ----------
        stack
            The running service.

        Yields
        ------
        str
            One line for each process that was started again.

        Raises
        ------
        ServiceError
            When a process keeps ending, or does not come back.
        """
        for name, ends in self._ends.items():
            code = stack.processes.exit_code(name)
            if code is None:
                continue
            now = time.monotonic()
            ends[:] = [*(end for end in ends if now - end < self._window), now]
            if len(ends) >= self._attempts:
                raise ServiceError(f"{name} keeps ending, with code {code}; its log is {stack.processes.log(name)}")
            yield f"{name} ended by itself, with code {code}: started again"
            stack.start(name)


def serve(service_file: Path | None, *, port_prefect: int, port_mlflow: int, workers: int) -> int:
    """Start everything, say where it is, and stop it all when asked to.

    Parameters
    ----------
    service_file
        What to deploy first; nothing without.
    port_prefect, port_mlflow
        Where the servers listen on 127.0.0.1.
    workers
        How many process workers to start.
    """
    out = console()
    try:
        with stoppable():
            out.print("starting: the first time takes about half a minute ...", soft_wrap=True)
            with running(
                home_folder(),
                workers=workers,
                service_file=service_file,
                prefect_port=port_prefect,
                mlflow_port=port_mlflow,
            ) as stack:
                _tell(out, stack, workers, deployed=service_file is not None)
                watchman = Watchman(("prefect", "mlflow", *workers_of(workers, deployed=service_file is not None)))
                while True:
                    for line in watchman.look(stack):
                        out.print(plain(line), soft_wrap=True)
                    time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        out.print("stopped; what the service knows is kept, and the same command goes on with it", soft_wrap=True)
    return 0


def _tell(out: Console, stack: Stack, workers: int, *, deployed: bool) -> None:
    nothing = "" if deployed else "; nothing was deployed by this command"
    lines = [
        f"Prefect   {stack.page}",
        f"MLflow    {stack.addresses['MLFLOW_TRACKING_URI']}",
        f"workers   {workers} in the pool {stack.pool or POOL}{nothing}",
        f"kept in   {stack.folder}, with logs",
        "",
        "In another terminal, so that `evenhand train` and `prefect` use these servers, this ledger and this home:",
        *(f"  export {name}={shlex.quote(value)}" for name, value in _public(_to_paste(stack)).items()),
        "Ctrl-C stops everything.",
    ]
    for line in lines:
        out.print(plain(line), soft_wrap=True)


def _to_paste(stack: Stack) -> dict[str, str]:
    """The variables without which a command would go elsewhere: with another home it would begin another ledger."""
    found = {"EVENHAND_HOME": str(stack.folder.parent), **stack.addresses}
    if shared := os.environ.get("EVENHAND_STORE"):
        found["EVENHAND_STORE"] = shared
    return found


def _public(addresses: Mapping[str, str]) -> dict[str, str]:
    """What may be shown: a password is known to whoever set it."""
    return {
        name: "..." if name in ("PREFECT_API_AUTH_STRING", "MLFLOW_TRACKING_PASSWORD") else _without_password(value)
        for name, value in addresses.items()
    }


def _without_password(address: str) -> str:
    """The address with dots for its password, which may hold a slash or an @ although it should not."""
    return _PASSWORD.sub(r"\g<user>:...@", redact(address))
