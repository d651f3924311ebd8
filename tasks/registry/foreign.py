"""Registered versions that Evenhand did not make: described without running them, loaded when somebody trusts them."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.exceptions import ModelError, shorten
from evenhand.modeling.foreign import InputColumn
from evenhand.store import digest_file, digest_json
from tasks.tracking import client, reachable
from tasks.tracking.delivery import ask
from tasks.tracking.reading import model_folder, registered_version

__all__ = ["Foreign", "load_foreign", "read_foreign"]


@dataclass(frozen=True)
class Foreign:
    """A registered version that others made.

    Attributes
    ----------
    model, version
        Its name and number.
    flavors
        The forms in which MLflow stores it, such as ``sklearn`` and ``python_function``.
    inputs
        The columns of its signature; () without one.
    digest
        Of its files.
    """

    model: str
    version: str
    flavors: tuple[str, ...]
    inputs: tuple[InputColumn, ...]
    digest: str

    @property
    def name(self) -> str:
        """Model and version in words."""
        return f"{self.model} version {self.version}"

    @property
    def flavor(self) -> str:
        """The form in which it is loaded: what gives probabilities before what gives labels."""
        return "sklearn" if "sklearn" in self.flavors else "pyfunc"


def read_foreign(model: str, version: str | None) -> Foreign:
    """A version as its files describe it; nothing of it is run.

    Parameters
    ----------
    model, version
        As :func:`tasks.tracking.reading.read_registered` takes them.

    Raises
    ------
    ModelError
        When there is no such version, Evenhand made it, or its files are gone.
    ServiceError
        When MLflow does not answer.
    """
    with reachable(), tempfile.TemporaryDirectory() as scratch:
        ask()
        found = registered_version(model, version)
        name = f"{found.name} version {found.version}"
        if any(tag in found.tags for tag in ("evenhand.file_digest", "evenhand.run_id")):
            raise ModelError(
                f"{name} was registered by Evenhand, which knows its columns and runs no code of it: leave out "
                "--trust-model and what describes the rows"
            )
        folder = model_folder(found, Path(scratch))
        described = _described(folder, name)
        return Foreign(
            found.name, str(found.version), tuple(sorted(described.flavors)), _inputs(described), _digest(folder)
        )


def _described(folder: Path, name: str) -> Any:
    from mlflow.models import Model

    if not (folder / "MLmodel").is_file():
        raise ModelError(f"{name} has no file MLmodel in MLflow, so nothing says how to load it")
    return Model.load(str(folder / "MLmodel"))


def _inputs(described: Any) -> tuple[InputColumn, ...]:
    """The columns of a signature by name; an array has none."""
    schema = described.signature.inputs if described.signature is not None else None
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return ()
    return tuple(
        InputColumn(str(each.name), str(getattr(each.type, "name", each.type)), bool(each.required))
        for each in schema.inputs
    )


def _digest(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return digest_json({file.relative_to(folder).as_posix(): digest_file(file) for file in files})


@contextmanager
def load_foreign(known: Foreign) -> Iterator[Any]:
    """Load a version that others made, which runs the code that is stored in it: only where a person asked for it.

    Parameters
    ----------
    known
        From :func:`read_foreign`.

    Yields
    ------
    Any
        The scikit-learn model where it is one, which may have probabilities; else MLflow's own wrapper, which predicts.
        Its files, which it may read as it predicts, are gone after the block.

    Raises
    ------
    ModelError
        When its files are others by now, or it cannot be loaded here.
    ServiceError
        When MLflow does not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        with reachable():
            ask()
            folder = model_folder(client().get_model_version(known.model, known.version), Path(scratch))
        if _digest(folder) != known.digest:
            raise ModelError(f"the files of {known.name} were changed while it was audited: start again")
        yield _loaded(folder, known)


def _loaded(folder: Path, known: Foreign) -> Any:
    import mlflow

    load = mlflow.sklearn.load_model if known.flavor == "sklearn" else mlflow.pyfunc.load_model
    log = logging.getLogger("mlflow")
    before = log.level
    log.setLevel(logging.ERROR)  # of packages in other versions it warns at length
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load(str(folder))
    except Exception as error:  # somebody else's code may raise anything
        lacking = f" ({shorten(error.name)})" if isinstance(error, ModuleNotFoundError) and error.name else ""
        raise ModelError(
            f"{known.name} cannot be loaded here: {type(error).__name__}{lacking}. Install what its requirements.txt "
            "names, or write its predictions to a file and audit these with --predictions"
        ) from error
    finally:
        log.setLevel(before)
