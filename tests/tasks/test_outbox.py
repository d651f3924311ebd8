"""Records of a run survive silence and kills, arrive in order, and stand once."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias
from mlflow.store.tracking.dbmodels.models import SqlDataset
from sqlalchemy import event

from evenhand.exceptions import StoreError
from tasks.registry import Version, latest_contract, register_version
from tasks.step import listening
from tasks.tracking import (
    Child,
    File,
    Metrics,
    Params,
    RunRef,
    Series,
    Table,
    Tags,
    beside,
    client,
    current,
    deliver_all,
    delivery,
    finish_run,
    log,
    open_run,
    run_url,
)
from tasks.tracking.delivery import RefusedError, box, deliver, root
from tasks.tracking.outbox import Outbox, outboxes

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to be copied: making one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    client().search_experiments(max_results=1)
    mlflow.set_tracking_uri(before)
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A home of its own; the address of its store, which is in use."""
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(delivery, "_silences", {})
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    before, address = mlflow.get_tracking_uri(), f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(address)
    yield address
    mlflow.set_tracking_uri(before)


def opened(model: str = "loans") -> RunRef:
    return open_run(experiment=model, name="first", model=model, tags={"color": "blue"})


def log_everything(run: RunRef, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("kept")
    log(run, [Params({"depth": 3}), Tags({"team": "risk"})])
    log(
        run,
        [
            Series({"score": [(0, 0.1), (1, 0.2)]}),
            Metrics({"auc": 0.75, "undefined": None}),
            Table("search/trials.json", pd.DataFrame({"a": [1, 2]})),
            File(folder / "notes.txt", "about"),
            Child("trial-1", "trial 1", params={"C": 1.0}, metrics={"auc": 0.7}),
        ],
    )


def held(run_id: str) -> dict[str, object]:
    """All that MLflow has of a run."""
    run = client().get_run(run_id)
    children = client().search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    return {
        "runs": len(client().search_runs([run.info.experiment_id])),
        "status": run.info.status,
        "params": run.data.params,
        "points": {name: len(client().get_metric_history(run_id, name)) for name in run.data.metrics},
        "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        "children": [(child.info.run_name, child.data.metrics, child.info.status) for child in children],
        "files": sorted(
            entry.path
            for folder in client().list_artifacts(run_id)
            for entry in client().list_artifacts(run_id, folder.path)
        ),
    }


def test_what_is_recorded_arrives_at_once(store: str, tmp_path: Path) -> None:
    run = opened()
    log_everything(run, tmp_path / "work")
    assert finish_run(run, "FINISHED").message == ""
    found = held(run.run_id)
    assert found["status"] == "FINISHED"
    assert found["points"] == {"score": 2, "auc": 1}
    assert found["files"] == ["about/notes.txt", "search/trials.json"]
    assert not list(root().glob("*/records.jsonl")), "what is delivered is not kept"


def test_what_waited_arrives_later_and_is_the_same(store: str, tmp_path: Path) -> None:
    first = opened("first")
    log_everything(first, tmp_path / "work")
    finish_run(first, "FINISHED")
    mlflow.set_tracking_uri(NOWHERE)
    said: list[str] = []
    with listening(lambda event: said.append(event.message)):
        run = opened("second")
        log_everything(run, tmp_path / "work")
        waits = finish_run(run, "FINISHED")
    (tmp_path / "work" / "notes.txt").unlink()  # the outbox has its own
    assert run.run_id == run_url(run) == ""
    places = f"at {NOWHERE}; the records wait in {box(run.key).folder}; `evenhand sync` delivers them"
    assert said == [f"MLflow does not answer {places}"], "once, however many records follow"
    assert waits.left == 4

    mlflow.set_tracking_uri(store)
    assert [found.left for found in deliver_all()] == [4], "what was meant for another address stays"
    [found] = deliver_all(elsewhere=True)

    assert (found.sent, found.left) == (4, 0)
    expected, arrived = held(first.run_id), held(found.receipts["run_id"])
    for each in (expected, arrived):
        del each["tags"]["evenhand.run_key"]
    assert arrived == expected
    assert deliver_all() == []


@pytest.mark.parametrize("delivered", range(4))
def test_a_kill_between_sending_and_noting_it_leaves_nothing_twice(store: str, tmp_path: Path, delivered: int) -> None:
    """The worst moment: MLflow has everything, and the outbox believes that it has less."""
    mlflow.set_tracking_uri(NOWHERE)
    run = opened()
    log_everything(run, tmp_path / "work")
    finish_run(run, "FINISHED")
    kept = tmp_path / "kept"
    shutil.copytree(box(run.key).folder, kept)
    mlflow.set_tracking_uri(store)
    [found] = deliver_all(elsewhere=True)
    expected = held(found.receipts["run_id"])
    shutil.copytree(kept, box(run.key).folder)
    receipts = {name: found.receipts[name] for name in ("run_id", "experiment_id") if delivered}
    state = {"delivered": delivered, "receipts": receipts, "refused": []}
    (box(run.key).folder / "state.json").write_text(json.dumps(state))

    [again] = deliver_all(elsewhere=True) if not delivered else [deliver(box(run.key))]

    assert again.left == 0
    assert held(found.receipts["run_id"]) == expected


def test_a_step_that_is_repeated_after_a_kill_is_recorded_once(store: str, tmp_path: Path) -> None:
    run = opened()
    log_everything(run, tmp_path / "work")
    again = open_run(experiment="loans", name="first", model="loans", tags={"color": "blue"}, key=run.key)
    assert again.run_id == run.run_id
    log_everything(again, tmp_path / "work")
    finish_run(again, "FINISHED")
    found = held(run.run_id)
    assert found["runs"] == 2  # the run and its child
    assert found["points"] == {"score": 2, "auc": 1}


def test_a_run_that_was_deleted_in_mlflow_starts_anew(store: str) -> None:
    run = opened()
    client().delete_run(run.run_id)
    again = open_run(experiment="loans", name="first", model="loans", tags={}, key=run.key)
    assert again.run_id not in ("", run.run_id)
    log(again, [Metrics({"auc": 0.5})])
    assert client().get_run(again.run_id).data.metrics == {"auc": 0.5}


def test_what_mlflow_refuses_is_told_and_does_not_hold_up_the_rest(store: str) -> None:
    run = opened()
    log(run, [Params({"depth": 3})])
    with pytest.raises(RefusedError, match="record 2"):
        log(run, [Params({"depth": 4})])  # MLflow takes no second value
    log(run, [Metrics({"auc": 0.5})])
    finish_run(run, "FAILED")
    assert client().get_run(run.run_id).info.status == "FAILED"
    assert client().get_run(run.run_id).data.metrics == {"auc": 0.5}
    assert "depth" in box(run.key).state().refused[0], "what was refused is kept"


def test_what_was_refused_is_told_until_a_person_removed_it(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    from deployments.cli_sync import sync

    run = opened()
    log(run, [Params({"depth": 3})])
    with pytest.raises(RefusedError):
        log(run, [Params({"depth": 4})])
    finish_run(run, "FINISHED")
    for _ in range(2):
        [found] = deliver_all()
        assert (found.key, found.sent, found.left) == (run.key, 0, 0)
        assert "MLflow refuses record 2" in found.refused[0]
    assert sync(elsewhere=False, as_json=False) == 5
    said = capsys.readouterr().out
    assert "nothing waits" not in said
    assert "remove the folder" in said
    box(run.key).remove()
    assert deliver_all() == []
    assert sync(elsewhere=False, as_json=False) == 0


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "run")
    outbox.append("items", {"a": 1})
    with (outbox.folder / "records.jsonl").open("a") as stream:
        stream.write('{"number": 1, "kind": "it')
    assert [record.body for record in outbox.records()] == [{"a": 1}]
    outbox.append("items", {"a": 2})
    assert [(record.number, record.body["a"]) for record in outbox.records()] == [(0, 1), (1, 2)]


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "run")
    outbox.append("items", {"a": 1})
    (outbox.folder / "records.jsonl").write_text("{}\n")
    with pytest.raises(StoreError, match=r"records\.jsonl"):
        outbox.records()


