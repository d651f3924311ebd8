"""Where a service keeps what it knows: volumes of `docker compose`, or folder and databases of `evenhand up`."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployments.backup_addresses import for_programs
from deployments.folder_lock import occupied
from evenhand.disk import no_room
from evenhand.exceptions import DataError, ServiceError
from evenhand.home import sqlite_file

__all__ = ["Compose", "Files", "Postgres", "local_place"]

# The schema goes whole: tables of a newer version that the backup does not know would stay otherwise.
_EMPTY = (
    "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner; "
    "GRANT USAGE ON SCHEMA public TO PUBLIC;"
)
_ASKED = "SELECT pg_has_role(nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = 'public'"
_MLFLOW = ("run", "--rm", "--no-deps", "-T", "mlflow")
_QUIET = ("--no-align", "--tuples-only")
_CLEAR = """
import os, sys, tarfile
kept = {os.path.normpath(member.name) for member in tarfile.open(fileobj=sys.stdin.buffer, mode="r|")}
os.chdir(sys.argv[1])
for folder, folders, files in os.walk(".", topdown=False):
    for name in (os.path.normpath(os.path.join(folder, each)) for each in files + folders):
        if name in kept or (sys.argv[2] == "numbered" and not name.split(os.sep)[0].isdecimal()):
            continue
        if os.path.isdir(name) and not os.path.islink(name):
            if not os.listdir(name):
                os.rmdir(name)
        else:
            os.remove(name)
"""
"""Removes what a tar file does not hold, in a container too: everything ("all") from a folder that is MLflow's alone,
and from one that the user named and may share only experiments, whose folders have numbers for names ("numbered")."""

_VARIABLES = {
    "prefect": "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "mlflow": "MLFLOW_BACKEND_STORE_URI",
    "evenhand": "EVENHAND_LEDGER",
}
"""Where the databases' addresses stand."""


class Compose:
    """The service that `docker compose up` has started.

    Parameters
    ----------
    folder
        Where docker-compose.yml and .env lie.
    environment
        The variables of `docker compose`.
    """

    kind = "postgresql"
    elsewhere = ""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment

    def dump(self, database: str, path: Path) -> None:
        """Write a database with the server's own pg_dump."""
        self._exec("postgres", ["pg_dump", "--username=postgres", "--format=custom", database], out=path)

    def collect(self, path: Path) -> None:
        """Write the artifacts, out of MLflow's volume."""
        self._exec("mlflow", ["tar", "-C", "/srv/mlflow", "-cf", "-", "."], out=path)

    def rows(self, database: str, table: str) -> int:
        """How many rows a table has; 0 without the table."""
        asked = ["psql", "--username=postgres", f"--dbname={database}", *_QUIET]
        return _count(lambda sql: self._exec("postgres", [*asked, f"--command={sql}"]), table)

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Everything but PostgreSQL stands still, and is started again."""
        self._docker(["stop", "worker", "rollbacks", "prefect", "mlflow"])
        try:
            yield
        finally:
            self._docker(["up", "--detach", "--wait", "--no-build"])

    def ask(self, database: str, path: Path) -> None:
        """The database answers, and the server's own pg_restore can read the file."""
        self._exec("postgres", ["psql", "--username=postgres", f"--dbname={database}", *_QUIET, f"--command={_ASKED}"])
        self._exec("postgres", ["pg_restore", "--list"], given=path)

    def load(self, database: str, path: Path) -> None:
        """Empty the database and fill it, as its own role; the ledger belongs to nobody who writes to it."""
        program = ["psql", "--username=postgres", f"--dbname={database}", "--quiet", "--set=ON_ERROR_STOP=1"]
        self._exec("postgres", [*program, f"--command={_EMPTY}"])
        role = "postgres" if database == "evenhand" else database
        program = ["pg_restore", "--username=postgres", f"--dbname={database}", "--no-owner", f"--role={role}"]
        self._exec("postgres", [*program, "--single-transaction", "--exit-on-error"], given=path)

    def spread(self, path: Path) -> None:
        """Unpack in MLflow's volume, as MLflow's user."""
        self._docker([*_MLFLOW, "tar", "-C", "/srv/mlflow", "-xf", "-"], given=path)

    def clear(self, path: Path) -> None:
        """Remove from MLflow's volume what the tar file does not hold."""
        self._docker([*_MLFLOW, "python", "-c", _CLEAR, "/srv/mlflow", "all"], given=path)

    def _exec(self, service: str, command: Sequence[str], *, out: Path | None = None, given: Path | None = None) -> str:
        return self._docker(["exec", "-T", service, *command], out=out, given=given)

    def _docker(self, words: Sequence[str], *, out: Path | None = None, given: Path | None = None) -> str:
        return _run(["docker", "compose", *words], self._environment, folder=self._folder, out=out, given=given)


