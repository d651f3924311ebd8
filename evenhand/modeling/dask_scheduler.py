"""Finding the Dask scheduler that the environment names, and a client of it."""

import asyncio
import contextlib
import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evenhand.data._address import shown
from evenhand.exceptions import ConfigError, MissingExtraError, Problem, ServiceError

__all__ = ["ADDRESS_VARIABLES", "connect", "scheduler_address"]

ADDRESS_VARIABLES = ("EVENHAND_DASK_SCHEDULER", "DASK_SCHEDULER_ADDRESS")
"""Where the scheduler's address stands; the first that is set counts."""

_CONNECT_SECONDS = 10.0


def scheduler_address() -> str:
    """The address of the Dask scheduler, from the environment.

    Raises
    ------
    ConfigError
        When no variable holds one.
    """
    for name in ADDRESS_VARIABLES:
        if address := os.environ.get(name, "").strip():
            return address
    remedy = f"set {ADDRESS_VARIABLES[0]}=tcp://HOST:8786, or choose the backend 'local'"
    raise ConfigError("the search cannot start", [Problem("search.backend", "'dask' has no scheduler", remedy)])


def connect(address: str) -> Any:
    """A client of the scheduler at an address.

    Raises
    ------
    ConfigError
        When it is no address.
    MissingExtraError
        When ``distributed`` is not installed.
    ServiceError
        When no scheduler answers within seconds.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError(
            "search.backend 'dask' needs distributed, which is not installed: pip install 'evenhand[dask]'"
        ) from error
    _knock(address)
    make: Any = distributed.Client  # it has no types
    try:
        return make(address, timeout=_CONNECT_SECONDS, set_as_default=False, asynchronous=False)
    except OSError as error:
        reason = type(error).__name__
    # A client that was half made closes itself when it is collected; while another one starts that would lock up.
    gc.collect()
    raise _silent(address, reason)


def _knock(address: str) -> None:
    """Find out whether a Dask server answers before a client is made: half a client is hard to get rid of.

    A client waits for the first words of whoever accepts its connection for as long as they do not come, and takes
    whatever comes for the length of a message.
    """
    _require_address(address)
    deadline = time.monotonic() + _CONNECT_SECONDS
    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop that runs, as in a notebook
        while True:
            try:
                kind = thread.submit(asyncio.run, _greet(address, deadline - time.monotonic())).result()
            except OSError as error:  # it may be starting right now
                if time.monotonic() > deadline:
                    raise _silent(address, type(error).__name__) from error
                time.sleep(0.1)
            except Exception as error:  # what it said is no message of Dask's
                raise _silent(address, type(error).__name__) from error
            else:
                break
    if kind in ("Worker", "Nanny"):
        raise _silent(address, f"a {kind.lower()} does")


def _require_address(address: str) -> None:
    from distributed.comm.addressing import get_address_host_port

    _, at, place = address.rpartition("@")
    if not at:
        with contextlib.suppress(ValueError):
            get_address_host_port(address, strict=True)
            return
    # Outside of the handler: Dask's error has the whole address, and Prefect writes an error's causes to its log.
    said = f"{shown(place)} is no address of a scheduler"
    if at:
        said += " with the user or password before its '@', which Dask does not take"
    problem = Problem("search.backend", said, "write tcp://HOST:8786")
    raise ConfigError("the search cannot start", [problem])


async def _greet(address: str, seconds: float) -> str:
    """Wait for the words with which a Dask server meets everybody, and ask what it is: ``"Scheduler"``, we hope."""
    from distributed import Security, rpc
    from distributed.comm.addressing import parse_address
    from distributed.comm.registry import get_backend

    secure: Any = Security  # they have no types
    meet: Any = rpc
    backend: Any = get_backend
    arguments = secure().get_connection_args("client")
    async with asyncio.timeout(seconds):
        scheme, place = parse_address(address)
        comm = await backend(scheme).get_connector().connect(place, deserialize=False, **arguments)
        try:
            await comm.read()
        finally:
            comm.abort()
        async with meet(address, connection_args=arguments) as server:
            kind: str = (await server.identity())["type"]
            return kind


def _silent(address: str, reason: str) -> ServiceError:
    return ServiceError(
        f"no Dask scheduler answers at {shown(address)} within {_CONNECT_SECONDS:g} s ({reason}): start it, or correct "
        f"{' or '.join(ADDRESS_VARIABLES)}"
    )
