"""What a stored model consists of, as named values: nothing is loaded, so nothing in the file is run."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.exceptions import ModelError

__all__ = ["model_parameters"]

# Addresses in the memory of the process that wrote the file, and the versions of the format.
_OF_THE_WRITER = {"__id__", "protocol", "_skops_version", "is_json"}


def model_parameters(path: Path) -> dict[str, Any]:
    """Every value in a skops file by where it stands: arrays, numbers, texts and the names of types.

    Two files of the same model differ in their bytes, since they hold times and addresses; these values do not.

    Parameters
    ----------
    path
        What :func:`evenhand.modeling.persistence.save_model` wrote.

    Returns
    -------
    dict
        ``{"estimator.steps.1.coef_": array, ...}`` in the order of the file.

    Raises
    ------
    ModelError
        When the file is no skops file.

    Examples
    --------
    >>> import tempfile
    >>> from evenhand.modeling.persistence import save_model
    >>> from sklearn.linear_model import LogisticRegression
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "model.skops"
    ...     save_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), file)
    ...     model_parameters(file)["coef_"].shape
    (1, 1)
    """
    try:
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
            return dict(_leaves(schema, (), archive))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelError(f"{path.name} is no model that skops wrote") from error


def _leaves(node: Any, path: tuple[str, ...], archive: zipfile.ZipFile) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict) and str(node.get("file", "")).endswith(".npy"):
        yield ".".join(path), np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
    elif isinstance(node, dict) and node.get("is_json"):
        yield ".".join(path), json.loads(node["content"])
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name not in _OF_THE_WRITER:
                yield from _leaves(inner, path if name == "content" else (*path, str(name)), archive)
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            yield from _leaves(inner, (*path, str(place)), archive)
    else:
        yield ".".join(path), node
