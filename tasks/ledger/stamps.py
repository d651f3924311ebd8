"""What versions carry of the ledger, so that a ledger whose tail was cut off shows, before anything covers it up."""

from collections.abc import Mapping, Sequence

from evenhand.decision.ledger import LedgerError, Record
from evenhand.exceptions import ServiceError
from tasks.registry import ledger_stamps

__all__ = ["STAMP", "refuse_cut", "stamps_of"]

STAMP = "evenhand.ledger_head"
"""The tag of a version with the newest record about it, so that a ledger whose tail was cut off shows."""


def stamps_of(model: str) -> Mapping[str, str]:
    """The records that a model's versions name, with the version; none while MLflow does not answer.

    While it does not, no stamp can be overwritten either: what was cut off shows when it answers again.
    """
    try:
        return ledger_stamps(model)
    except ServiceError:
        return {}


def refuse_cut(mine: Sequence[Record], stamps: Mapping[str, str]) -> None:
    """Refuse to go on where a version names a record that is gone.

    Parameters
    ----------
    mine
        A model's records, read after the stamps: a version is stamped after its record was added.
    stamps
        Of :func:`stamps_of`.

    Raises
    ------
    LedgerError
        When a stamp is not among the records.
    """
    known = {record.hash for record in mine}
    for stamp, where in stamps.items():
        if stamp not in known:
            raise LedgerError(
                f"{where} names record {stamp[:12]}..., which is not in the ledger: it was cut, or is another one. "
                "Restore it from a backup, or point EVENHAND_LEDGER to the one that has it; "
                "until then nothing is added or moved"
            )
