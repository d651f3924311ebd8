"""Looks at a test set: counted in the ledger before anything is seen, each with its share of the error."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from evenhand.config import GateConfig
from evenhand.decision.ledger import Record
from evenhand.decision.selection import counted_by, judged_as
from evenhand.decision.spending import next_share, share_of_error
from evenhand.decision.standing import Standing, look_number
from evenhand.exceptions import ServiceError
from evenhand.store import digest_file, digest_json
from tasks.ledger.champion import stamp_look
from tasks.ledger.table import append, records

__all__ = ["Look", "take_look"]


class Look(NamedTuple):
    """A look at a test set.

    Attributes
    ----------
    number
        Of the looks at this test set, from 1.
    share
        Of alpha, that it may spend.
    elsewhere
        Whether a retrain of the model looked at another test set before.
    """

    number: int
    share: float
    elsewhere: bool


def take_look(
    model: str, config: Mapping[str, Any], *, rows: Any, seen: Any, policies: Sequence[str], by: Mapping[str, str]
) -> Look:
    """The number of this look, and the share of alpha that it may spend; the same look again is the first one.

    The record keeps the share. The same look again may spend less, where the configuration gives less by now.

    Parameters
    ----------
    model
        The model's name.
    config
        Its whole configuration as JSON values: what its columns mean, and how looks share the error.
    rows
        What tells one set of rows from another, however much it has grown.
    seen
        What is looked at: digests of predictions, or of model and rows.
    policies
        Names or files; of a file its content counts.
    by
        Who looks: the run, or the audit.

    Raises
    ------
    LedgerError
        When the ledger's tail was cut.
    ServiceError
        When the ledger does not answer.
    """
    gate = GateConfig(**config.get("gate", {}))
    data = config["data"]
    test_set = digest_json(counted_by(config, rows))
    judged = [digest_file(Path(name)) if Path(name).is_file() else name for name in policies]
    evidence = digest_json({"seen": seen, "policies": judged, "judged_as": judged_as(data)})

    def body(_: Standing, mine: Sequence[Record]) -> Mapping[str, Any] | Record:
        for record in mine:
            if record.kind == "look" and (record.body["test_set"], record.body["evidence"]) == (test_set, evidence):
                return record
        before = [record.body for record in mine if record.kind == "look" and record.body["test_set"] == test_set]
        number = look_number(mine, model, test_set)
        share = next_share([each.get("share") for each in before], gate.looks, gate.planned_looks)
        return {**by, "test_set": test_set, "evidence": evidence, "look": number, "share": share}

    record = append("look", model, body)
    with suppress(ServiceError):  # while MLflow is silent the next stamp covers this look too
        stamp_look(model)
    look = int(record.body["look"])
    given = record.body.get("share", share_of_error(look))
    elsewhere = any(
        each.kind == "look" and "run" in each.body and each.body["test_set"] != test_set
        for each in records(model)
        if each.sequence < record.sequence
    )
    return Look(look, min(given, share_of_error(look, gate.looks, gate.planned_looks)), elsewhere)
