"""What people order: an answer to a held decision, or the way back to an earlier version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evenhand.decision.ledger import LedgerError, Record
from evenhand.decision.signature import belongs_to, fingerprint, signs_under_any_name, statement, verify
from evenhand.decision.smoke import smoke_rows, smoke_test
from evenhand.decision.standing import Hold, Standing, standing, was_moved, why_not_open
from evenhand.exceptions import shorten
from evenhand.store import digest_file
from tasks.ledger import (
    append,
    champion_gone,
    checked_standing,
    load_decided,
    move_champion,
    records,
    restamp,
    shown_address,
    stamp_version,
)
from tasks.registry import artifact_digest, delivered_run, find_version, run_files, run_version

__all__ = ["Answer", "answer_hold", "find_hold", "finish_approval", "held_version", "roll_back"]


@dataclass(frozen=True)
class Answer:
    """A person's answer.

    Attributes
    ----------
    kind
        Whether the version may go live.
    by
        The person's name; with a signature as the list of approvers has it.
    reason
        Why.
    signature
        Of :func:`~evenhand.decision.signature.statement`; "" leaves the name unverified.
    """

    kind: Literal["approve", "reject"]
    by: str
    reason: str
    signature: str = ""


def find_hold(name: str | None) -> Hold:
    """The held decision that a person means.

    Parameters
    ----------
    name
        The start of a run's identifier or of the decision's hash, or a model's name for its newest one; None for the
        only one that waits.

    Raises
    ------
    LedgerError
        When there is none, or the name fits several.
    """
    everything = records()
    models = sorted({record.model for record in everything})
    holds = [hold for model in models for hold in standing(everything, model).holds]
    if name is None:
        found = [hold for hold in holds if hold.state == "open"]
    elif name in models:
        found = [hold for hold in holds if hold.decision.model == name][-1:]
    else:
        found = _of_name(name, holds)
    if not found:
        what = f"no decision of {shorten(name)} is held" if name else "no decision waits for a person"
        raise LedgerError(f"{what} in the ledger {shown_address()}: EVENHAND_HOME or EVENHAND_LEDGER names another one")
    if len(found) > 1:
        named = ", ".join(f"{hold.decision.body['run_id'][:8]} ({hold.decision.model})" for hold in found)
        several = f"{shorten(name)} begins the names of several decisions" if name else "several decisions wait"
        raise LedgerError(f"{several}: name the run, one of {named}")
    return found[0]


def _of_name(name: str, holds: Sequence[Hold]) -> list[Hold]:
    """The newest held decision of each run that a name means; one that waited has another name in MLflow since."""
    meant = [hold for hold in holds if _means(name, hold.decision)]
    if not meant and len(name) >= 4:
        waited = (hold for hold in holds if not hold.decision.body.get("version"))
        meant = [hold for hold in waited if delivered_run(hold.decision.model, _key(hold)).startswith(name)]
    return list({_key(hold): hold for hold in meant}.values())


def _key(hold: Hold) -> str:
    return str(hold.decision.body["run"])


def _means(name: str, decision: Record) -> bool:
    body = decision.body
    known = [decision.hash, *(str(body.get(key, "")) for key in ("run", "run_id", "flow_run_id"))]
    return len(name) >= 4 and any(each.startswith(name) for each in known)


def held_version(decision: Record) -> str:
    """The number of the version that a held decision is about, also when MLflow gave it later.

    Raises
    ------
    LedgerError
        When there is none yet.
    """
    version = str(decision.body.get("version") or "") or run_version(decision.model, str(decision.body["run"])) or ""
    if not version:
        raise LedgerError("the version has not reached MLflow yet: `evenhand sync` delivers it, then answer again")
    return version


def answer_hold(hold: Hold, answer: Answer) -> Record:
    """Record a person's answer; an approved version goes live, if all is still as it was when it was held.

    The same answer again finishes what a killed process left of it.

    Parameters
    ----------
    hold
        The decision, from :func:`find_hold`.
    answer
        What the person says.

    Raises
    ------
    LedgerError
        When the decision is no longer open and nothing is left to do, the evidence or the champion has changed, or the
        person may not answer.
    ServiceError
        When the ledger or MLflow does not answer.
    """
    decision = hold.decision
    if not answer.by.strip() or not answer.reason.strip():
        raise LedgerError("an answer needs a name and a reason: the ledger keeps both")
    version = held_version(decision)
    verified = _check_person(decision, version, answer)
    if (given := _finished(hold, version, answer.kind)) is not None:
        return given
    if answer.kind == "approve":
        _check_unchanged(decision, version)
    kind: Literal["approval", "rejection"] = "approval" if answer.kind == "approve" else "rejection"
    body = {
        "decision": decision.hash,
        "version": version,
        "by": answer.by,
        "verified": verified,
        "reason": answer.reason,
        "signature": answer.signature,
        "key": fingerprint(answer.signature) if verified else "",
    }

    def open_still(found: Standing, mine: Sequence[Record]) -> Mapping[str, Any] | Record:
        now = next(each for each in found.holds if each.decision.hash == decision.hash)
        if now.state == "approved" and kind == "approval" and now.by is not None and not was_moved(now.by, mine):
            return now.by  # approved, and killed before the move
        if reason := why_not_open(now):
            raise LedgerError(reason)
        return body

    record = append(kind, decision.model, open_still)
    if kind == "approval":
        move_champion(decision.model, version, record, expected=decision.body.get("champion"))
    else:
        stamp_version(decision.model, version, record, {"evenhand.decision": "rejected"})
    return record


def _finished(hold: Hold, version: str, kind: Literal["approve", "reject"]) -> Record | None:
    """The same answer where it was given before and what was left of it is done now; None when nothing was."""
    given, model = hold.by, hold.decision.model
    if given is None or hold.state != ("approved" if kind == "approve" else "rejected"):
        return None
    mine = records(model)
    live = standing(mine, model).champion
    if kind == "approve" and (live is None or live.version != version or not was_moved(given, mine)):
        return None  # its move never came, or another one did
    return given if restamp(model, version) else None


def finish_approval(hold: Hold) -> None:
    """Do what an approval orders, where whoever gave it was killed in between; what is done stays as it is."""
    if hold.by is not None:
        champion = hold.decision.body.get("champion")
        move_champion(hold.decision.model, str(hold.by.body["version"]), hold.by, expected=champion)


def _check_person(decision: Record, version: str, answer: Answer) -> bool:
    """Whether the name is verified; who may not answer is refused."""
    body = decision.body
    if answer.signature:
        _check_signature(decision, version, answer)
    if answer.kind == "approve" and body.get("approver_is_not_trainer"):
        if not answer.signature:
            raise LedgerError(
                "gate.approver_is_not_trainer: a name that is typed proves nothing, sign the answer: with --key on the "
                "command line, in the field Signature on Prefect's page"
            )
        started_by = str(body.get("started_by"))
        if answer.by == started_by:
            raise LedgerError(f"gate.approver_is_not_trainer: {answer.by} started the run and cannot approve it")
        text = statement(decision, version, answer.kind)
        if belongs_to(text, answer.signature, started_by, Path(str(body["approvers"]))):
            raise LedgerError(
                f"gate.approver_is_not_trainer: the list of approvers gives the key of {shorten(answer.by)} to "
                f"{shorten(started_by)} as well, who started the run and cannot approve it"
            )
    return bool(answer.signature)


def _check_signature(decision: Record, version: str, answer: Answer) -> None:
    body = decision.body
    if not body.get("approvers"):
        raise LedgerError("`gate.approvers` names no list of allowed signers: nobody's signature can be verified")
    approvers = Path(str(body["approvers"]))
    verify(statement(decision, version, answer.kind), answer.signature, answer.by, approvers)
    if digest_file(approvers) != body.get("approvers_digest"):
        raise LedgerError(
            f"the list of approvers {approvers} was changed after the decision: put it back, or retrain, so that "
            "the ledger has a decision under the new list"
        )
    if pattern := signs_under_any_name(answer.signature, answer.by, approvers):
        raise LedgerError(
            f"the list of approvers {approvers} gives the key to {shorten(pattern)}, a pattern that fits any name that "
            "its holder makes up: write the names themselves there, and retrain"
        )


def _check_unchanged(decision: Record, version: str) -> None:
    """The champion, the model's file and the card are those of the decision."""
    found, moved = checked_standing(decision.model)
    if moved and not champion_gone(found):
        raise LedgerError(moved)
    live, before = found.champion.version if found.champion else None, decision.body.get("champion")
    if live not in (before, version):
        was = f"version {before}" if before else "no champion"
        raise LedgerError(
            f"the decision compared version {version} with {was}, and version {live} is live meanwhile: retrain"
        )
    load_decided(decision.model, version)  # compares the file with its digest
    entry = find_version(decision.model, version)
    for name, tag in (("model_digest", "evenhand.model_digest"), ("card_digest", "evenhand.card_digest")):
        if entry.tags.get(tag) != decision.body.get(name):
            raise LedgerError(f"the tag {tag} of version {version} is not what was decided on: retrain")
    if artifact_digest(entry.run_id, "card/card.json") != decision.body["card_digest"]:
        raise LedgerError(f"the card of version {version} is not the one that was decided on: retrain")


