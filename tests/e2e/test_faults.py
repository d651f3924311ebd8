"""What docs/reliability.md promises of each fault, shown with real processes."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from deployments.stack import Stack, running

from .conftest import HELD, Home
from .postgres import postgres
from .test_kill import drafting, trials_logged
from .test_train import Trained, artifacts, mlflow_of, outcomes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
PATIENCE = 600  # seconds for what takes twenty on a machine that does nothing else
MODEL = "loan-approval"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of Prefect and MLflow; a test that stops one starts it again."""
    with running(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def served(stack: Stack, tmp_path: Path) -> Home:
    """An empty home whose runs go to the servers."""
    folder = tmp_path / ".evenhand"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def computed(trained: Trained, served: Home) -> Home:
    """A home in which every step has been computed, so that a run only records."""
    subprocess.run(["cp", "-al", trained[0].folder / "store", served.folder / "store"], check=True)
    return served


def client_of(stack: Stack) -> MlflowClient:
    mlflow.set_tracking_uri(stack.addresses["MLFLOW_TRACKING_URI"])
    return MlflowClient()


@contextmanager
def silent_mlflow(stack: Stack) -> Iterator[None]:
    """The server is gone within the block, and answers again behind it."""
    stack.kill("mlflow")
    try:
        yield
    finally:
        stack.start("mlflow")


def wait_for(reached: Callable[[], bool], child: subprocess.Popen[str], home: Home) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert child.poll() is None, (home.folder / "out.log").read_text()
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.005)


def forget(home: Home, *steps: str) -> None:
    """Let a run compute these steps again."""
    for step in steps:
        shutil.rmtree(home.folder / "store" / step)


def said(home: Home) -> str:
    """What the run that was started told its user."""
    return (home.folder / "out.log").read_text()


def model_of(name: str) -> tuple[str, str]:
    """Overrides that give a test its own registered model and experiment."""
    return (f"model={name}", f"record.experiment={name}")


