"""`evenhand approve`, `reject`, `rollback` and `ledger`: what people decide, and the record of it."""

import getpass
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table
from rich.text import Text

from deployments.local import default_addresses, home_folder
from deployments.screen import console, plain
from evenhand.decision.ledger import LedgerError
from evenhand.exceptions import ConfigError, DataError, ServiceError, shorten

if TYPE_CHECKING:
    from evenhand.decision.ledger import Record

__all__ = ["answer", "export", "history", "live_at", "roll_back", "settle", "verify"]


def answer(
    kind: Literal["approve", "reject"], run: str | None, *, reason: str, by: str | None, key: Path | None
) -> int:
    """Answer a held decision."""
    _addresses()
    from evenhand.decision.signature import sign, statement
    from tasks.answer import Answer, answer_hold, find_hold, held_version

    hold = find_hold(run)
    version = held_version(hold.decision)
    signature = sign(statement(hold.decision, version, kind), key.expanduser()) if key is not None else ""
    record = answer_hold(hold, Answer(kind, _name(by), reason, signature))
    model = hold.decision.model
    live = f"version {version} of {model} is live" if kind == "approve" else f"version {version} of {model} stays out"
    verified = "signed" if record.body.get("verified") else "unverified"
    done = f"{'approved' if kind == 'approve' else 'rejected'} by {record.body['by']}"
    again = "; it was answered so before, and what a killed process had left is done now" if hold.by is not None else ""
    _say(f"{live}: {done} ({verified}), record {record.sequence} of the ledger{again}")
    _note(str(hold.decision.body["run_id"]), kind, f"{done}: {record.body['reason']}")
    if hold.decision.body.get("flow_run_id") and os.environ.get("PREFECT_API_URL"):
        _end_wait(model)
    return 0


def _end_wait(model: str) -> None:
    """End the run that waits for this answer on Prefect's page; the answer stands, whatever the server says."""
    import httpx

    from flows.approval import end_waits_in_vain
    from tasks.step import prefect_answers

    try:
        with prefect_answers():
            end_waits_in_vain(model)
    except (ServiceError, httpx.HTTPError) as error:
        _say(f"the run still waits on Prefect's page, until the model's next retrain ends that: {error}")


def _note(run_id: str, kind: str, said: str) -> None:
    """What `evenhand show` says of the run from now on, where its folder is on this machine."""
    file = home_folder() / "runs" / run_id / "outcome.json"
    if not file.is_file():
        return
    from flows.approval import note_answer

    outcome = json.loads(file.read_text(encoding="utf-8"))
    note_answer(outcome, "promote" if kind == "approve" else "block", said)


def roll_back(model: str, *, to: str | None, reason: str, by: str | None) -> int:
    """Make an earlier champion the champion again."""
    _addresses()
    from tasks.answer import roll_back as order

    record = order(model, to=to, by=_name(by), reason=reason)
    before, after = record.body["from"], record.body["to"]
    _say(
        f"version {after} of {model} is live again in place of version {before}, record {record.sequence} of the ledger"
    )
    return 0


def verify() -> int:
    """Look for edits, removals, reordering, truncation, unfounded moves, moved aliases and altered champions."""
    _addresses()
    from evenhand.decision.standing import standing, unfinished
    from tasks.ledger import faults, records, restamp

    found = faults()
    for fault in found:
        _say(f"{fault.kind}: {fault.message}")
    if not found:
        everything = records()
        for order in unfinished(everything):
            champion = standing(everything, order.model).champion
            _say(_unfinished(order, champion.version if champion is not None else None))
        for name in sorted({record.model for record in everything}):
            live = standing(everything, name).champion
            if live is not None and restamp(name, live.version):
                _say(f"stamped: version {live.version} of {name} is live and did not carry its newest record: whoever "
                     "made that was killed before; it does now")  # fmt: skip
        last = everything[-1] if everything else None
        if last is not None and (said := _ahead(last)):
            _say(said)
        newest = f", the newest {last.hash[:12]} of {last.at[:16]} UTC" if last is not None else ""
        _say(f"the ledger is whole: {len(everything)} records{newest}")
    return 2 if found else 0


def _ahead(newest: "Record") -> str:
    """What is wrong with the time of the newest record, where it lies ahead of this machine's clock; "" otherwise."""
    ahead = datetime.fromisoformat(newest.at) - datetime.now(UTC)
    if ahead <= timedelta(minutes=1):
        return ""
    return (
        f"ahead: record {newest.sequence} is dated {newest.at[:16]} UTC, and the clock here is {ahead.days} days and "
        f"{ahead.seconds // 60} minutes behind that: it is wrong, or one was when a record was made. Until then every "
        "record gets that time, with its own clock's beside it as `clock`, and `at` finds none of them earlier"
    )


def _unfinished(order: "Record", live: str | None) -> str:
    """What a person should know of a move that was ordered and never came, and what to do."""
    version = f"version {order.body['version']} of {order.model}"
    said = f"{version} was {'approved' if order.kind == 'approval' else 'promoted'}"
    champion = f"version {live} is" if live else "no version is"
    then = "the same answer again" if order.kind == "approval" else "the same command again, or retrain to decide anew"
    return (
        f"unfinished: {said} (record {order.sequence}, {order.at[:16]} UTC), and never moved: {champion} live. "
        f"Whoever did it was killed, or is at it now: give {then}"
    )


