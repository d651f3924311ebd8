"""What a registered version was made from: its rows, as they were, and everything that was asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evenhand.exceptions import AlteredError, DataError, StoreError
from evenhand.store import Ref, Store
from tasks.ledger import live_version, read_decided
from tasks.step import note, step, store
from tasks.tracking.reading import Registered

__all__ = ["in_place_of_snapshot", "recall_version"]


@step(
    "recall", "Finds what a registered version was made from: configuration, provenance, and the snapshot of its rows."
)
def recall_version(model: str, version: str, folder: Path) -> tuple[Registered, Ref | None, str]:
    """The version, and its rows in another store: None when their snapshot is not here or was altered, and why.

    Parameters
    ----------
    model, version
        The registered version; by default the one that is live by the ledger.
    folder
        The store that the rows are put into.

    Raises
    ------
    ModelError
        When there is no such version.
    ServiceError
        When MLflow does not answer.
    """
    known = read_decided(model, version or live_version(model))
    ref = Ref.from_dict(known.provenance["results"]["rows"])
    try:
        source = store().folder(ref)
    except AlteredError as error:
        why = f"its snapshot does not match its checksum ({error})"
    except StoreError:
        why = "its snapshot is not in this store"
    else:
        _copy(source, ref, Store(folder))
        note(f"{known.name}, from the snapshot {ref.digest[:12]}")
        return known, ref, ""
    note(f"{known.name}; {why}, so the source is read again")
    return known, None, why


@contextmanager
def in_place_of_snapshot(why: str) -> Iterator[None]:
    """Read the source in this block; where that fails, the error says why the snapshot did not do.

    Parameters
    ----------
    why
        As :func:`recall_version` has it.

    Examples
    --------
    >>> with in_place_of_snapshot("its snapshot is not in this store"):
    ...     raise DataError("there is no file 'loans.csv'")
    Traceback (most recent call last):
      ...
    evenhand.exceptions.DataError: there is no file 'loans.csv'; it is read since its snapshot is not in this store
    """
    try:
        yield
    except DataError as error:
        if type(error) is not DataError:  # one with a list of what is wrong, which is about rows that were read
            raise
        raise DataError(f"{error}; it is read since {why}") from error


def _copy(source: Path, ref: Ref, target: Store) -> None:
    with target.write(ref.step, ref.key) as draft:
        for path in source.iterdir():
            if path.name != "manifest.json":
                shutil.copyfile(path, draft / path.name)
