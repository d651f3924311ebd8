"""A real PostgreSQL server for a test, from Debian's binaries: a role and a database each for Prefect and MLflow.

with postgres() as database:
    with running(home, environment=database.environment): ...
    database.stop(); database.kill(); database.start()
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from deployments.processes import Processes

NAMES = ("prefect", "mlflow", "evenhand")
USERS = ("postgres", "nobody")
"""Whom the server runs as when the tests are root, which PostgreSQL refuses to be."""


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL server that is installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).parent)
    return max(found, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, default=None)


class Postgres:
    """One server; the data outlive `stop` and `kill`.

    Attributes
    ----------
    folder, programs
        Where its data are, and its programs.
    port
        Where it listens on 127.0.0.1.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        # With every sign that an address must quote.
        self.passwords = {name: f"{secrets.token_hex(8)}/%@:+ " for name in (*NAMES, "postgres")}
        self._processes = Processes(folder / "logs")
        self._create()

    def address(self, name: str = "postgres") -> str:
        """The address of a role's own database, for any reader that takes postgresql://."""
        return f"postgresql://{name}:{quote(self.passwords[name], safe='')}@127.0.0.1:{self.port}/{name}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes `running` use this server."""
        return {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.address("prefect"),
            "MLFLOW_BACKEND_STORE_URI": self.address("mlflow"),
            "EVENHAND_LEDGER": self.address("evenhand"),
        }

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",  # the tests kill processes, not the machine
            "max_connections": 100,
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._processes.start("postgres", self._as_user("postgres", "-D", str(self._data), *arguments), os.environ)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.address(), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._processes.exit_code("postgres") is None, self._processes.log("postgres").read_text()
                assert time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Shut down and cut the connections, as a restart of the machine does."""
        if self._processes.exit_code("postgres") is None:
            os.kill(self._processes.pid("postgres"), signal.SIGINT)
            self._processes.wait("postgres", seconds=60)

    def kill(self) -> None:
        """End it as `kill -9` does, without a checkpoint."""
        self._processes.kill("postgres")

    def close(self) -> None:
        """Stop, and leave no process behind; the folder is the caller's."""
        self.stop()
        self._processes.close()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        command = [str(self.programs / program), *arguments]
        if os.geteuid() != 0:
            return command
        user = self.folder.stat()
        return ["setpriv", f"--reuid={user.st_uid}", f"--regid={user.st_gid}", "--clear-groups", *command]

    def _create(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(self.passwords["postgres"])
        if os.geteuid() == 0:
            shutil.chown(secret, self.folder.stat().st_uid)
        made = self._as_user(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={secret}",
            "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        subprocess.run(made, check=True, capture_output=True)
        secret.unlink()
        self.start()
        with psycopg.connect(self.address(), autocommit=True) as connection:
            for name in NAMES:
                password = psycopg.sql.Literal(self.passwords[name])
                role = psycopg.sql.Identifier(name)
                connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server in a folder of its own; skips the test where PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    # Not below pytest's folder, which only the user who runs the tests can enter.
    folder = Path(tempfile.mkdtemp(prefix="evenhand-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user=next(user for user in USERS if _exists(user)))
        database = Postgres(folder, programs)
        try:
            yield database
        finally:
            database.close()
    finally:
        shutil.rmtree(folder)


def _exists(user: str) -> bool:
    import pwd

    return any(entry.pw_name == user for entry in pwd.getpwall())