def test_a_damaged_outbox_is_named_once_and_holds_up_nobody(store: str) -> None:
    mlflow.set_tracking_uri(NOWHERE)
    damaged, whole = opened(), opened()
    (box(damaged.key).folder / "state.json").write_text("{")
    mlflow.set_tracking_uri(store)
    said: list[str] = []
    with listening(lambda event: said.append(event.message)):
        [found] = deliver_all(elsewhere=True)
    assert (found.key, found.left) == (whole.key, 0)
    assert "state.json cannot be read" in said[0]
    assert list(root().with_name("outbox-damaged").glob(f"{damaged.key}-*/records.jsonl")), "it is kept"


def test_a_run_that_mlflow_does_not_take_holds_up_nobody(store: str) -> None:
    experiment = client().create_experiment("loans")
    client().delete_experiment(experiment)
    mlflow.set_tracking_uri(NOWHERE)
    refused = opened("loans")
    log(refused, [Metrics({"auc": 0.5})])
    other = opened("other")
    mlflow.set_tracking_uri(store)
    for _ in range(2):
        found = {each.key: each for each in deliver_all(elsewhere=True)}
    assert "'active' state" in found[refused.key].refused[0]
    assert found[refused.key].left == 1
    assert other.key not in found, "it was delivered the first time"


