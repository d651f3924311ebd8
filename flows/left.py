"""A run that a killed process left and another one went on with: it is marked, so that nobody takes it up as well."""

import re
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from evenhand.journal import Entry

__all__ = ["close_left", "gone_on_with"]

_SAID = "Killed; flow run {} went on with it."
_MARK = re.compile(_SAID.replace("{}", r"\S+").replace(".", r"\."))


def gone_on_with(state: State[Any] | None) -> bool:
    """Whether a state says that another run went on with the work; a person's retry begins with a new state.

    Examples
    --------
    >>> gone_on_with(Crashed(message="Killed; flow run 069 went on with it."))
    True
    >>> gone_on_with(Crashed(message="Process exited with status code: -9"))
    False
    """
    return state is not None and _MARK.fullmatch(state.message or "") is not None


def close_left(left: Entry, now: str) -> None:
    """Mark the flow run that a killed process left as crashed for good: nothing else would ever end it.

    Parameters
    ----------
    left
        What the killed process had written down.
    now
        The flow run that goes on with its work.
    """
    if not left.flow_run_id or left.flow_run_id == now:
        return
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(left.flow_run_id))
        except ObjectNotFound:
            return  # it was in another server's database
        if _is_left(run, left.starts):
            client.set_flow_run_state(run.id, Crashed(message=_SAID.format(now)), force=True)


def _is_left(run: FlowRun, starts: int) -> bool:
    """Whether nobody runs it: one that has a new process since ends by itself, and what has ended stays as it is."""
    kind = run.state.type if run.state is not None else None
    if kind == StateType.PENDING or (kind == StateType.RUNNING and run.run_count > starts > 0):
        return False
    return run.state is None or kind == StateType.CRASHED or not run.state.is_final()
