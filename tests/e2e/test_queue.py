"""Runs of a real service that are killed, and many that are queued at once: each ends exactly once."""

import signal
from collections.abc import Iterator
from itertools import pairwise

import pytest
import yaml

from .conftest import ROOT
from .service import Service, service, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


SMALL = {
    "search": {"trials": 2, "folds": 2, "candidates": ["logistic"]},
    "evaluate": {"replicates": 100},
    "explain": {"rows": 20, "background_rows": 20, "features": 1, "repeats": 2},
    "audit": {"replicates": 100},
    "robustness": {"enabled": False},
    "monitor": {"attribution_rows": 0},
    "gate": {"ask_on_page": False},
}
"""Ten runs and more, one after the other: what each computes is next to nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the whole module; every test has a model of its own."""
    folder = tmp_path_factory.mktemp("queue")
    (folder / "configuration").mkdir()
    example = yaml.safe_load((ROOT / "examples" / "loan-approval.yaml").read_text(encoding="utf-8"))
    (folder / "configuration" / "small.yaml").write_text(yaml.safe_dump({**example, **SMALL}))
    models = {"killed": {}, "lost": {}, "busy": {}, "queue": {"config": "small.yaml", "form": ["search", "seed"]}}
    with service(folder, models) as started:
        yield started


def test_a_rollback_does_not_wait_for_the_retrain_that_has_the_worker(served: Service) -> None:
    retrain = served.start("busy", seed=10)
    _until_tune(served, retrain)
    rollback = served.ask("GET", "/deployments/name/rollback/busy")["id"]
    asked = {"parameters": {"reason": "it denies too many", "by": "ann"}}
    order = served.ask("POST", f"/deployments/{rollback}/create_flow_run", json=asked)["id"]
    ended = served.wait(order, seconds=120)
    assert "busy has no champion" in ended["state"]["message"], "it was done at once; there is nothing to go back to"
    assert served.run(retrain)["end_time"] is None
    assert served.wait(retrain)["state"]["type"] == "COMPLETED"


def test_a_killed_run_is_taken_up_once_and_repeats_nothing(served: Service) -> None:
    run_id = served.start("killed", seed=11)
    kept = _kill_in_tune(served, run_id)
    run = _taken_up(served, run_id)
    assert run["run_count"] == 2
    states = served.states(run_id)
    assert states.count("Crashed") >= 1
    assert sum(name in ("Running", "Rerunning", "Retrying") for name in states) == 2, states
    _came_out_once(served, "killed", run_id, kept)


def test_a_run_whose_worker_was_killed_too_is_taken_up_by_the_next_worker(served: Service) -> None:
    run_id = served.start("lost", seed=12)
    process = served.process(run_id)
    kept = _until_tune(served, run_id)
    served.stack.kill("worker-1")
    process.kill() if process.is_running() else None
    assert served.run(run_id)["state"]["type"] == "RUNNING", "nobody is left to report it"
    served.stack.start("worker-2")
    run = _taken_up(served, run_id)
    assert run["run_count"] == 2
    assert "Crashed" in served.states(run_id)
    _came_out_once(served, "lost", run_id, kept)
    served.stack.start("worker-1")


def _until_tune(served: Service, run_id: str) -> dict[str, int]:
    """Wait until the search is under way; when each finished result was written."""
    until(
        lambda: any(log.stat().st_size for log in served.home.glob("store/tune/.work-*/trials.jsonl")),
        seconds=300,
        otherwise=lambda: served.logs(run_id),
    )
    return _stamps(served)


def _kill_in_tune(served: Service, run_id: str) -> dict[str, int]:
    process = served.process(run_id)
    kept = _until_tune(served, run_id)
    process.send_signal(signal.SIGKILL)
    return kept


def _stamps(served: Service) -> dict[str, int]:
    found = (path for path in served.home.glob("store/*/*/manifest.json") if path.parent.name[0] != ".")
    return {str(path.parent): path.stat().st_mtime_ns for path in found}


def _taken_up(served: Service, run_id: str) -> dict:
    """Wait until the killed run was taken up and has ended."""
    until(lambda: "Crashed" in served.states(run_id), seconds=200, otherwise=served.worker_log)
    until(lambda: served.run(run_id)["state"]["type"] != "CRASHED", seconds=120)
    run = served.wait(run_id, state=("COMPLETED", "FAILED", "CANCELLED"))
    assert run["state"]["type"] == "COMPLETED", served.logs(run_id)
    return run


def _came_out_once(served: Service, model: str, run_id: str, kept: dict[str, int]) -> None:
    assert {path: stamp for path, stamp in _stamps(served).items() if path in kept} == kept
    assert len(served.versions(model)) == 1
    client = served.mlflow()
    experiment = client.get_experiment_by_name(model)
    runs = client.search_runs([experiment.experiment_id], f"tags.`evenhand.flow_run_id` = '{run_id}'")
    assert [run.info.status for run in runs] == ["FINISHED"], "the interrupted run was gone on with"
    assert not list(served.home.glob("under-way/*.json"))


# One at a time by design: minutes, most of which every process spends on its start.
@pytest.mark.parametrize("many", [10, pytest.param(50, marks=pytest.mark.e2e_long)])
def test_runs_queued_at_once_on_two_workers_all_end_each_exactly_once(served: Service, many: int) -> None:
    served.stack.start("worker-3")
    before = {version.version for version in served.versions("queue")}
    started = [served.start("queue", seed=number % 2) for number in range(many)]
    ended = [served.wait(run_id, seconds=120 * many) for run_id in started]
    assert [run["state"]["type"] for run in ended] == ["COMPLETED"] * many
    assert [run["run_count"] for run in ended] == [1] * many
    spans = sorted((run["start_time"], run["end_time"]) for run in ended)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "one at a time"
    versions = [version for version in served.versions("queue") if version.version not in before]
    assert len(versions) == many
    assert len({version.tags["evenhand.run_id"] for version in versions}) == many
    newest = max(versions, key=lambda version: int(version.version))
    assert served.mlflow().get_model_version_by_alias("queue", "challenger").version == newest.version
    served.stack.stop("worker-3")
