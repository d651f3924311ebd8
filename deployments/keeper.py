"""What takes up a run whose process was killed: every worker looks after the runs, at their states before it acts.

A run that a person cancelled is ended by the worker that started it; where that one died, by any other.

A rule on Prefect's server cannot do that. It sees events alone, which the server may handle late, in another order or
not at all, and forgets while it is down; and its action starts a run that works or that a person cancelled, or ends one
that a person retried, as well.

A worker that sees its child die reports the run as crashed at once, and again when it is done with it, after it has
loaded the flow once more to look for its hooks. The server drops the second report, unless the run was taken up
meanwhile: then it would end that. So a run is taken up when nothing has happened to it for a while.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID, uuid5

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Scheduled, to_state_create

from deployments.automations import Terms, terms_on
from flows.left import gone_on_with
from flows.life import ALIVE

__all__ = ["Keeper", "verdict"]

_QUIET_SECONDS = 30.0
"""Several times what the second report takes. Where it takes longer still, the run is taken up a second time, and that
finds what the first came to."""

_START_SECONDS = 900.0
"""How long a start may take, the download of an image included."""

_STORED_SECONDS = 30.0
"""What a busy server may take until it shows a sign of life."""

_LOOKED_BACK = timedelta(days=1)
"""A run that crashed longer ago than this was left so."""

_AT_ONCE = 200

_MAY_LIVE = (StateType.RUNNING, StateType.CANCELLING)
"""States in which a process gives signs of life."""

_BY_SIGNAL = [
    f"{said} {code}*"
    for said in ("Process exited with status code:", "Flow run infrastructure exited with non-zero status code")
    for code in ("-", "137")
]
"""How a worker words it when the process was killed and did not end by itself; 137 is a container's word for -9."""


def verdict(run: FlowRun, terms: Terms, *, quiet: float, age: float) -> State[Any] | None:
    """The state that a run gets because its process was killed; None while it may live, or has ended.

    Parameters
    ----------
    run
        The run as the server has it.
    terms
        What the service file says.
    quiet
        For how many seconds this worker has seen it in its state, without a sign of life.
    age
        For how many seconds it has been in its state, by the clock.
    """
    kind = run.state.type if run.state is not None else None
    if kind == StateType.RUNNING and quiet >= terms.lost_after + _STORED_SECONDS:
        return Crashed(message=f"No sign of life for {terms.lost_after} seconds.")
    if kind == StateType.CANCELLING and quiet >= terms.lost_after + _STORED_SECONDS:
        return Cancelled(message=f"No sign of life for {terms.lost_after} seconds: its worker is gone.")
    if kind == StateType.PENDING and terms.restarts and age >= _START_SECONDS:
        return Scheduled(message="Its process never began: it is taken up again.")
    if kind == StateType.CRASHED and quiet >= _QUIET_SECONDS and _may_go_on(run, terms):
        return Scheduled(message="Its process was killed: it is taken up again.")
    return None


def _may_go_on(run: FlowRun, terms: Terms) -> bool:
    """Whether a crashed run was killed, not too often, and nobody went on with its work.

    One that never began may have ended by itself.
    """
    if gone_on_with(run.state):
        return False
    if run.run_count:
        return run.run_count <= terms.restarts
    said = (run.state.message if run.state is not None else "") or ""
    return terms.restarts > 0 and any(fnmatchcase(said, pattern) for pattern in _BY_SIGNAL)


@dataclass(frozen=True)
class _Seen:
    """What was last seen of a run, and since when it has been so."""

    state: UUID
    sign: str
    since: float


class Keeper:
    """Looks after the runs of every service on a server.

    Parameters
    ----------
    clock
        Seconds that only grow.
    now
        The time of day, as the server's states have it.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock, self._now = clock, now
        self._seen: dict[UUID, _Seen] = {}

    def forget(self) -> None:
        """Begin anew, since the server was away: signs of life were lost with it."""
        self._seen = {}

    def look(self, client: SyncPrefectClient) -> Iterator[str]:
        """Take up what was killed, and end what was cancelled and killed.

        Parameters
        ----------
        client
            A client of the server.

        Yields
        ------
        str
            One line for each run that was changed.
        """
        terms = terms_on(client)
        seen: dict[UUID, _Seen] = {}
        for run in _candidates(client, self._now()) if terms else []:
            mine = next((found for found in terms if f"service:{found.service}" in run.tags), None)
            if mine is None or run.state is None:
                continue
            seen[run.id] = self._look_at(client, run)
            age = (self._now() - run.state.timestamp).total_seconds()
            wanted = verdict(run, mine, quiet=self._clock() - seen[run.id].since, age=age)
            if wanted is not None and _unchanged(client, run) and _set(client, run, wanted):
                yield f"{run.name} ({run.id}) was {run.state.name}: {wanted.message}"
        self._seen = seen

    def _look_at(self, client: SyncPrefectClient, run: FlowRun) -> _Seen:
        """When the run was last seen to change or to live."""
        assert run.state is not None
        sign = _last_sign(client, run) if run.state.type in _MAY_LIVE else ""
        before = self._seen.get(run.id)
        if before is not None and (before.state, before.sign) == (run.state.id, sign):
            return before
        return _Seen(run.state.id, sign, self._clock())


def _candidates(client: SyncPrefectClient, now: datetime) -> Sequence[FlowRun]:
    """The runs that work, start, are being cancelled, or have crashed not long ago."""
    marked = FlowRunFilterTags(all_=["evenhand"])
    under_way = FlowRunFilter(tags=marked, state=_in(*_MAY_LIVE, StateType.PENDING))
    since = FlowRunFilterEndTime(after_=now - _LOOKED_BACK)
    crashed = FlowRunFilter(tags=marked, state=_in(StateType.CRASHED), end_time=since)
    return [
        *client.read_flow_runs(flow_run_filter=under_way, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=_AT_ONCE),
        *client.read_flow_runs(flow_run_filter=crashed, sort=FlowRunSort.END_TIME_DESC, limit=_AT_ONCE),
    ]


def _in(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def _last_sign(client: SyncPrefectClient, run: FlowRun) -> str:
    """The newest sign of life that the server has of a run; empty without."""
    wanted = {"event": {"name": [ALIVE]}, "resource": {"id": [f"prefect.flow-run.{run.id}"]}}
    found = client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1}).json()["events"]
    return str(found[0]["id"]) if found else ""


def _unchanged(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether the run is still in the state that was looked at: another worker, or a person, may have been faster."""
    try:
        state = client.read_flow_run(run.id).state
    except ObjectNotFound:
        return False
    return state is not None and run.state is not None and state.id == run.state.id


def _set(client: SyncPrefectClient, run: FlowRun, wanted: State[Any]) -> bool:
    """Change the run's state, unless another worker did so at the same moment: the server then knows the change."""
    assert run.state is not None
    change = to_state_create(wanted)
    change.state_details.transition_id = uuid5(run.state.id, str(wanted.type.value))
    body = {"state": change.model_dump(mode="json", exclude_unset=True), "force": False}
    path = {"id": run.id}
    answer = client.request("POST", "/flow_runs/{id}/set_state", path_params=path, json=body).raise_for_status().json()
    return bool(answer["status"] == "ACCEPT")
