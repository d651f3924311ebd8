"""What every step shares: how it announces itself, and how a finished one is found again."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, ParamSpec, TypeVar

import httpx
import numpy as np
import numpy.typing as npt
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext, TaskRunContext

from evenhand.config import SourceConfig, check_places
from evenhand.data.dataset import Dataset
from evenhand.data.snapshot import read_dataset
from evenhand.disk import full_at, full_disk
from evenhand.events import Event
from evenhand.exceptions import EvenhandError, ServiceError, shorten, without_origin
from evenhand.home import home_folder
from evenhand.provenance import code_version
from evenhand.store import Ref, Store, digest_json
from evenhand.store_remote import VARIABLE, open_remote

__all__ = [
    "emit",
    "flow_run_id",
    "home",
    "in_flow",
    "keep_figure",
    "listening",
    "load_fitted",
    "load_part",
    "load_weights",
    "markdown",
    "note",
    "once",
    "places_hold",
    "plain_markdown",
    "prefect_answers",
    "read_json",
    "reading",
    "reading_below",
    "scratch_folder",
    "step",
    "step_key",
    "store",
    "store_apart",
    "table",
    "write_json",
]

P = ParamSpec("P")
R = TypeVar("R")


_DAY = 86_400.0
_PAUSES = (2.0, 10.0, 30.0)
"""Seconds before a step is run again because a service did not answer."""

_listener: ContextVar[Callable[[Event], None] | None] = ContextVar("listener", default=None)
_apart: ContextVar[Path | None] = ContextVar("apart", default=None)
_roots: ContextVar[tuple[str, ...] | None] = ContextVar("roots", default=None)
_state: ContextVar[dict[str, str] | None] = ContextVar("state", default=None)


@contextmanager
def listening(callback: Callable[[Event], None] | None) -> Iterator[None]:
    """Send the events of the flow that runs in this block to `callback`."""
    token = _listener.set(callback)
    try:
        yield
    finally:
        _listener.reset(token)


def emit(event: Event) -> None:
    """Tell whoever listens."""
    callback = _listener.get()
    if callback is not None:
        callback(event)


def note(message: str) -> None:
    """What the running step says when it is finished, in a few words; a line of the flow run's log too."""
    from prefect.logging import get_run_logger

    state = _state.get()
    if state is not None:
        state["message"] = message
    if TaskRunContext.get() is not None:
        get_run_logger().info(message)


