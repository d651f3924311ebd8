"""The search on a real Dask cluster of processes: the result of one machine, also when a worker is killed."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evenhand.exceptions import ConfigError, MissingExtraError, SearchError, ServiceError
from evenhand.modeling import dask_scheduler, search_dask
from evenhand.modeling.search import search

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"boosting": {"max_iter": {"low": 3, "high": 12}}, "perceptron": {"max_iter": {"low": 2, "high": 6}}}
OPTIONS = {"trials": 8, "folds": 4, "space": SMALL, "seed": 1, "batch_size": 4}


def people(n: int = 240) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"income": rng.normal(size=n), "job": rng.choice(["clerk", "smith", "nurse"], n)})
    signal_ = X["income"] + (X["job"] == "smith") + rng.normal(scale=0.7, size=n)
    return X, pd.Series(np.where(signal_ > 0, "yes", "no")), rng.uniform(0.5, 1.5, n)


def run(**options):
    X, y, weights = people()
    return search(X, y, sample_weight=weights, **{**OPTIONS, **options})


def wait_for(happens: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


@dataclass
class Cluster:
    """A scheduler and its workers, each a process of its own."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self.run("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-show")
        wait_for(lambda: listens(port))

    def add_worker(self, *words: str) -> None:
        place = self.folder / f"worker-{len(self.workers)}"
        place.mkdir()
        self.workers.append(
            self.run("worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(place), *words)
        )

    def registered(self) -> int:
        """How many workers the scheduler has had."""
        logs = [log.read_text(errors="replace") for log in self.folder.glob("worker-*.log")]
        return sum("Registered to:" in log for log in logs)

    def run(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}-{len(self.workers)}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        for child in [*self.workers, self.scheduler]:
            if child is not None:
                child.kill()
                child.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("dask"))
    made.start()
    try:
        made.add_worker()
        made.add_worker()
        wait_for(lambda: made.registered() == 2)
        yield made
    finally:
        made.stop()


@pytest.fixture
def named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", cluster.address)
    return cluster


@pytest.fixture(scope="module")
def alone():
    """The same search in this process."""
    return run(workers=1)


def scratch(cluster: Cluster) -> list[Path]:
    return list(cluster.folder.glob("worker-*/**/evenhand-folds-*"))


def test_two_workers_give_exactly_the_result_of_one_process(named: Cluster, alone) -> None:
    seen: set[str] = set()

    def look(_trial, _done, _total) -> None:
        seen.update(path.relative_to(named.folder).parts[0] for path in scratch(named))

    result = run(backend="dask", on_trial=look)
    assert result == alone
    assert result.to_dict()["trials"][0]["scores"] == alone.to_dict()["trials"][0]["scores"]
    assert len({trial.candidate for trial in result.trials}) == 3
    assert seen == {"worker-0", "worker-1"}, "both workers had folds"
    assert not scratch(named), "nothing of the data stays with the workers"


@pytest.mark.parametrize("both", [False, True], ids=["one of two", "one after the other"])
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(named: Cluster, alone, both: bool) -> None:
    """With both, no worker is left that holds the folds, so they are sent again."""

    def kill(_trial, done, _total) -> None:
        if done == 1:
            named.add_worker()
            named.add_worker() if both else None
            for victim in living(named)[: 2 if both else 1]:
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()

    result = run(backend="dask", on_trial=kill)
    assert result == alone
    assert len(living(named)) == 2


def living(cluster: Cluster) -> list[subprocess.Popen[bytes]]:
    return [worker for worker in cluster.workers if worker.poll() is None]