APPEND = """
import sys
from pathlib import Path
from tasks.tracking.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(10_000):
    outbox.append("items", {"number": number, "filling": "x" * 5000},
                  fill=lambda folder: (folder / "file").write_text(str(number)))
    print(number, flush=True)
"""


def test_what_was_recorded_before_a_kill_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", APPEND, str(folder)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 20:
                os.kill(child.pid, signal.SIGKILL)
                break
    outbox = Outbox(folder)
    records = outbox.records()
    assert len(records) >= 21
    assert [record.body["number"] for record in records] == list(range(len(records)))
    assert all((outbox.files(record) / "file").read_text() == str(record.number) for record in records)


HOLD = """
import sys
from pathlib import Path
from tasks.tracking.outbox import Outbox
with Outbox(Path(sys.argv[1])).lock() as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_only_one_process_delivers(store: str) -> None:
    mlflow.set_tracking_uri(NOWHERE)
    run = opened()
    finish_run(run, "FINISHED")
    mlflow.set_tracking_uri(store)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(box(run.key).folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n"
        [found] = deliver_all(elsewhere=True)
        assert "another process" in found.message
        child.kill()
    [found] = deliver_all(elsewhere=True)
    assert found.message == "", "a lock ends with its process"


def test_outboxes_are_delivered_in_the_order_of_their_runs(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set back between two runs changes nothing."""
    from tasks.tracking import outbox as module

    mlflow.set_tracking_uri(NOWHERE)
    first = opened()
    monkeypatch.setattr(module, "_beginning", lambda: (0.0, 0.0))
    second = opened()
    assert [each.key for each in outboxes(root())] == [first.key, second.key]


def test_times_of_one_run_never_go_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken up in a process whose clock was set back by years, a run goes on from where it was."""
    from tasks.tracking import outbox as module

    outbox = Outbox(tmp_path / "run")
    first = outbox.append("items", {"a": 1})
    monkeypatch.setattr(module, "_beginning", lambda: (0.0, 0.0))
    assert outbox.append("items", {"a": 2}).at >= first.at


def test_a_version_that_comes_late_leaves_the_alias_with_the_newer_one(store: str) -> None:
    late = waiting_version()
    mlflow.set_tracking_uri(store)
    newer = opened()
    log_model_of(newer)
    version = register_version(newer, alias="challenger", tags={}, description="")
    finish_run(newer, "FINISHED")
    assert version.version == "1"

    found = next(each for each in deliver_all(elsewhere=True) if each.key == late.key)

    assert found.receipts["version"] == "2"
    assert str(client().get_model_version_by_alias("loans", "challenger").version) == "1"


def test_a_version_that_comes_late_and_is_the_newest_gets_the_alias(store: str) -> None:
    waiting_version()
    mlflow.set_tracking_uri(store)
    [found] = deliver_all(elsewhere=True)
    assert str(client().get_model_version_by_alias("loans", "challenger").version) == found.receipts["version"] == "1"


def test_rows_that_were_held_to_no_contract_make_no_new_promise(store: str, tmp_path: Path) -> None:
    """MLflow is silent, this machine knows nothing, and there is a version that promised something."""
    versions = [register_with_contract(tmp_path, {"promise": 1})]
    shutil.rmtree(tmp_path / "home" / "contracts", ignore_errors=True)
    mlflow.set_tracking_uri(NOWHERE)
    assert latest_contract("loans") is None
    mlflow.set_tracking_uri(store)
    versions.append(register_with_contract(tmp_path, {"promise": 2}))
    assert [version.version for version in versions] == ["1", "2"]
    assert client().get_model_version("loans", "2").tags["evenhand.contract"] == "not compared"
    assert latest_contract("loans") == {"promise": 1}


def register_with_contract(folder: Path, contract: dict[str, int]) -> Version:
    run = opened()
    (folder / "contract.json").write_text(json.dumps(contract))
    log(run, [File(folder / "contract.json", "data")])
    log_model_of(run)
    version = register_version(run, alias="challenger", tags={}, description="")
    finish_run(run, "FINISHED")
    return version


def waiting_version() -> RunRef:
    """A run whose model was made while MLflow did not answer."""
    mlflow.set_tracking_uri(NOWHERE)
    run = opened()
    log_model_of(run)
    assert register_version(run, alias="challenger", tags={}, description="").version == ""
    finish_run(run, "FINISHED")
    return run


def log_model_of(run: RunRef) -> None:
    """The model's record as far as MLflow looks at it."""
    outbox = box(run.key)

    def fill(folder: Path) -> None:
        from mlflow.models import Model

        (folder / "model.skops").write_bytes(b"model of " + run.key.encode())
        Model().save(str(folder / "MLmodel"))

    outbox.append("model", {"tags": {"evenhand.model_digest": run.key}}, fill=fill)


