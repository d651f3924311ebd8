"""Whether the signatures in the ledger are those that they are called, while the lists of their time are at hand."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from evenhand.decision.ledger import Fault, LedgerError, Record
from evenhand.decision.signature import statement, verify
from evenhand.store import digest_file

__all__ = ["forged"]

_ANSWERS = {"approval": "approve", "rejection": "reject"}


def forged(everything: Sequence[Record]) -> Iterator[Fault]:
    """The answers that are called signed and are not, by the list of approvers that their decision names.

    A list that is gone or was edited since tells nothing about a signature of its time; that there is none is told.

    Parameters
    ----------
    everything
        The ledger's records in order.
    """
    decisions = {record.hash: record for record in everything if record.kind == "decision"}
    for record in everything:
        decision = decisions.get(str(record.body.get("decision")))
        if record.kind in _ANSWERS and decision is not None and (why := _why_forged(record, decision)):
            yield Fault(record.sequence, "unfounded", f"record {record.sequence}, of {record.model}: {why}")


def _why_forged(answer: Record, decision: Record) -> str:
    body, asked = answer.body, decision.body
    if not body.get("verified"):
        typed = answer.kind == "approval" and asked.get("approver_is_not_trainer")
        return "the approval is not signed, and its decision takes only signed ones" if typed else ""
    if not body.get("signature"):
        return f"it is called signed by {body.get('by')}, and has no signature"
    approvers = Path(str(asked.get("approvers") or ""))
    at_hand = approvers.is_file() and digest_file(approvers) == asked.get("approvers_digest")
    return _why_unverified(answer, decision, approvers) if at_hand else ""


def _why_unverified(answer: Record, decision: Record, approvers: Path) -> str:
    body = answer.body
    text = statement(decision, str(body["version"]), _ANSWERS[answer.kind])
    said = ""
    # Without a time, too: for an ssh-keygen that knows none, and a clock that was behind.
    for at in (datetime.fromisoformat(answer.at), None):
        try:
            verify(text, str(body["signature"]), str(body["by"]), approvers, at=at)
        except LedgerError as error:
            said = str(error)
        else:
            return ""
    return said
