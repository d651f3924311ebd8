"""Back to an earlier champion, in one step."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.runtime import deployment, flow_run

from flows.life import alive
from tasks.answer import roll_back
from tasks.step import markdown, prefect_answers
from tasks.tracking import say

__all__ = ["rollback"]


def _run_name() -> str:
    model = flow_run.parameters.get("model") or deployment.name
    return f"rollback {model} {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@flow(name="rollback", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
@alive
def rollback(reason: str, by: str, version: str = "", model: str = "") -> dict[str, Any]:
    """Make an earlier champion the champion again, after it was loaded and has decided on made-up rows.

    Args:
        reason: Why, for whoever reads the ledger years from now.
        by: Your name; the ledger keeps it, as unverified.
        version: The version to go back to; empty for the champion before the live one.
        model: The model; a deployment's own when empty.
    """
    name = model or str(deployment.name)
    with prefect_answers():
        record = roll_back(name, to=version or None, by=by, reason=reason)
    body = record.body
    said = f"{name}: version {body['to']} is live again in place of version {body['from']}"
    say(said)
    markdown("rollback", f"**{said}**\n\nRecord {record.sequence} of the ledger.", "What was rolled back")
    return {"model": name, **body, "sequence": record.sequence}