def step(name: str, description: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a Prefect task that announces its start and end.

    A task is run again only when a service did not answer: what fails on its input fails again.

    Parameters
    ----------
    name
        What Prefect's page calls the task.
    description
        One sentence for a person who looks at the task there.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def announced(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            state: dict[str, str] = {}
            token = _state.set(state)
            emit(Event("started", name))
            try:
                with prefect_answers():
                    result = function(*args, **kwargs)
            except EvenhandError as error:
                without_origin(error)
                if isinstance(error, ServiceError):
                    _tried_again(error)
                raise
            finally:
                _state.reset(token)
            kind: Literal["finished", "reused"] = "reused" if state.get("reused") else "finished"
            emit(Event(kind, name, state.get("message", ""), seconds=time.perf_counter() - began))
            return result

        return task(
            name=name,
            task_run_name=name,
            description=description,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=len(_PAUSES),
            retry_delay_seconds=list(_PAUSES),
            retry_condition_fn=_service_failed,
        )(announced)

    return decorate


def _tried_again(error: ServiceError) -> None:
    """Say at once which service does not answer, when a step is about to wait for it."""
    context = TaskRunContext.get()
    tried = context.task_run.run_count if context is not None else len(_PAUSES) + 1
    if tried <= len(_PAUSES):
        emit(Event("note", message=f"{error}; this step is tried again in {_PAUSES[tried - 1]:g} s"))


@contextmanager
def prefect_answers() -> Iterator[None]:
    """Turn a Prefect server that is gone, or has lost its database, into one clear error.

    Raises
    ------
    OSError
        When the disk is full: the server of one command has its database below the home.
    ServiceError
        When it may work later.
    """
    try:
        yield
    except httpx.HTTPError as error:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
            raise
        full = _full(error)
        if full is not None:
            raise full from error
        address = os.environ.get("PREFECT_API_URL", "its address")
        said = shorten(str(error).partition("\n")[0] or type(error).__name__, limit=120)
        raise ServiceError(f"Prefect's server does not answer at {address}: {said}") from error


def _full(error: httpx.HTTPError) -> OSError | None:
    """The error of a full disk, where that is why the server of this command failed, or what it could not be told."""
    if not os.environ.get("EVENHAND_LOCAL_SERVER"):
        return None
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
    found = full_disk(error, home(), suspect=True)
    return found or (full_at(home()) if status == httpx.codes.INSUFFICIENT_STORAGE else None)


def _service_failed(_task: Any, _run: Any, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), ServiceError)


def home() -> Path:
    """Where runs and the store live: `EVENHAND_HOME`, or `.evenhand` in the working folder."""
    return home_folder()


def store() -> Store:
    """The store of finished steps, with the one that several machines share when `EVENHAND_STORE` names it."""
    apart = _apart.get()
    if apart is not None:
        return Store(apart)
    return Store(home() / "store", open_remote(os.environ.get(VARIABLE)))


@contextmanager
def store_apart(folder: Path) -> Iterator[None]:
    """Let the steps in this block find nothing that is finished, here or on another machine, but what they leave there.

    Parameters
    ----------
    folder
        Where their results go.
    """
    token = _apart.set(folder)
    try:
        yield
    finally:
        _apart.reset(token)


@contextmanager
def reading_below(roots: Sequence[str]) -> Iterator[None]:
    """Let the steps in this block read and write below these roots alone.

    Parameters
    ----------
    roots
        The service's, absolute.
    """
    token = _roots.set(tuple(roots))
    try:
        yield
    finally:
        _roots.reset(token)


def places_hold(places: Mapping[str, str | None]) -> None:
    """Ask again whether places lie below the roots: a run waits for hours, and a link may lead elsewhere since.

    Parameters
    ----------
    places
        Paths and addresses, by what they are called.

    Raises
    ------
    ConfigError
        With each place that lies outside; never without roots.
    """
    roots = _roots.get()
    if roots is not None:
        check_places(places, roots)


@contextmanager
def reading(source: SourceConfig) -> Iterator[dict[str, Any]]:
    """A source as its reader takes it; where it lies is asked again before it is read, and after.

    Parameters
    ----------
    source
        Where the rows come from.

    Raises
    ------
    ConfigError
        When it lies outside the roots.
    """
    places = {"source.path": source.path, "source.url": source.url}
    places_hold(places)
    yield source.model_dump()
    places_hold(places)


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder below the home that only its owner may read, and that is gone after the block.

    What a killed process left of the same name goes when it is a day old: there may be rows of people in it.

    Parameters
    ----------
    name
        What the folder's name begins with.
    """
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in home().glob(f"{name}-*.scratch"):
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f"{name}-", suffix=".scratch", dir=home()) as folder:
        yield Path(folder)


def once(name: str, parts: Mapping[str, Any], fill: Callable[[Path], None]) -> Ref:
    """A step's result from the store, or computed by `fill` and stored.

    Parameters
    ----------
    name
        The step.
    parts
        Everything that determines the result: digests of inputs, the step's configuration. The version of the code
        is added here.
    fill
        Writes the result's files into the folder that it is given.
    """
    key = step_key(name, parts)
    found = store().find(name, key)
    state = _state.get()
    if found is not None and state is not None:
        state["reused"] = "yes"
    return found or store().once(name, key, fill)


def step_key(name: str, parts: Mapping[str, Any]) -> str:
    """The digest that names a step's result."""
    return digest_json({"step": name, "code": code_version(), **parts})


def in_flow() -> bool:
    """Whether a flow is running, so that there is a page to write artifacts for."""
    return FlowRunContext.get() is not None


def markdown(key: str, text: str, description: str) -> None:
    """Show Markdown on Prefect's page of the run; the caller escapes what comes from data."""
    if in_flow():
        create_markdown_artifact(markdown=text, key=key, description=description)


def plain_markdown(text: str) -> str:
    r"""Text from data as it may stand in Markdown, also in a table: nothing in it is markup.

    Examples
    --------
    >>> plain_markdown("a|b <i>")
    'a\\|b &lt;i\\>'
    """
    escaped = "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!|~>" else sign for sign in " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")


def flow_run_id() -> str:
    """Prefect's identifier of the flow run that is under way; "" outside one."""
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else ""


def table(key: str, rows: Sequence[Mapping[Any, Any]], description: str) -> None:
    """Show a table on Prefect's page of the run."""
    if in_flow() and rows:
        create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def write_json(path: Path, value: Any) -> None:
    """A result as JSON that a person can read; NaN is refused, since other readers refuse it."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_json(path: Path) -> Any:
    """The inverse of :func:`write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def keep_figure(folder: Path, name: str, figure: Any, *, title: str, alt: str) -> None:
    """Leave a figure in `figures/` as PNG for MLflow's page and as SVG for the card, with its words beside it."""
    from evenhand.plotting import figure_to_png, figure_to_svg, laid_out

    drawn = folder / "figures"
    drawn.mkdir(exist_ok=True)
    with laid_out(figure):
        (drawn / f"{name}.png").write_bytes(figure_to_png(figure))
        (drawn / f"{name}.svg").write_text(figure_to_svg(figure), encoding="utf-8")
    write_json(drawn / f"{name}.json", {"title": title, "alt": alt})


def load_part(part: Ref, name: str) -> Dataset:
    """The rows of `train` or `validation` (from the result `develop`) or of `test` (from `holdout`)."""
    return read_dataset(store().folder(part) / f"{name}.parquet")


def load_fitted(fitted: Ref) -> Any:
    """The model that `fit` or `mitigate` left: one object for every step of a process, which none of them changes."""
    return _model(store().folder(fitted) / "model.skops", fitted.digest)


@lru_cache(maxsize=1)
def _model(file: Path, digest: str) -> Any:  # noqa: ARG001 - the digest tells one content of a path from another
    from evenhand.modeling.persistence import load_model

    return load_model(file)


def load_weights(weights: Ref) -> npt.NDArray[np.float64] | None:
    """The weights that the step `weight` left, or None."""
    file = store().folder(weights) / "weights.npy"
    return np.load(file, allow_pickle=False) if file.is_file() else None