def what_mlflow_has(client: MlflowClient, run_id: str) -> dict[str, object]:
    """Everything of a run but times and identifiers."""
    run = client.get_run(run_id)
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    timing = ("seconds", "cost/", "training/")
    return {
        "status": run.info.status,
        "params": {key: value for key, value in run.data.params.items() if key != "model_name"},
        "metrics": {key: value for key, value in run.data.metrics.items() if not any(word in key for word in timing)},
        "points": len(client.get_metric_history(run_id, "search/score")),
        "children": sorted(child.info.run_name for child in children),
        "artifacts": artifacts(client, run_id),
        "data": [entry.dataset.digest for entry in run.inputs.dataset_inputs],
        "models": len(client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")),
    }


def test_mlflow_is_silent_from_the_start(trained: Trained, stack: Stack, computed: Home) -> None:
    name = "silent-at-start"
    with silent_mlflow(stack):
        child = computed.start(computed.train(*model_of(name)), extra=dict(stack.addresses))
        wait_for(lambda: "MLflow does not answer" in said(computed), child, computed)
        assert child.wait(timeout=PATIENCE) == 5
        log = said(computed)
        silence = "MLflow does not answer at " + stack.addresses["MLFLOW_TRACKING_URI"]
        assert [line.count(silence) for line in log.splitlines() if silence in line] == [1, 1, 1, 1], (
            "of the contract, when the first record waits, and twice on the screen: as a reason and as what waits"
        )
        assert "evenhand sync" in log
        assert "waits for MLflow" in log
        assert "Traceback" not in log
        waiting = computed.run(computed.command("sync"), extra=dict(stack.addresses))
        assert waiting.returncode == 5, waiting.stdout
        assert "wait in" in waiting.stdout
    assert outcomes(computed)[0]["waiting"]

    done = computed.run(computed.command("sync"), extra=dict(stack.addresses), timeout=PATIENCE)

    assert done.returncode == 0, done.stdout + done.stderr
    outcome, client = outcomes(computed)[0], client_of(stack)
    assert outcome["model_version"] == "1"
    assert outcome["waiting"] == ""
    arrived = what_mlflow_has(client, outcome["run_id"])
    first = outcomes(trained[0])[0]["run_id"]
    assert arrived == what_mlflow_has(mlflow_of(trained[0]), first)
    client = client_of(stack)
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    assert str(client.get_model_version_by_alias(name, "challenger").version) == "1"
    again = computed.run(computed.command("sync"), extra=dict(stack.addresses))
    assert "nothing waits" in again.stdout
    shown = computed.run(computed.command("show", outcome["run_id"][:8]), extra=dict(stack.addresses))
    assert f"{name} version 1" in shown.stdout


def test_mlflow_is_silent_in_the_middle(trained: Trained, stack: Stack, computed: Home) -> None:
    """Gone while the model is explained and judged, back when the card is written: no record is missing."""
    name = "silent-in-the-middle"
    forget(computed, "explain")
    child = computed.start(computed.train(*model_of(name)), extra=dict(stack.addresses))
    wait_for(lambda: drafting("explain")(computed), child, computed)
    with silent_mlflow(stack):
        wait_for(lambda: "decide: hold" in said(computed), child, computed)
        os.kill(child.pid, signal.SIGSTOP)
    os.kill(child.pid, signal.SIGCONT)
    assert child.wait(timeout=PATIENCE) == HELD, said(computed)
    silences = [line for line in said(computed).splitlines() if "MLflow does not answer" in line]
    assert len(silences) == 2, "once of the records, once as a reason of the decision, which could not ask"
    assert "the records wait in" in silences[0]
    assert silences[1].startswith("- champion: ")
    assert "MLflow answers again" in said(computed)
    outcome, client = outcomes(computed)[0], client_of(stack)
    assert (outcome["model_version"], outcome["waiting"]) == ("1", "")
    arrived = what_mlflow_has(client, outcome["run_id"])
    assert arrived == what_mlflow_has(mlflow_of(trained[0]), outcomes(trained[0])[0]["run_id"])
    assert not list(computed.folder.glob("outbox/*"))


def test_mlflow_is_silent_at_the_end(trained: Trained, stack: Stack, computed: Home) -> None:
    """The next run delivers what waits, before its own: versions come in the order of the runs."""
    name = "silent-at-the-end"
    forget(computed, "card")
    child = computed.start(computed.train(*model_of(name)), extra=dict(stack.addresses))
    wait_for(lambda: drafting("card")(computed), child, computed)
    with silent_mlflow(stack):
        assert child.wait(timeout=PATIENCE) == 5, said(computed)
        assert f"{name} waits for MLflow" in said(computed)
        first = outcomes(computed)[0]

    done = computed.run(computed.train(*model_of(name)), extra=dict(stack.addresses), timeout=PATIENCE)

    assert done.returncode == HELD, done.stdout + done.stderr
    client = client_of(stack)
    versions = {str(version.version): version.run_id for version in client.search_model_versions(f"name = '{name}'")}
    assert set(versions) == {"1", "2"}
    assert versions["1"] == first["run_id"]
    assert client.get_run(first["run_id"]).info.status == "FINISHED"
    assert str(client.get_model_version_by_alias(name, "challenger").version) == "2"
    assert {outcome["model_version"] for outcome in outcomes(computed)} == {"1", "2"}
    assert not any(outcome["waiting"] for outcome in outcomes(computed))


def test_two_retrains_of_one_model_at_once(trained: Trained, stack: Stack, tmp_path: Path) -> None:
    """On two machines, each with a home of its own: what they share is MLflow."""
    name = "twice-at-once"
    homes = [Home(tmp_path / machine / ".evenhand") for machine in ("one", "two")]
    for home in homes:
        (home.folder / "prefect").mkdir(parents=True)
        shutil.copyfile(trained[0].folder / "prefect" / "prefect.db", home.folder / "prefect" / "prefect.db")
        subprocess.run(["cp", "-al", trained[0].folder / "store", home.folder / "store"], check=True)
    shared = {"MLFLOW_TRACKING_URI": stack.addresses["MLFLOW_TRACKING_URI"]}
    children = [home.start(home.train(*model_of(name)), extra=shared) for home in homes]
    assert [child.wait(timeout=PATIENCE) for child in children] == [HELD, HELD], said(homes[0]) + said(homes[1])
    client = client_of(stack)
    versions = client.search_model_versions(f"name = '{name}'")
    assert sorted(int(version.version) for version in versions) == [1, 2]
    assert len({version.run_id for version in versions}) == 2
    assert str(client.get_model_version_by_alias(name, "challenger").version) == "2"
    assert sorted(outcomes(home)[0]["model_version"] for home in homes) == ["1", "2"]


def test_prefect_restarts_during_a_run(stack: Stack, computed: Home) -> None:
    forget(computed, "explain")
    child = computed.start(computed.train(*model_of("prefect-restarts")), extra=dict(stack.addresses))
    wait_for(lambda: drafting("explain")(computed), child, computed)
    stack.kill("prefect")
    stack.start("prefect")
    assert child.wait(timeout=PATIENCE) == HELD, said(computed)
    assert outcomes(computed)[0]["model_version"] == "1"
    assert "Traceback" not in said(computed)


def test_postgresql_stops_for_half_a_minute(computed: Home, tmp_path: Path) -> None:
    """Both servers lose their database, and the run does not."""
    forget(computed, "explain")
    with postgres() as database, running(tmp_path / "on-postgres", environment=database.environment) as servers:
        child = computed.start(computed.train(*model_of("postgres-stops")), extra=dict(servers.addresses))
        wait_for(lambda: drafting("explain")(computed), child, computed)
        database.stop()
        time.sleep(30)  # as long as Prefect's server has no database, its client holds the run
        database.start()
        code = child.wait(timeout=PATIENCE)
        if code == 5:  # the run was over before the database was back
            assert "evenhand sync" in said(computed)
            synced = computed.run(computed.command("sync"), extra=dict(servers.addresses))
            assert synced.returncode == 0, synced.stdout + synced.stderr
        else:
            assert code == HELD, said(computed)
        assert "Traceback" not in said(computed)
        client = client_of(servers)
        version = client.get_model_version_by_alias("postgres-stops", "challenger")
        assert str(version.version) == outcomes(computed)[0]["model_version"] == "1"
        assert client.get_run(version.run_id).info.status == "FINISHED"


def test_sigterm_during_tune(home: Home) -> None:
    """As Ctrl-C: the run ends as KILLED, and the same command goes on with the trials there are."""
    child = home.start(home.train())
    wait_for(lambda: trials_logged(home) >= 3, child, home)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=120) == 143
    assert "the same command goes on where it stood" in said(home)
    assert "Traceback" not in said(home)
    [log] = home.folder.glob("store/tune/.work-*/trials.jsonl")
    before = log.read_text().splitlines()[1:]  # behind the head, which says what is searched
    client = mlflow_of(home)
    assert [run.info.status for run in runs_of(client)] == ["KILLED"]

    done = home.run(home.train(), timeout=PATIENCE)

    assert done.returncode == HELD, done.stdout + done.stderr
    trials = json.loads(next(home.folder.glob("runs/*/results/search.json")).read_text())["trials"]
    kept = [json.loads(line) for line in before]
    assert [trial["seconds"] for trial in trials[: len(kept)]] == [trial["seconds"] for trial in kept]
    assert sorted(run.info.status for run in runs_of(mlflow_of(home))) == ["FINISHED", "KILLED"]


