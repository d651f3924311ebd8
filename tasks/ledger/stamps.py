"""What versions carry of the ledger, so that a ledger whose tail was cut off shows, before anything covers it up."""

from collections.abc import Callable, Sequence

from evenhand.decision.ledger import LedgerError, Record, Stamp
from evenhand.exceptions import ServiceError
from tasks.registry import ledger_stamps, look_stamps, retrain_stamps

__all__ = ["all_stamps", "another_ledger", "looked_elsewhere", "refuse_cut", "stamps_of"]


def stamps_of(model: str) -> list[Stamp]:
    """The records that a model and its versions name; none while MLflow does not answer.

    While it does not, no stamp can be overwritten either: what was cut off shows when it answers again.
    """
    try:
        return [*ledger_stamps(model), *look_stamps(model)]
    except ServiceError:
        return []


def all_stamps(ledger: str) -> list[Stamp]:
    """The records that all models and versions name; of looks those of this ledger, or of any while it is empty.

    A version that another ledger decided about is a fault, and so is a retrain that looked in another one, also where
    it left no version. That somebody audited a version with a ledger of their own is none.

    Parameters
    ----------
    ledger
        The hash of this ledger's first record; "" while it has none.

    Raises
    ------
    ServiceError
        When MLflow does not answer.
    """
    looks = [stamp for stamp in look_stamps() if ledger in ("", stamp.ledger)]
    others = [stamp for stamp in retrain_stamps() if ledger not in ("", stamp.ledger)]
    return [*ledger_stamps(), *looks, *others]


def another_ledger(model: str, ledger: str) -> str:
    """Why a model's decisions stand in more than one ledger; "" when they do not, as far as MLflow answers."""
    return _elsewhere(ledger_stamps, model, ledger, "{where} was decided about in another ledger")


def looked_elsewhere(model: str, ledger: str) -> str:
    """Why looks of a model's retrains stand in more than one ledger, also of one that left no version; "" when not."""
    return _elsewhere(retrain_stamps, model, ledger, "a retrain of {model} looked at its test set in another ledger")


def _elsewhere(read: Callable[[str], list[Stamp]], model: str, ledger: str, said: str) -> str:
    try:
        stamps = read(model)
    except ServiceError:
        return ""
    for stamp in stamps:
        if stamp.ledger not in ("", ledger):
            return (
                f"{said.format(where=stamp.where, model=model)}, which begins with {stamp.ledger[:12]}...: "
                "looks and champions are counted there. Point EVENHAND_LEDGER to it, or restore it from a backup"
            )
    return ""


def refuse_cut(mine: Sequence[Record], stamps: Sequence[Stamp], ledger: str) -> None:
    """Refuse to go on where a version names a record of this ledger that is gone.

    Parameters
    ----------
    mine
        A model's records, read after the stamps: what is stamped is stamped after its record was added.
    stamps
        Of :func:`stamps_of`. Those of another ledger do not count: a machine may have its own and share MLflow.
    ledger
        The hash of this ledger's first record; "" while it has none.

    Raises
    ------
    LedgerError
        When a stamp is not among the records.
    """
    known = {record.hash for record in mine}
    for stamp in stamps:
        if ledger and stamp.ledger == ledger and stamp.hash not in known:
            raise LedgerError(
                f"{stamp.where} names record {stamp.hash[:12]}..., which is gone from the ledger: its tail was cut. "
                "Restore it from a backup; until then nothing is added or moved"
            )