def test_of_versions_made_at_once_the_newest_has_the_alias(store: str) -> None:
    runs = [opened() for _ in range(4)]
    for run in runs:
        log_model_of(run)
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda run: register_version(run, alias="challenger", tags={}, description=""), runs))
    for run in runs:
        finish_run(run, "FINISHED")
    assert sorted(int(version.version) for version in versions) == [1, 2, 3, 4]
    assert str(client().get_model_version_by_alias("loans", "challenger").version) == "4"
    assert current(runs[0]).run_id == runs[0].run_id


def test_of_two_versions_that_waited_the_later_run_has_the_alias(store: str) -> None:
    """Delivered in one go, the first is a moment old for MLflow, whenever the second run ended."""
    first, second = waiting_version(), waiting_version()
    mlflow.set_tracking_uri(store)
    arrived = {found.key: found.receipts for found in deliver_all(elsewhere=True)}
    alias = client().get_model_version_by_alias("loans", "challenger")
    assert [arrived[run.key]["version"] for run in (first, second)] == ["1", "2"]
    assert str(alias.version) == "2"
    assert f"among the artifacts of run {arrived[second.key]['run_id']}; " in alias.description, "not by its key"


def test_a_version_that_waited_leaves_the_alias_to_a_later_run(store: str) -> None:
    late = waiting_version()
    mlflow.set_tracking_uri(store)
    in_time = opened()
    log_model_of(in_time)
    version = register_version(in_time, alias="challenger", tags={}, description="")
    finish_run(in_time, "FINISHED")
    arrived = {found.key: found.receipts["version"] for found in deliver_all(elsewhere=True)}
    assert arrived[late.key] == "2"
    assert str(client().get_model_version_by_alias("loans", "challenger").version) == version.version == "1"


@pytest.fixture
def ahead(store: str) -> Iterator[Callable[[type], list[str]]]:
    """Another run that writes the very row, once, between MLflow's look and its insertion."""
    undone = []

    def be_ahead(table: type) -> list[str]:
        clashes: list[str] = []

        def insert_first(_mapper: object, _connection: object, row: object) -> None:
            if clashes:
                return
            columns = {c.name: getattr(row, c.name) for c in row.__table__.columns if getattr(row, c.name) is not None}
            if "dataset_uuid" in columns:
                columns["dataset_uuid"] = "0" * 32
            names, values = ", ".join(columns), tuple(columns.values())
            with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as other, other:
                places = ", ".join("?" * len(values))
                other.execute(f"INSERT INTO {row.__tablename__} ({names}) VALUES ({places})", values)
            clashes.append(row.__tablename__)

        event.listen(table, "before_insert", insert_first)
        undone.append((table, insert_first))
        return clashes

    yield be_ahead
    for table, function in undone:
        event.remove(table, "before_insert", function)