def test_a_killed_search_goes_on_from_its_log_on_another_backend(named: Cluster, alone, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(_trial, done, _total) -> None:
        if done == 3:
            raise EnoughError

    log = tmp_path / "trials.jsonl"
    with pytest.raises(EnoughError):
        run(backend="dask", log=log, on_trial=stop)
    assert run(workers=1, log=log) == alone


def test_a_budget_of_seconds_ends_a_search_on_the_cluster(named: Cluster) -> None:
    result = run(backend="dask", trials=None, seconds=1.0)
    assert 1 <= len(result.trials) < 400


def test_a_worker_with_other_software_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search_dask.software()
    monkeypatch.setattr(search_dask, "software", lambda: {**found, "numpy": "1.0"})
    with pytest.raises(SearchError, match=r"has other software: numpy .* \(here 1\.0\)"):
        search_dask._check_workers(_Answers({"tcp://a:1": found}), "tcp://a:1")


class _Answers:
    """A client whose workers answer like this."""

    status = "running"

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = answers

    def wait_for_workers(self, *_: object, **__: object) -> None:
        pass

    def run(self, *_: object, **__: object) -> dict[str, object]:
        return self.answers


def test_a_worker_without_evenhand_is_named_as_that() -> None:
    answers = {"tcp://a:1": ModuleNotFoundError("No module named 'evenhand'", name="evenhand")}
    with pytest.raises(SearchError, match="cannot import 'evenhand': install the same version"):
        search_dask._check_workers(_Answers(answers), "tcp://a:1")


def test_a_worker_that_dies_while_it_is_asked_has_no_other_software() -> None:
    gone = OSError("Timed out trying to connect")
    search_dask._check_workers(_Answers({"tcp://a:1": gone, "tcp://a:2": search_dask.software()}), "tcp://a:0")
    with pytest.raises(ServiceError, match="the Dask scheduler at 'tcp://a:0' has no worker that answers"):
        search_dask._check_workers(_Answers({"tcp://a:1": gone}), "tcp://a:0")


def test_a_worker_that_dies_while_a_fold_is_sent_to_it_changes_nothing(
    named: Cluster, alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler hands on that the worker's connection ended, which looked like its own."""
    send = search_dask._Cluster._sent
    sent: list[object] = []

    def stumble(team: search_dask._Cluster, part: search_dask._Part) -> object:
        if not sent:
            for victim in living(named):  # all: to which of them the scheduler sends it first is its affair
                os.kill(victim.pid, signal.SIGSTOP)
                threading.Timer(1.0, victim.kill).start()
                named.add_worker()
        sent.append(send(team, part))
        return sent[-1]

    monkeypatch.setattr(search_dask._Cluster, "_sent", stumble)
    assert run(backend="dask") == alone
    assert sent[0] is None


def test_without_workers_the_search_ends_with_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the last worker dies no other has come: the scheduler is there, and was said to be gone."""
    monkeypatch.setattr(search_dask, "_WORKER_SECONDS", 5.0)
    short = Cluster(tmp_path)
    short.start()
    try:
        short.add_worker()
        wait_for(lambda: short.registered() == 1)
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", short.address)
        with pytest.raises(ServiceError, match="has no worker that answers after 5 s: start one; with a trial log"):
            run(backend="dask", on_trial=lambda *_: short.workers[0].kill(), trials=40)
    finally:
        short.stop()


def test_a_finished_fit_whose_worker_dies_before_it_was_fetched_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Cluster(tmp_path)
    short.start()
    try:
        short.add_worker()
        wait_for(lambda: short.registered() == 1)
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", short.address)
        with search_dask.open_dask_pool() as pool:
            part = pool._client.scatter([1], hash=False)[0]
            done = pool._client.submit(abs, part)
            wait_for(lambda: done.status == "finished")
            os.kill(short.workers[0].pid, signal.SIGKILL)
            assert pool.outcome(done) is None
    finally:
        short.stop()


def test_without_an_address_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in dask_scheduler.ADDRESS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"search\.backend.*EVENHAND_DASK_SCHEDULER=tcp://HOST:8786"):
        run(backend="dask")


def test_dasks_own_variable_counts_too_and_ours_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENHAND_DASK_SCHEDULER", raising=False)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://theirs:1")
    assert dask_scheduler.scheduler_address() == "tcp://theirs:1"
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", "tcp://ours:1")
    assert dask_scheduler.scheduler_address() == "tcp://ours:1"


def test_a_scheduler_that_does_not_answer_is_an_error_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ServiceError, match=r"no Dask scheduler answers at .* within 10 s"):
            run(backend="dask")
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"])
def test_what_listens_and_is_no_scheduler_is_an_error_within_seconds(
    words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server, or a proxy: Dask's client waits for its words forever, or takes them for a length to allocate."""
    monkeypatch.setattr(dask_scheduler, "_CONNECT_SECONDS", 2.0)
    met = []

    def meet() -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                met.append(other.accept()[0])
                met[-1].sendall(words)

    with socket.create_server(("127.0.0.1", 0)) as other:
        listening = threading.Thread(target=meet)
        listening.start()
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", f"tcp://127.0.0.1:{other.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ServiceError, match=r"no Dask scheduler answers at .* \((Timeout|Memory)Error\)"):
            run(backend="dask")
        assert time.monotonic() - began < 15
        other.shutdown(socket.SHUT_RDWR)
        listening.join()
    for connection in met:
        connection.close()


def test_the_address_of_a_worker_is_named_as_that(named: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    number = named.workers.index(living(named)[0])
    log = (named.folder / f"worker-{number}.log").read_text(errors="replace")
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", re.findall(r"Start worker at:\s+(\S+)", log)[0])
    with pytest.raises(ServiceError, match=r"no Dask scheduler answers at .* \(a worker does\)"):
        run(backend="dask")


def test_what_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", "nonsense")
    with pytest.raises(ConfigError, match="'nonsense' is no address of a scheduler"):
        run(backend="dask")


@pytest.mark.parametrize(
    "credentials", ["tcp://ann:0therPw77", "tcp://0therPw77", "ann:0therPw77", "tcp://ann:0therPw77?"]
)
def test_the_password_of_an_address_stands_in_no_traceback(credentials: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect writes the traceback of a failed task, with its causes, to a log that others read."""
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", f"{credentials}@127.0.0.1:1")
    with pytest.raises(ConfigError, match="the user or password before its '@', which Dask does not take") as caught:
        run(backend="dask")
    assert "0therPw77" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", "tcp://127.0.0.1:1")
    with pytest.raises(MissingExtraError, match=r"pip install 'evenhand\[dask\]'"):
        run(backend="dask")


@pytest.mark.parametrize("state", ["running", "connecting", "closed"])
def test_a_scheduler_that_dies_is_an_error_within_seconds(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the client has noticed by the time it is asked: while it takes itself apart, its own errors hid ours."""
    clients: list[Any] = []
    killed: list[float] = []
    connect = search_dask.connect
    monkeypatch.setattr(search_dask, "connect", lambda address: clients.append(connect(address)) or clients[-1])
    if state == "closed":
        monkeypatch.setattr(dask_scheduler, "_CONNECT_SECONDS", 3.0)
    short = Cluster(tmp_path)
    short.start()
    try:
        short.add_worker()
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", short.address)
        log = tmp_path / "trials.jsonl"

        def kill(_trial, done, _total) -> None:
            if done == 1:
                assert short.scheduler is not None
                short.scheduler.kill()
                wait_for(lambda: state in ("running", clients[0].status))
                killed.append(time.monotonic())

        with pytest.raises(ServiceError, match="the same call goes on where it stood"):
            run(backend="dask", log=log, on_trial=kill, trials=40)
        assert time.monotonic() - killed[0] < 20
        assert len(log.read_text().splitlines()) >= 2
        assert "Traceback" not in capfd.readouterr().err
    finally:
        short.stop()


def test_a_scheduler_that_dies_before_a_finished_fit_was_fetched_is_the_same_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Cluster(tmp_path)
    short.start()
    try:
        short.add_worker()
        monkeypatch.setenv("EVENHAND_DASK_SCHEDULER", short.address)
        with search_dask.open_dask_pool() as pool:
            done = pool._client.submit(abs, -1)
            wait_for(lambda: done.status == "finished")
            short.stop()
            with pytest.raises(ServiceError, match="the Dask scheduler went away during the search"):
                pool.outcome(done)
    finally:
        short.stop()
