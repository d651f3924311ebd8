"""With a shared store a second machine repeats no step, and goes on with a search where the first one stood."""

import json
import shutil
from pathlib import Path

import pytest

from evenhand.events import Event
from evenhand.store import Ref
from tasks import tune as tune_step
from tasks.fit import fit_model
from tasks.ingest import ingest_data
from tasks.split import split_rows
from tasks.step import listening, store
from tasks.tracking import RunRef, open_run
from tasks.tune import tune_model
from tasks.weight import weigh_rows

from .conftest import Steps


def walk(steps: Steps) -> tuple[dict[str, Ref], list[Event]]:
    """All steps up to the fitted model, and what they said."""
    config, events = steps.config, list[Event]()
    with listening(events.append):
        rows = ingest_data.fn(config.data, None)
        parts = split_rows.fn(rows, config.split, None, config.seed)
        weights = weigh_rows.fn(parts["develop"], config.weight)
        found = tune(steps, parts["develop"], weights)
        fitted = fit_model.fn(
            parts["develop"], weights, found, config.evaluate, config.weight, seed=config.seed, run=own_run()
        )
    return {"rows": rows, **parts, "weights": weights, "found": found, "fitted": fitted}, events


def tune(steps: Steps, develop: Ref, weights: Ref) -> Ref:
    config = steps.config
    return tune_model.fn(develop, weights, config.search, config.weight, grouped=False, seed=config.seed, run=own_run())


def own_run() -> RunRef:
    """A tracked run: its records wait in the home of the machine."""
    return open_run(experiment="small", name="shared", model="shared", tags={})


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENHAND_STORE", (tmp_path / "shared").as_uri())
    return tmp_path / "shared"


def test_a_second_machine_finds_every_step(
    steps: Steps, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(steps.home))
    first, _ = walk(steps)
    assert (first["fitted"], first["found"]) == (steps.fitted, steps.found)

    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "second"))
    second, events = walk(steps)

    assert second == first, "results hold measured seconds: one computed again would have another digest"
    ended = {event.step: event.kind for event in events if event.kind in ("finished", "reused")}
    assert ended == dict.fromkeys(("ingest", "split", "weight", "tune", "fit"), "reused")
    assert (store().folder(second["fitted"]) / "model.skops").is_file()


def test_a_search_goes_on_where_the_other_machine_stood(
    steps: Steps, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first machine dies after two trials; the second makes the two that are left, and the result is the same."""

    class DiedError(Exception):
        pass

    def dying(event: Event) -> None:
        if event.kind == "progress" and event.done == 3:
            raise DiedError

    monkeypatch.setattr(tune_step, "_SAVE_SECONDS", -1.0)
    homes = tmp_path / "first", tmp_path / "second"
    for home in homes:
        shutil.copytree(steps.home / "store", home / "store", ignore=shutil.ignore_patterns("tune", "fit"))
    monkeypatch.setenv("EVENHAND_HOME", str(homes[0]))
    with listening(dying), pytest.raises(DiedError):
        tune(steps, steps.develop, steps.weights)
    assert list(shared.rglob("trials.jsonl")), "what it had done is where others find it"

    monkeypatch.setenv("EVENHAND_HOME", str(homes[1]))
    events: list[Event] = []
    with listening(events.append):
        found = tune(steps, steps.develop, steps.weights)
    assert [event.done for event in events if event.kind == "progress"] == [3, 4]
    told = {event.message.partition(":")[0] for event in events if event.kind == "progress"}
    assert told == {"trial 2", "trial 3"}, "the numbers of the summary, the table and the card, which begin at 0"
    assert not list(shared.glob("tune/*/work")), "its trials stand in the result now"
    assert selected(homes[1], found) == selected(steps.home, steps.found)


def selected(home: Path, found: Ref) -> dict:
    content = json.loads((home / "store" / "tune" / found.key[:32] / "search.json").read_text())
    return {
        "selected": content["selected"]["number"],
        "scores": [(trial["candidate"], trial["params"], trial["scores"]) for trial in content["trials"]],
    }
