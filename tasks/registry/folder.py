"""The folder that MLflow calls a model, around the very file that was assessed."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from evenhand.modeling.persistence import TRUSTED_TYPES
from evenhand.provenance import serving_requirements
from tasks.tracking.items import link

__all__ = ["write_folder"]

_MODEL, _CONDA, _VIRTUALENV, _REQUIREMENTS = "model.skops", "conda.yaml", "python_env.yaml", "requirements.txt"


def write_folder(file: Path, signature: Any, folder: Path) -> None:
    """What `mlflow.sklearn.save_model` writes, but for the model itself, which is there already.

    Saving through MLflow writes the model anew, with other bytes than those that were assessed, reads it back, and
    looks at every installed package for a version other than the one pinned here: over a second of each run.

    Parameters
    ----------
    file
        The skops file that :func:`evenhand.modeling.persistence.save_model` wrote, which refuses what is not trusted.
    signature
        What the model takes and gives.
    folder
        To be made, or empty.
    """
    import sklearn
    from mlflow import pyfunc
    from mlflow import sklearn as flavor
    from mlflow.models import Model

    folder.mkdir(parents=True, exist_ok=True)
    link(file, folder / _MODEL)
    about = Model(signature=signature)
    pyfunc.add_to_model(
        about,
        loader_module=flavor.__name__,
        conda_env=_CONDA,
        python_env=_VIRTUALENV,
        model_path=_MODEL,
        predict_fn="predict",
    )
    about.add_flavor(
        flavor.FLAVOR_NAME,
        pickled_model=_MODEL,
        sklearn_version=sklearn.__version__,
        serialization_format=flavor.SERIALIZATION_FORMAT_SKOPS,
        code=None,
        skops_trusted_types=list(TRUSTED_TYPES),
    )
    about.model_size_bytes = file.stat().st_size
    about.save(str(folder / "MLmodel"))
    _write_environment(folder)


def _write_environment(folder: Path) -> None:
    """What `mlflow models serve` installs: by virtualenv, by conda, or by hand."""
    needed, python = serving_requirements(), platform.python_version()
    pip, *others = (_installed(name) for name in ("pip", "setuptools", "wheel"))
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", pip.replace("==", "<="), {"pip": needed}],  # conda has pip's newest late
    }
    virtualenv = {"python": python, "build_dependencies": [pip, *others], "dependencies": [f"-r {_REQUIREMENTS}"]}
    for name, described in ((_CONDA, conda), (_VIRTUALENV, virtualenv)):
        (folder / name).write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    (folder / _REQUIREMENTS).write_text("\n".join(needed), encoding="utf-8")


def _installed(name: str) -> str:
    try:
        return f"{name}=={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name