def roll_back(model: str, *, to: str | None, by: str, reason: str) -> Record:
    """Make an earlier champion the champion again, after it was loaded and has decided on made-up rows.

    Parameters
    ----------
    model
        The model's name.
    to
        The version; by default the champion before the live one.
    by, reason
        Who orders it, and why.

    Raises
    ------
    LedgerError
        When that version was never champion, or is it now.
    ModelError
        When it does not load or does not decide.
    """
    if not by.strip() or not reason.strip():
        raise LedgerError("a rollback needs a name and a reason: the ledger keeps both")
    found, moved = checked_standing(model)
    if moved and not champion_gone(found):
        raise LedgerError(moved)
    if found.champion is None:
        raise LedgerError(f"{model} has no champion: there is nothing to roll back from")
    known = list(dict.fromkeys(live.version for live in found.history))
    target = to or (found.previous.version if found.previous is not None else None)
    if target is None and len(known) > 1:
        others = ", ".join(version for version in known if version != found.champion.version)
        raise LedgerError(f"every other champion of {model} was rolled back from: name one with --to, {others}")
    if target is None:
        raise LedgerError(f"version {found.champion.version} is the only champion that {model} ever had")
    if target not in known:
        raise LedgerError(f"version {target} was never champion of {model}: it can go live through the gate only; "
                          f"champions were {', '.join(known)}")  # fmt: skip
    if target == found.champion.version:
        raise LedgerError(f"version {target} is live already")
    _smoke(model, target)
    live = found.champion.version
    body = {"from": live, "to": target, "by": by, "verified": False, "reason": reason}

    def live_still(now: Standing, _: Sequence[Record]) -> Mapping[str, Any]:
        if now.champion is None or now.champion.version != live:
            meanwhile = now.champion.version if now.champion is not None else "none"
            raise LedgerError(f"version {meanwhile} is live meanwhile, and was {live}: nothing is rolled back")
        return body

    # The order and the move that it orders stand in the ledger together: no kill in between leaves an order alone.
    record = append(
        "rollback",
        model,
        live_still,
        then=lambda order: ("intent", {"version": target, "before": live, "because": order.hash}),
    )
    move_champion(model, target, record, expected=live)
    return record


def _smoke(model: str, version: str) -> None:
    loaded, entry = load_decided(model, version), find_version(model, version)
    files = run_files(entry.run_id, ["data/contract.json", "provenance/about.json"])
    if {"contract", "about"} <= files.keys():
        smoke_test(loaded, smoke_rows(files["contract"], files["about"]["features"]))
    else:
        raise LedgerError(f"version {version} has no data contract in MLflow: it cannot be tried before it goes live")
