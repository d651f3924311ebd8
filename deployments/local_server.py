"""Prefect's server on this machine: `python -m deployments.local_server PORT [whole]`, or `fd:NUMBER` for the port.

As a child of one command it serves the API alone and ends when its standard input closes, so that it never outlives
its parent, however that one ended; the parent hands it the socket, so that nobody else takes the port while it starts.
`whole` is the service's server, with its page, schedules and automations.
"""

import errno
import gc
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenhand.disk import full_disk
from evenhand.whole_file import make_whole

__all__ = ["NO_ROOM", "create_database", "main", "uncollected"]

NO_ROOM = errno.ENOSPC
"""How the server of one command ends when the disk is full as it starts."""

_DATABASES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
"""Where a user may have named another database, which Prefect's server then migrates itself."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without the garbage collector, which looks through all that is there again and again: a fifth faster."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what is imported stays
        gc.enable()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def create_database(path: Path) -> None:
    """Make Prefect's SQLite database with Prefect's own migrations, whole or not at all; an existing one is left alone.

    Of two commands that are the first in a home at once, one makes it: each its own would be replaced under the other.

    Prefect runs them through an asynchronous driver, whose thread is woken for each statement; the same
    scripts through the plain driver wake none.

    Parameters
    ----------
    path
        The file.
    """
    make_whole(path, _migrated)


def _migrated(draft: Path) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{draft}")
    try:
        with engine.connect() as connection:
            _migrate(connection)
    finally:
        engine.dispose()


def _migrate(connection: Any) -> None:
    import warnings

    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from prefect.server.database import provide_database_interface
    from prefect.server.database.alembic_commands import alembic_config

    database, config = provide_database_interface(), alembic_config()
    script = ScriptDirectory.from_config(config)
    script.version_locations = [str(database.orm.versions_dir)]
    context = EnvironmentContext(
        config,
        script,
        fn=lambda revision, _context: script._upgrade_revs("head", revision),  # noqa: SLF001 (as `alembic upgrade` does)
        destination_rev="head",
    )
    connection.exec_driver_sql("PRAGMA synchronous=OFF")  # nobody reads the file before it is renamed
    connection.commit()
    with context, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # alembic cannot reflect indexes on expressions and says so for each
        # What Prefect's own env.py configures.
        context.configure(
            connection=connection,
            target_metadata=database.Base.metadata,
            include_schemas=True,
            render_as_batch=True,
            transaction_per_migration=True,
            template_args={"dialect": "sqlite"},
        )
        with context.begin_transaction():
            context.run_migrations()
    connection.commit()


def main(place: int | socket.socket, *, whole: bool = False) -> None:
    """Serve Prefect on 127.0.0.1.

    Parameters
    ----------
    place
        Where to listen: a port, or a socket that is bound to one.
    whole
        With the page and all services, until SIGTERM; without, the API until standard input closes.
    """
    if not whole:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    if not any(os.environ.get(name) for name in _DATABASES):
        create_database(Path(os.environ["PREFECT_HOME"]) / "prefect.db")
    with uncollected():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=not whole, final=whole)
    if not whole:
        _tell_full_disk(app)
    level = "warning" if whole else "error"
    if isinstance(place, int):
        uvicorn.run(app, host="127.0.0.1", port=place, log_level=level, access_log=False)
    else:
        uvicorn.Server(uvicorn.Config(app, log_level=level, access_log=False)).run(sockets=[place])


def _tell_full_disk(server: Any) -> None:
    """Answer 507 when the database has no room: Prefect's 500 is asked again for minutes, and says nothing of it."""
    import sqlite3

    from prefect.server.api.server import custom_internal_exception_handler
    from sqlalchemy.exc import DBAPIError
    from starlette.responses import JSONResponse

    async def handle(request: Any, error: Exception) -> Any:
        if full_disk(error, Path(os.environ["PREFECT_HOME"]), suspect=True) is None:
            return await custom_internal_exception_handler(request, error)
        return JSONResponse({"exception_message": "the disk is full"}, status_code=507)

    for kind in (DBAPIError, sqlite3.Error):
        server.api_app.add_exception_handler(kind, handle)


def _place(told: str) -> int | socket.socket:
    kind, _, number = told.rpartition(":")
    return socket.socket(fileno=int(number)) if kind == "fd" else int(number)


def _or_no_room(place: int | socket.socket, *, whole: bool) -> None:
    """Serve; a full disk has an exit code of its own, as the log may lie on the same disk."""
    try:
        main(place, whole=whole)
    except (Exception, SystemExit) as error:
        if whole or full_disk(error, Path(os.environ["PREFECT_HOME"]), suspect=True) is None:
            raise
        sys.exit(NO_ROOM)


if __name__ == "__main__":
    _or_no_room(_place(sys.argv[1]), whole="whole" in sys.argv[2:])