def test_a_data_set_that_another_run_records_in_this_moment_is_shared(
    store: str, ahead: Callable[[type], list[str]]
) -> None:
    run = opened()
    clashes = ahead(SqlDataset)
    data = {"name": "rows", "digest": "0123", "source_type": "local", "source": "{}", "schema": "{}", "profile": "{}"}
    box(run.key).append("dataset", data)
    deliver(box(run.key))
    assert clashes == ["datasets"]
    entries = client().get_run(run.run_id).inputs.dataset_inputs
    assert [(entry.dataset.name, entry.dataset.digest) for entry in entries] == [("rows", "0123")]
    assert not box(run.key).pending()


def test_an_alias_that_another_run_sets_in_this_moment_is_set(store: str, ahead: Callable[[type], list[str]]) -> None:
    clashes = ahead(SqlRegisteredModelAlias)
    run = opened()
    log_model_of(run)
    assert register_version(run, alias="challenger", tags={}, description="").version == "1"
    assert clashes == ["registered_model_aliases"]
    assert str(client().get_model_version_by_alias("loans", "challenger").version) == "1"


def test_what_a_killed_process_left_on_another_machine_is_ended(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_flow_run(name: str) -> str:
        tags = {"evenhand.flow_run_id": name}
        return open_run(experiment="loans", name="first", model="loans", tags=tags).run_id

    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "silent"))
    mlflow.set_tracking_uri(NOWHERE)
    of_flow_run("one")  # waits on its machine, and comes when the others are there
    mlflow.set_tracking_uri(store)
    monkeypatch.setattr(delivery, "_silences", {})
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "here"))
    left, other = of_flow_run("one"), of_flow_run("two")
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "there"))
    goes_on = of_flow_run("one")
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "silent"))
    deliver_all(elsewhere=True)

    status = {run: client().get_run(run).info.status for run in (left, other, goes_on)}
    assert status == {left: "KILLED", other: "RUNNING", goes_on: "RUNNING"}


def test_beside_the_computing_records_arrive_in_order_and_all_of_them(store: str, tmp_path: Path) -> None:
    run = opened()
    with beside():
        log_everything(run, tmp_path / "made")
        for step in range(5):
            log(run, [Series({"loss": [(step, float(step))]})])
    assert not box(run.key).pending()
    assert held(run.run_id)["points"] == {"auc": 1, "score": 2, "loss": 5}
    finish_run(run, "FINISHED")
    assert client().get_run(run.run_id).info.status == "FINISHED"


def test_what_mlflow_refuses_beside_the_computing_ends_the_block_and_registers_nothing(store: str) -> None:
    run = opened()

    def work() -> None:
        log(run, [Params({"depth": 3})])
        log(run, [Params({"depth": 4})])  # MLflow takes no second value
        log_model_of(run)
        register_version(run, alias="challenger", tags={}, description="")

    with pytest.raises(RefusedError, match="record 2"), beside():
        work()
    assert client().search_model_versions("name = 'loans'") == []
    finish_run(run, "FAILED")
    assert client().get_run(run.run_id).info.status == "FAILED"


def test_a_refusal_of_the_last_record_is_told_at_the_end_of_the_block(store: str) -> None:
    run = opened()
    log(run, [Params({"depth": 3})])
    with pytest.raises(RefusedError, match="record 2"), beside():
        log(run, [Params({"depth": 4})])


def test_a_line_that_is_being_written_is_not_read_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at half a line and another one at the whole file were taken together, and the run ended with an error."""
    kept = Outbox(tmp_path / "run")
    first = kept.append("tags", {"note": "first"})
    kept.append("tags", {"note": "second"})
    whole, looks = (tmp_path / "run" / "records.jsonl").read_bytes(), iter([-20])
    monkeypatch.setattr(Path, "read_bytes", lambda _: whole[: next(looks, None)])
    assert kept.records() == [first]
    assert [record.body["note"] for record in kept.records()] == ["first", "second"]


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x1c", "\r\n"])
def test_a_sign_that_ends_lines_elsewhere_ends_no_record(tmp_path: Path, sign: str) -> None:
    kept = Outbox(tmp_path / "run")
    record = kept.append("tags", {"note": f"one{sign}two"})
    assert kept.records() == [record]
