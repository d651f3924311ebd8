"""Waiting for a person: a held run lies suspended until somebody answers on Prefect's page."""

import json
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.states import Cancelled
from pydantic import Field

from evenhand.decision.ledger import LedgerError
from evenhand.decision.signature import statement
from evenhand.decision.standing import Hold, answer_until, seconds_left, why_not_open
from evenhand.store import write_text
from tasks.answer import Answer, answer_hold, find_hold, finish_approval, held_version
from tasks.ledger import where_stands
from tasks.step import flow_run_id, home, plain_markdown, prefect_answers

__all__ = ["PersonsAnswer", "SignedAnswer", "end_waits_in_vain", "note_answer", "wait_for_person"]

_TRIES = 20
_HOW_TO_SIGN = (
    "The model card and all evidence are linked from this run. To sign your answer, put these two lines into a file "
    "and run `ssh-keygen -Y sign -n evenhand -f YOUR_KEY FILE` (for a rejection write `reject`):"
)
_ONLY_SIGNED = (
    "**Only a signed approval counts**, by somebody who did not start this run; a rejection needs no signature."
)


class PersonsAnswer(RunInput):
    """What a person says to a held model."""

    answer: Literal["reject", "approve"] = Field(
        default="reject",
        title="Answer",
        description="Approve: the version goes live. Reject: it does not.",
        json_schema_extra={"position": 0},
    )
    name: str = Field(
        min_length=1,
        title="Your name",
        description="Recorded in the ledger, as unverified unless you sign.",
        json_schema_extra={"position": 1},
    )
    reason: str = Field(
        min_length=1,
        title="Reason",
        description="Why, for whoever reads the ledger years from now.",
        json_schema_extra={"position": 2},
    )
    signature: str = Field(
        default="",
        title="Signature",
        description="Optional: what ssh-keygen or minisign made of the statement above with your own key.",
        json_schema_extra={"position": 3},
    )


class SignedAnswer(PersonsAnswer):
    """What a person says to a model whose gate takes only signed approvals; a rejection needs no signature."""

    name: str = Field(
        min_length=1,
        title="Your name",
        description="As the list of approvers has it. Who started the run cannot approve it.",
        json_schema_extra={"position": 1},
    )
    signature: str = Field(
        default="",
        title="Signature (needed to approve)",
        description="What ssh-keygen or minisign made of the statement above; an approval without it is refused.",
        json_schema_extra={"position": 3},
    )


def wait_for_person(outcome: dict[str, Any]) -> dict[str, Any]:
    """Suspend this run until a person answers; the run starts again from its top then, and comes back here.

    Parameters
    ----------
    outcome
        Of the retrain, with the decision ``hold``.

    Returns
    -------
    dict
        The outcome after the answer: promoted, or held for good with the reason.
    """
    problem = ""
    end_waits_in_vain(outcome["model_name"])
    for attempt in range(1, _TRIES + 1):
        hold = find_hold(outcome["decision_record"])
        if hold.state == "approved":  # on the command line
            finish_approval(hold)
            return note_answer(outcome, "promote", why_not_open(hold))
        if reason := why_not_open(hold):
            return note_answer(outcome, "hold", reason)
        given: PersonsAnswer = suspend_flow_run(
            wait_for_input=_form(hold).with_initial_data(description=_question(hold, problem)),
            timeout=seconds_left(hold.decision),
            # An answer is about one decision: were the run to come to another one, it would be asked anew.
            key=f"approval-{hold.decision.hash[:12]}-{attempt}",
        )
        kind: Literal["approve", "reject"] = given.answer
        try:
            with prefect_answers():
                record = answer_hold(hold, Answer(kind, given.name, given.reason, given.signature))
        except LedgerError as error:
            problem = str(error)
            get_run_logger().warning("the answer was not taken: %s", problem)
            continue
        said = f"{'approved' if kind == 'approve' else 'rejected'} by {given.name}: {given.reason}"
        get_run_logger().info("%s (record %s of the ledger)", said, record.sequence)
        return note_answer(outcome, "promote" if kind == "approve" else "block", said)
    return note_answer(outcome, "hold", f"no answer was taken in {_TRIES} tries: {problem}")


def _form(hold: Hold) -> type[PersonsAnswer]:
    return SignedAnswer if hold.decision.body.get("approver_is_not_trainer") else PersonsAnswer


def end_waits_in_vain(model: str) -> None:
    """End the runs that lie suspended for an answer that was given elsewhere, or that nobody can give any more.

    Parameters
    ----------
    model
        The model's name.
    """
    over = [hold for hold in where_stands(model).holds if hold.state != "open"]
    mine = flow_run_id()
    with get_client(sync_client=True) as client:
        for hold in over:
            run_id = hold.decision.body["flow_run_id"]
            if run_id in ("", mine):
                continue
            try:
                run = client.read_flow_run(UUID(run_id))
            except ObjectNotFound:
                continue  # deleted, or on another server
            if run.state is not None and run.state.is_paused():
                ended: State[Any] = Cancelled(name=hold.state.capitalize(), message=why_not_open(hold))
                client.set_flow_run_state(run.id, ended, force=True)


def _question(hold: Hold, problem: str) -> str:
    """What the person reads beside the form, in Markdown."""
    decision = hold.decision
    try:
        version = held_version(decision)
    except LedgerError as error:
        return f"The version cannot be approved yet: {error}"
    until = answer_until(decision)
    lines = [
        f"**Your answer was not taken:** {plain_markdown(problem)}" if problem else "",
        f"**Version {version} of {plain_markdown(decision.model)} is held.** May it go live?",
        "\n".join(f"- {plain_markdown(reason)}" for reason in decision.body["reasons"]),
        f"Answer until **{until}**: after that nobody can, and the run fails as never resumed." if until else "",
        _ONLY_SIGNED if decision.body.get("approver_is_not_trainer") else "",
        _HOW_TO_SIGN,
        f"```\n{statement(decision, version, 'approve')}```",
    ]
    return "\n\n".join(line for line in lines if line)


def note_answer(outcome: dict[str, Any], decision: str, said: str) -> dict[str, Any]:
    """Write what became of the decision into the run's folder, which `evenhand show` reads."""
    changed = {**outcome, "decision": decision, "decision_reasons": [said, *outcome["decision_reasons"]]}
    path = Path(outcome["folder"]) / "outcome.json"
    if path.is_file() and path.is_relative_to(home()):
        write_text(path, json.dumps(changed, indent=1, ensure_ascii=False, allow_nan=False))
    return changed
