"""MLflow's tracking server, with its doors closed when a password is set: `python -m deployments.mlflow_server`.

Everything comes from the environment, by MLflow's own names (`MLFLOW_HOST`, `MLFLOW_PORT`, `MLFLOW_BACKEND_STORE_URI`,
`MLFLOW_ARTIFACTS_DESTINATION`, `MLFLOW_SERVER_ALLOWED_HOSTS`), so that no secret stands on a command line.
"""

import configparser
import os
import sys
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from evenhand.exceptions import ConfigError

__all__ = ["close_doors", "main", "renew_password"]

_PASSWORD = "MLFLOW_AUTH_ADMIN_PASSWORD"  # noqa: S105 (a variable's name)
_DEFAULTS = {
    "MLFLOW_WORKERS": "1",  # 250 MB each; one serves more runs than one machine trains
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # no job runner is needed: 4 s of the start saved
}


def close_doors(environment: MutableMapping[str, str], folder: Path) -> list[str]:
    """Write the configuration of MLflow's basic authentication; the arguments that switch it on.

    Parameters
    ----------
    environment
        Usually `os.environ`. `MLFLOW_AUTH_ADMIN_PASSWORD` asks for authentication; `MLFLOW_AUTH_DATABASE_URI` is where
        its users are kept, by default the tracking database; `MLFLOW_FLASK_SERVER_SECRET_KEY` is needed too. The path
        of the configuration is put in.
    folder
        Where the configuration goes; only this user can read it.

    Returns
    -------
    list of str
        Empty without a password.

    Raises
    ------
    ConfigError
        When the key is missing.
    """
    if not environment.get(_PASSWORD):
        return []
    if not environment.get("MLFLOW_FLASK_SERVER_SECRET_KEY"):
        raise ConfigError(
            "MLflow's authentication needs MLFLOW_FLASK_SERVER_SECRET_KEY, a random text that stays the same"
        )
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",  # MLflow's own default lets every user read everything
        "database_uri": _users(environment).replace("%", "%%"),  # MLflow reads with interpolation
        "admin_username": _administrator(environment),
        "auth_cache_ttl_seconds": "60",  # hashing a password takes longer than most requests
    }
    path = folder / "basic-auth.ini"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 (the mode from the start)
        config.write(file)
    environment["MLFLOW_AUTH_CONFIG_PATH"] = str(path)
    return ["--app-name", "basic-auth"]


def _users(environment: Mapping[str, str]) -> str:
    return environment.get("MLFLOW_AUTH_DATABASE_URI") or environment["MLFLOW_BACKEND_STORE_URI"]


def _administrator(environment: Mapping[str, str]) -> str:
    return environment.get("MLFLOW_AUTH_ADMIN_USERNAME") or "admin"


def renew_password(database: str, user: str, password: str) -> bool:
    """Give MLflow's administrator the password of the environment; whether it had another one.

    MLflow looks at it once, when it makes the user. So a changed .env, or a backup of a service that had another
    password, would lock everybody out.

    Parameters
    ----------
    database
        Where MLflow's users are; a database that has none yet is left alone.
    user
        The administrator's name.
    password
        The password that is to hold.
    """
    import sqlalchemy
    from werkzeug.security import check_password_hash, generate_password_hash

    engine = sqlalchemy.create_engine(database)
    try:
        if not sqlalchemy.inspect(engine).has_table("users"):
            return False
        users = sqlalchemy.table("users", sqlalchemy.column("username"), sqlalchemy.column("password_hash"))
        mine = users.c.username == user
        with engine.begin() as connection:
            known = connection.scalar(sqlalchemy.select(users.c.password_hash).where(mine))
            if known is None or check_password_hash(known, password):
                return False
            connection.execute(users.update().where(mine).values(password_hash=generate_password_hash(password)))
            return True
    finally:
        engine.dispose()


def main() -> None:
    """Become the server."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    folder = Path(os.environ.get("EVENHAND_RUNTIME") or tempfile.mkdtemp(prefix="evenhand-mlflow-"))
    arguments = close_doors(os.environ, folder)
    if arguments and renew_password(_users(os.environ), _administrator(os.environ), os.environ[_PASSWORD]):
        sys.stdout.write("the administrator's password was renewed\n")
        sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *arguments])  # noqa: S606 (our own arguments)


if __name__ == "__main__":
    main()
