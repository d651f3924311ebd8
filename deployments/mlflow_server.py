"""MLflow's tracking server, with its doors closed when a password is set: `python -m deployments.mlflow_server`.

Everything comes from the environment, by MLflow's own names (`MLFLOW_HOST`, `MLFLOW_PORT`, `MLFLOW_BACKEND_STORE_URI`,
`MLFLOW_ARTIFACTS_DESTINATION`, `MLFLOW_SERVER_ALLOWED_HOSTS`), so that no secret stands on a command line.
"""

import configparser
import os
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from evenhand.exceptions import ConfigError

__all__ = ["close_doors", "main"]

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
    if not environment.get("MLFLOW_AUTH_ADMIN_PASSWORD"):
        return []
    if not environment.get("MLFLOW_FLASK_SERVER_SECRET_KEY"):
        raise ConfigError(
            "MLflow's authentication needs MLFLOW_FLASK_SERVER_SECRET_KEY, a random text that stays the same"
        )
    users = environment.get("MLFLOW_AUTH_DATABASE_URI") or environment["MLFLOW_BACKEND_STORE_URI"]
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",  # MLflow's own default lets every user read everything
        "database_uri": users.replace("%", "%%"),  # MLflow reads with interpolation
        "admin_username": environment.get("MLFLOW_AUTH_ADMIN_USERNAME") or "admin",
        "auth_cache_ttl_seconds": "60",  # hashing a password takes longer than most requests
    }
    path = folder / "basic-auth.ini"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 (the mode from the start)
        config.write(file)
    environment["MLFLOW_AUTH_CONFIG_PATH"] = str(path)
    return ["--app-name", "basic-auth"]


def main() -> None:
    """Become the server."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    folder = Path(os.environ.get("EVENHAND_RUNTIME") or tempfile.mkdtemp(prefix="evenhand-mlflow-"))
    arguments = close_doors(os.environ, folder)
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *arguments])  # noqa: S606 (our own arguments)


if __name__ == "__main__":
    main()