class _Local:
    """What both kinds of local services share: the artifacts in a folder, and a lock against `evenhand up`."""

    def __init__(self, folder: Path, artifacts: str = "") -> None:
        self._folder = folder
        local = _local_folder(artifacts) if artifacts else folder / "mlflow-artifacts"
        self._artifacts = local or folder / "mlflow-artifacts"
        self.elsewhere = artifacts if local is None else ""

    def collect(self, path: Path) -> None:
        """Write the artifacts, unless they are elsewhere."""
        with tarfile.open(path, "w") as whole:
            if self._artifacts.is_dir() and not self.elsewhere:
                whole.add(self._artifacts, arcname=".")

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Nothing to pause: the service must be down."""
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(exist_ok=True)
            self._folder.chmod(0o700)  # databases and artifacts are nobody else's, before anything is put there
        except OSError as error:
            if no_room(error):
                raise
            remedy = "name a folder that you may write to in EVENHAND_HOME"
            raise DataError(f"{self._folder} cannot be written to ({error.strerror}): {remedy}") from error
        with occupied(self._folder):
            yield

    def spread(self, path: Path) -> None:
        """Unpack the artifacts, unless they are elsewhere."""
        if self.elsewhere:
            return
        self._artifacts.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path) as whole:
            whole.extractall(self._artifacts, filter="data")

    def clear(self, path: Path) -> None:
        """Remove artifacts that the tar file does not hold, unless they are elsewhere."""
        if not self.elsewhere:
            what = "all" if self._artifacts == self._folder / "mlflow-artifacts" else "numbered"
            _run([sys.executable, "-c", _CLEAR, str(self._artifacts), what], os.environ, given=path)


class Files(_Local):
    """The service of `evenhand up` on SQLite.

    Parameters
    ----------
    folder
        Its folder, `service/` below the home.
    artifacts
        The address of the artifacts where they are not in that folder.
    files
        Databases that are not in their usual places.
    """

    kind = "sqlite"

    def __init__(self, folder: Path, artifacts: str = "", files: Mapping[str, Path] | None = None) -> None:
        super().__init__(folder, artifacts)
        # The ledger lies beside the folder: runs without a service write to it too.
        own = {"prefect": folder / "prefect/prefect.db", "mlflow": folder / "mlflow.db"}
        self._files = {**own, "evenhand": folder.parent / "ledger.db", **(files or {})}

    def dump(self, database: str, path: Path) -> None:
        """Copy by SQLite's own backup, which takes one moment's state also while others write."""
        source = self._database(database)
        if not source.is_file() and database != "evenhand":  # without a decision there is no ledger yet
            raise DataError(f"there is no service in {self._folder}: `evenhand up` makes one")
        with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(path)) as here:
            there.backup(here)

    def rows(self, database: str, table: str) -> int:
        """How many rows a table has; 0 without the table."""
        path = self._database(database)
        if not path.is_file():
            return 0
        with closing(sqlite3.connect(path)) as known:
            made = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
            if not known.execute(made, [table]).fetchone()[0]:
                return 0
            return int(known.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 (our own names)

    def ask(self, database: str, path: Path) -> None:
        """There can be a file in its place, and the one of the backup is a database."""
        target = self._database(database)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path)) as given:
                given.execute("SELECT count(*) FROM sqlite_master")
        except OSError as error:
            if no_room(error):
                raise
            raise DataError(f"{target.parent} cannot be made ({error.strerror}): name another folder") from error
        except sqlite3.DatabaseError as error:
            raise DataError(f"the part {database} of the backup is no database ({error})") from error
        if target.is_dir() or not os.access(target.parent, os.W_OK | os.X_OK):
            raise DataError(f"{target} cannot be written to: name another place for the database of {database}")

    def load(self, database: str, path: Path) -> None:
        """Put the file in the place of the one there is, with nothing left of its journal."""
        target = self._database(database)
        shutil.copyfile(path, draft := target.with_suffix(".restored"))
        for suffix in ("-wal", "-shm", "-journal"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        draft.replace(target)

    def _database(self, name: str) -> Path:
        return self._files[name]


class Postgres(_Local):
    """The service of `evenhand up` on PostgreSQL, by the programs pg_dump, pg_restore and psql on the path.

    Parameters
    ----------
    folder
        Its folder, `service/` below the home.
    addresses
        The databases' addresses.
    artifacts
        The address of the artifacts where they are not in that folder.
    """

    kind = "postgresql"

    def __init__(self, folder: Path, addresses: Mapping[str, str], artifacts: str = "") -> None:
        super().__init__(folder, artifacts)
        self._addresses = addresses

    def dump(self, database: str, path: Path) -> None:
        """Write a database."""
        self._program("pg_dump", database, ["--format=custom", f"--file={path}"])

    def rows(self, database: str, table: str) -> int:
        """How many rows a table has; 0 without the table."""
        return _count(lambda sql: self._program("psql", database, [*_QUIET, f"--command={sql}"]), table)

    def ask(self, database: str, path: Path) -> None:
        """The database answers and lets its role empty it, and pg_restore can read the file."""
        if self._program("psql", database, [*_QUIET, f"--command={_ASKED}"]).strip() == "f":
            raise ServiceError(
                f"the role in {_VARIABLES[database]} may not empty its database: name the database's owner"
            )
        _run(["pg_restore", "--list", str(path)], os.environ)

    def load(self, database: str, path: Path) -> None:
        """Empty the database and fill it in one transaction: what fails leaves it as it was."""
        script = path.with_suffix(".sql")
        _run(["pg_restore", "--no-owner", f"--file={script}", str(path)], os.environ)
        once = ["--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        self._program("psql", database, [*once, f"--command={_EMPTY}", f"--file={script}"])
        script.unlink()

    def _program(self, program: str, database: str, words: Sequence[str]) -> str:
        """One of PostgreSQL's programs; the password goes by the environment."""
        address, password = for_programs(self._addresses[database], _VARIABLES[database])
        environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
        return _run([program, "--no-password", f"--dbname={address}", *words], environment)