def runs_of(client: MlflowClient, experiment: str = "") -> list:
    """The runs of all experiments or of one, without child runs."""
    places = [each.experiment_id for each in client.search_experiments() if experiment in ("", each.name)]
    return [run for run in client.search_runs(places) if "mlflow.parentRunId" not in run.data.tags]


CLOCK = r"""
#include <sys/syscall.h>
#include <sys/time.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static long back(void) { const char *flag = getenv("CLOCK_BACK"); return flag && !access(flag, F_OK) ? 3600 : 0; }
int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, id, now);
    if (!failed && id == CLOCK_REALTIME) now->tv_sec -= back();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""


def test_the_clock_is_set_back_during_a_run(stack: Stack, computed: Home, tmp_path: Path) -> None:
    """By an hour, for every process of the run, while the model is explained."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a clock of")
    (tmp_path / "clock.c").write_text(CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "clock.c"], check=True)
    flag = tmp_path / "an-hour-back"
    clock = {**stack.addresses, "LD_PRELOAD": str(library), "CLOCK_BACK": str(flag)}
    forget(computed, "explain")
    name = "clock-set-back"
    child = computed.start(computed.train(*model_of(name)), extra=clock)
    wait_for(lambda: drafting("explain")(computed), child, computed)
    flag.touch()
    assert child.wait(timeout=PATIENCE) == HELD, said(computed)
    client = client_of(stack)
    run = client.get_run(outcomes(computed)[0]["run_id"])
    assert 0 < run.info.end_time - run.info.start_time < 1000 * PATIENCE
    for metric in ("search/score", "test/accuracy"):
        for point in client.get_metric_history(run.info.run_id, metric):
            assert run.info.start_time <= point.timestamp <= run.info.end_time
    assert 0 < outcomes_seconds(said(computed)) < PATIENCE

    again = computed.run(computed.train(*model_of(name)), extra=clock)

    assert again.returncode == HELD, again.stderr
    assert str(client.get_model_version_by_alias(name, "challenger").version) == "2"


def outcomes_seconds(log: str) -> float:
    """The `took` of the screen."""
    words = next(line for line in log.splitlines() if line.startswith("took")).split()[1:]
    return float(words[0]) * (60 if words[1] == "min" else 1)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at a folder; skips where this user may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_full_while_a_result_is_written(trained: Trained, stack: Stack, served: Home) -> None:
    name, disk = "disk-is-full", served.folder / "store"
    with small_disk(disk, 64):
        subprocess.run(["cp", "-a", f"{trained[0].folder / 'store'}/.", disk], check=True)
        forget(served, "explain")
        filler = disk / "filler"
        with filler.open("wb") as stream:
            stream.write(b"x" * (shutil.disk_usage(disk).free - 20_000))
        full = served.run(served.train(*model_of(name)), extra=dict(stack.addresses))
        assert full.returncode == 1, full.stdout + full.stderr
        assert "the disk is full" in full.stderr
        assert "Traceback" not in full.stderr
        assert "defect" not in full.stderr
        assert not list(disk.glob("explain/[!.]*")), "no half-written result"
        filler.unlink()

        done = served.run(served.train(*model_of(name)), extra=dict(stack.addresses))

        assert done.returncode == HELD, done.stdout + done.stderr
        client = client_of(stack)
        assert [run.info.status for run in runs_of(client, name)] == ["FINISHED"], "the same run went on"
        assert len(client.search_model_versions(f"name = '{name}'")) == 1
