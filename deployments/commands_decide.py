"""What people decide, and the ledger; the commands import next to nothing until they run."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from deployments.cli_app import app

__all__ = ["approve", "at", "export", "list_records", "reject", "rollback", "settle", "verify"]


Name = Annotated[str | None, Parameter(name="--as")]


@app.command(sort_key=5)
def approve(
    run: str | None = None,
    /,
    *,
    reason: str,
    by: Name = None,
    key: Path | None = None,
) -> int:
    """Approve a held model: it goes live, if champion and evidence are still as they were.

    Parameters
    ----------
    run
        The start of a run's identifier, or a model's name; by default the only decision that waits.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user. Without a key it is recorded as unverified.
    key
        Your SSH or minisign key, to sign the answer; the configuration's gate.approvers lists who may.
    """
    from deployments.cli_decide import answer

    return answer("approve", run, reason=reason, by=by, key=key)


@app.command(sort_key=5)
def reject(
    run: str | None = None,
    /,
    *,
    reason: str,
    by: Name = None,
    key: Path | None = None,
) -> int:
    """Reject a held model: it stays out.

    Parameters
    ----------
    run
        The start of a run's identifier, or a model's name; by default the only decision that waits.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user. Without a key it is recorded as unverified.
    key
        Your SSH key, to sign the answer.
    """
    from deployments.cli_decide import answer

    return answer("reject", run, reason=reason, by=by, key=key)


@app.command(sort_key=6)
def rollback(
    model: str,
    /,
    *,
    to: str | None = None,
    reason: str,
    by: Name = None,
) -> int:
    """Make an earlier champion the champion again, after it was loaded and tried.

    Parameters
    ----------
    model
        The model's name.
    to
        The number of the version; by default the champion before the live one.
    reason
        Why, for whoever reads the ledger years from now.
    by
        Your name; by default that of this machine's user.
    """
    from deployments.cli_decide import roll_back

    return roll_back(model, to=to, reason=reason, by=by)


ledger = App(name="ledger", help="Read and check the record of every decision.", sort_key=7)
app.command(ledger)


@ledger.command
def verify() -> int:
    """Find any edit, removal, reordering or truncation, and any champion that the ledger does not know.

    A promotion whose run was killed before the move is named as unfinished, which is no fault.
    """
    from deployments.cli_decide import verify as check_ledger

    return check_ledger()


@ledger.command
def at(
    moment: str,
    /,
    *,
    model: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> int:
    """Say which version was live at a moment, and why.

    Parameters
    ----------
    moment
        A day, 2026-03-01, which means its end, or a moment, 2026-03-01T12:00; UTC unless it has a zone.
    model
        Only this model.
    as_json
        Print it as JSON, with the whole record behind it.
    """
    from deployments.cli_decide import live_at

    return live_at(moment, model=model, as_json=as_json)


@ledger.command(name="list")
def list_records(*, model: str | None = None) -> int:
    """List the records, the newest last.

    Parameters
    ----------
    model
        Only those of this model.
    """
    from deployments.cli_decide import history

    return history(model=model)


@ledger.command
def export(file: Path | None = None, /, *, model: str | None = None, damaged: bool = False) -> int:
    """Write every record as one line of JSON.

    Parameters
    ----------
    file
        Where to; by default to standard output.
    model
        Only those of this model: the chain can be checked on all of them only.
    damaged
        Write also a ledger that was edited or cut into, as it is, and end with exit code 2.
    """
    from deployments.cli_decide import export as write_records

    return write_records(file, model=model, damaged=damaged)


@ledger.command
def settle(model: str, /) -> int:
    """Put an alias that was moved by hand back where the ledger says.

    Parameters
    ----------
    model
        The model's name.
    """
    from deployments.cli_decide import settle as put_back

    return put_back(model)
