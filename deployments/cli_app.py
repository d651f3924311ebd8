"""The command line's frame: its name, its help, and what it says of itself."""

from cyclopts import App

__all__ = ["app"]

_HELP = """Retrain classifiers so that a new model goes live only with evidence.

Evenhand searches, fits, explains and audits a model of tabular data, documents it on a model card, and records
everything in MLflow. One file describes a model: `init` proposes it from the data, `train` does the rest.
"""

_EPILOGUE = """Examples:

    evenhand init loans.csv --target approved --favorable-label yes
    evenhand check loans.yaml
    evenhand train loans.yaml --set search.trials=50 --set data.exclude='[married, age]'
    evenhand show --open
    evenhand score loans new.parquet -o scored.parquet
    evenhand reproduce loans@3
    evenhand audit loans --data loans-2026.parquet --gate

Exit codes: 0 done, 1 a defect of Evenhand, 2 the input or the configuration is wrong, 3 held for approval, or
inconclusive, 4 blocked, failed or different, 5 a service cannot be reached, 130 interrupted, 143 terminated.

Runs and stores live in .evenhand/ below the working folder, or where EVENHAND_HOME points. MLFLOW_TRACKING_URI and
PREFECT_API_URL name servers; without them nothing but this machine is used.
"""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"evenhand {version('evenhand')}"
    except PackageNotFoundError:
        return "evenhand (not installed: run from its sources)"


app = App(
    name="evenhand",
    help=_HELP,
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=_version,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # an interrupted run ends with what to do next
)
