"""Put the decision into the ledger, and let the champion follow it."""

import getpass
import os
from collections.abc import Sequence
from typing import Any

from prefect.context import FlowRunContext

from evenhand.config import Config
from evenhand.decision.ledger import LedgerError, Record
from evenhand.decision.rule_files import rule_files
from evenhand.decision.standing import answer_until
from evenhand.exceptions import ServiceError
from evenhand.provenance import code_version
from evenhand.store import Ref, digest_file, digest_json
from tasks.ledger import append, move_champion, stamp_version
from tasks.registry import Version, tag_version
from tasks.step import flow_run_id, note, read_json, step, store
from tasks.tracking import RunRef, current

__all__ = ["enact_decision"]


@step("enact", "Records the decision in the ledger; a promoted version becomes the champion.")
def enact_decision(
    results: dict[str, Ref], decision: Ref, page: Ref, version: Version, config: Config, *, run: RunRef
) -> dict[str, Any]:
    """The decision as it stands in the ledger, after what it orders was done.

    Parameters
    ----------
    results
        Results of the earlier steps by name.
    decision, page
        What the gate said, and the card.
    version
        The registered version. One that waits for MLflow cannot go live: it is held.
    config
        The whole configuration.
    run
        The run; after a kill its decision is found and not made twice.
    """
    found = read_json(store().folder(decision) / "decision.json")
    if not version.version and found["outcome"] == "promote":
        waits = "the version waits for MLflow: `evenhand sync` delivers it, and then a person can approve"
        found = {**found, "outcome": "hold", "reasons": [waits]}
    record = _recorded(found, results, page, version, config, run)
    outcome, reasons = found["outcome"], list(found["reasons"])
    if outcome == "promote":
        try:
            tag_version(version.model, version.version, {"evenhand.decision_record": record.hash})
            move_champion(config.model, version.version, record, expected=found["champion"])
        except (LedgerError, ServiceError) as error:
            outcome, reasons = "hold", [str(error)]
            record = _recorded({**found, "outcome": outcome, "reasons": reasons}, results, page, version, config, run)
    if version.version and outcome != "promote":  # the move stamps it
        _stamp(version, record, outcome)
    note(f"{outcome}, record {record.sequence} of the ledger")
    until = answer_until(record) if outcome == "hold" else ""
    return {
        "outcome": outcome,
        "reasons": reasons,
        "record": record.hash,
        "sequence": record.sequence,
        "answer_until": until,
    }


def _stamp(version: Version, record: Record, outcome: str) -> None:
    tags = {"evenhand.decision": outcome, "evenhand.decision_record": record.hash}
    try:
        stamp_version(version.model, version.version, record, tags)
    except ServiceError as error:
        note(f"the version does not carry its record yet: {error}")


def _recorded(
    found: dict[str, Any], results: dict[str, Ref], page: Ref, version: Version, config: Config, run: RunRef
) -> Record:
    """The decision's record; that of an earlier attempt when nothing has changed since."""
    whole = config.model_dump(mode="json")
    judged_by = rule_files(whole)
    about = read_json(store().folder(results["rows"]) / "about.json")
    body = {
        "run": run.key,
        "run_id": current(run).name,
        "version": version.version,
        "outcome": found["outcome"],
        "reasons": found["reasons"],
        "rules": [[rule["rule"], rule["subject"], rule["status"]] for rule in found["rules"]],
        "policies": found["policies"],
        "verdicts": found["verdicts"],
        "look": found["look"],
        "champion": found["champion"],
        "data_digest": about["digest"],
        "config_digest": digest_json(whole),
        "about_digest": digest_json(about),
        "contract_digest": digest_json(read_json(store().folder(results["contract"]) / "contract.json")),
        "develop_digest": results["develop"].digest,
        "rule_files": judged_by,
        "model_digest": digest_file(store().folder(results["fitted"]) / "model.skops"),
        "card_digest": digest_file(store().folder(page) / "card.json"),
        "code_version": code_version(),
        "decider": "gate",
        "started_by": _started_by(),
        "flow_run_id": flow_run_id(),
        "approval_hours": config.gate.approval_hours,
        "approvers": config.gate.approvers,
        "approvers_digest": judged_by.get("gate.approvers", {}).get(config.gate.approvers),
        "approver_is_not_trainer": config.gate.approver_is_not_trainer,
    }
    same = ("run", "outcome", "champion", "model_digest", "data_digest", "config_digest")

    def once_only(_: Any, mine: Sequence[Record]) -> Any:
        decisions = [record for record in mine if record.kind == "decision"]
        if decisions and all(decisions[-1].body.get(name) == body[name] for name in same):
            return decisions[-1]
        return body

    return append("decision", config.model, once_only)


def _started_by() -> str:
    """Who or what started the run: the schedule, whoever Prefect names, or the user of this machine."""
    context = FlowRunContext.get()
    flow_run = context.flow_run if context is not None else None
    if flow_run is not None and flow_run.deployment_id is not None:
        if flow_run.auto_scheduled:
            return "schedule"
        named = flow_run.created_by.display_value if flow_run.created_by is not None else None
        return named or "Prefect"
    return os.environ.get("EVENHAND_USER") or getpass.getuser()