def live_at(moment: str, *, model: str | None, as_json: bool) -> int:
    """Which version of each model was live at a moment, and why."""
    _addresses()
    from evenhand.decision.standing import live_at as was_live
    from tasks.ledger import records

    at, everything = _moment(moment), records()
    models = [model] if model else sorted({record.model for record in everything})
    found = {name: was_live(everything, name, at) for name in models}
    if everything and (said := _ahead(everything[-1])):
        console(stderr=True).print(Text(plain(said)), soft_wrap=True)
    if as_json:
        values = {name: live and {"version": live.version, "since": live.since,
                                  "cause": live.cause.to_dict() if live.cause else None}
                  for name, live in found.items()}  # fmt: skip
        sys.stdout.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
        return 0
    for name, live in found.items():
        if live is None:
            _say(f"{name}: no version was live")
        else:
            _say(f"{name}: version {live.version}, since {live.since[:19]} UTC, {_why(live.cause)}")
    if not found:
        _say("the ledger is empty")
    return 0


def _why(cause: "Record | None") -> str:
    if cause is None:
        return "for a reason that the ledger does not hold"
    body = cause.body
    if cause.kind == "approval":
        verified = "signed" if body.get("verified") else "unverified"
        return f"approved by {body['by']} ({verified}): {body['reason']} (record {cause.sequence})"
    if cause.kind == "rollback":
        return f"rolled back by {body['by']}: {body['reason']} (record {cause.sequence})"
    reasons = "; ".join(body.get("reasons", ()))
    return f"promoted by the gate: {reasons} (record {cause.sequence})"


def export(file: Path | None, *, model: str | None, damaged: bool) -> int:
    """Every record as one JSON line; of a ledger that is not what was written only where that is asked for."""
    _refuse_place(file)
    _addresses()
    from tasks.ledger import known_records

    wrong = ""
    try:
        found = known_records(model)
    except LedgerError as error:
        if not damaged:
            raise
        found, wrong = known_records(model, damaged="keep"), str(error)
    lines = "".join(json.dumps(record.to_dict(), ensure_ascii=False) + "\n" for record in found)
    if file is None:
        sys.stdout.write(lines)
    else:
        file.write_text(lines, encoding="utf-8")
        _say(f"{lines.count(chr(10))} records are in {file}")
    if wrong:
        console(stderr=True).print(Text(plain(f"damaged, written as it is: {wrong}")), soft_wrap=True)
    return 2 if wrong else 0


def _refuse_place(file: Path | None) -> None:
    """Refuse a file that cannot be written, before the ledger is read."""
    if file is None:
        return
    if file.is_dir():
        raise DataError(f"{shorten(str(file))} is a folder: name the file in it")
    if not file.parent.is_dir():
        raise DataError(f"the folder of {shorten(str(file))} does not exist: make it, or name a file in another one")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise DataError(f"{shorten(str(file))} may not be written by this user: name a file in another folder")


def history(*, model: str | None) -> int:
    """The records as a table, the newest last."""
    _addresses()
    from tasks.ledger import known_records

    table = Table("record", "when (UTC)", "model", "what", "", box=None, pad_edge=False, header_style="dim")
    for record in known_records(model):
        table.add_row(str(record.sequence), record.at[:19], *(Text(plain(each)) for each in _cells(record)))
    console().print(table if table.row_count else Text("the ledger is empty"))
    return 0


def _cells(record: "Record") -> tuple[str, str, str]:
    body = record.body
    version = f"version {body['version']}" if body.get("version") else ""
    said = {
        "look": lambda: f"look {body['look']} {_looked(body)}",
        "decision": lambda: f"{version} {body['outcome']}: {'; '.join(body['reasons'])}",
        "approval": lambda: f"{version} by {body['by']}: {body['reason']}",
        "rejection": lambda: f"{version} by {body['by']}: {body['reason']}",
        "rollback": lambda: f"version {body['from']} to {body['to']} by {body['by']}: {body['reason']}",
        "intent": lambda: f"{version} becomes champion",
        "done": lambda: f"{version} is champion",
    }[record.kind]()
    return record.model, record.kind, shorten(said, limit=120).strip("'\"")


def _looked(body: Mapping[str, Any]) -> str:
    """Which looks it is counted among: a run's at the test set, or the audits' of the model on any rows."""
    if "run" in body:
        return f"at the test set, run {str(body['run'])[:8]}"
    return f"of the model's audits, version {body.get('audit')}"


def settle(model: str) -> int:
    """Put an alias that was moved by hand back where the ledger says."""
    _addresses()
    from tasks.ledger import settle as put_back

    reason = put_back(model)
    _say(f"put back: {reason}" if reason else f"the champion of {model} is where the ledger says")
    return 0


def _addresses() -> None:
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings


def _name(by: str | None) -> str:
    return by or os.environ.get("EVENHAND_USER") or getpass.getuser()


def _moment(text: str) -> datetime:
    """A day means its end, and so does a second: whatever went live in it counts, as `at` shows when."""
    try:
        found = datetime.combine(date.fromisoformat(text), time.max)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(f"{shorten(text)} is no moment: write 2026-03-01 or 2026-03-01T12:00") from error
    if found.microsecond == 0:
        found = found.replace(microsecond=999_999)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _say(text: str) -> None:
    console().print(Text(plain(text)), soft_wrap=True)