def local_place(home: Path, environment: Mapping[str, str]) -> Files | Postgres:
    """The service of `evenhand up` in a home.

    Parameters
    ----------
    home
        The home.
    environment
        Where PREFECT_SERVER_DATABASE_CONNECTION_URL, MLFLOW_BACKEND_STORE_URI and EVENHAND_LEDGER name PostgreSQL, or
        do not, and MLFLOW_ARTIFACTS_DESTINATION may name another place for the artifacts.

    Raises
    ------
    DataError
        When only some of them do.
    """
    folder = home / "service"
    addresses = {name: environment.get(variable, "") for name, variable in _VARIABLES.items()}
    named = [name for name, address in addresses.items() if address.startswith("postgres")]
    if 0 < len(named) < len(addresses):
        other = ", ".join(name for name in addresses if name not in named)
        raise DataError(
            f"the database of {', '.join(named)} is on PostgreSQL and that of {other} is not: back them up by hand, or "
            "move them (PREFECT_SERVER_DATABASE_CONNECTION_URL, MLFLOW_BACKEND_STORE_URI, EVENHAND_LEDGER)"
        )
    artifacts = environment.get("MLFLOW_ARTIFACTS_DESTINATION", "")
    if named:
        return Postgres(folder, addresses, artifacts)
    return Files(folder, artifacts, _sqlite_files(addresses))


def _sqlite_files(addresses: Mapping[str, str]) -> dict[str, Path]:
    """The files that addresses of SQLite name."""
    files = {}
    for name, address in addresses.items():
        if address.startswith("sqlite"):
            file = sqlite_file(address)
            if file is None:
                raise DataError(
                    f"{_VARIABLES[name]} names no file that can be backed up: write sqlite:////folder/name.db"
                )
            files[name] = file
    return files


def _local_folder(address: str) -> Path | None:
    """The folder that an address of artifacts names, or None when it is on no disk of this machine."""
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path)) if parts.scheme else Path(address)


def _count(asked: Callable[[str], str], table: str) -> int:
    """The rows of a table of PostgreSQL, which may not be there."""
    if asked(f"SELECT to_regclass('public.{table}') IS NOT NULL").strip() == "f":
        return 0
    return int(asked(f"SELECT count(*) FROM {table}"))  # noqa: S608 (our own names)


def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    out: Path | None = None,
    given: Path | None = None,
) -> str:
    """Run a program; its output, unless that goes to a file."""
    with ExitStack() as files:
        output = files.enter_context(out.open("wb")) if out else subprocess.PIPE
        source = files.enter_context(given.open("rb")) if given else subprocess.DEVNULL
        try:
            done = subprocess.run(  # noqa: S603 (our own arguments)
                command,
                env=dict(environment),
                cwd=folder,
                stdin=source,
                stdout=output,
                stderr=subprocess.PIPE,
                check=False,
            )
        except FileNotFoundError as error:
            raise ServiceError(f"{command[0]} is not installed, or not on the path") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ServiceError("\n".join([f"{' '.join(command[:4])} failed:", *said[-5:]]))
    return (done.stdout or b"").decode()
