"""What a registered version was made from: its rows, as they were, and everything that was asked for."""

import shutil
from pathlib import Path

from evenhand.exceptions import StoreError
from evenhand.store import Ref, Store
from tasks.ledger import live_version, read_decided
from tasks.step import note, step, store
from tasks.tracking.reading import Registered

__all__ = ["recall_version"]


@step(
    "recall", "Finds what a registered version was made from: configuration, provenance, and the snapshot of its rows."
)
def recall_version(model: str, version: str, folder: Path) -> tuple[Registered, Ref | None]:
    """The version, and its rows in another store; None for the rows when their snapshot is not in this store.

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
    except StoreError:
        note(f"{known.name}; its snapshot is not in this store, so the source is read again")
        return known, None
    _copy(source, ref, Store(folder))
    note(f"{known.name}, from the snapshot {ref.digest[:12]}")
    return known, ref


def _copy(source: Path, ref: Ref, target: Store) -> None:
    with target.write(ref.step, ref.key) as draft:
        for path in source.iterdir():
            if path.name != "manifest.json":
                shutil.copyfile(path, draft / path.name)
