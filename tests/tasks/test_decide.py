"""From evidence to a champion, on real results: held, approved, compared, killed in between, superseded."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.config import Config, GateConfig
from evenhand.decision.ledger import Kind, LedgerError, find_faults
from evenhand.decision.signature import sign, statement
from evenhand.exceptions import ModelError
from evenhand.modeling.persistence import save_model
from evenhand.store import Ref, digest_file
from tasks import answer as people
from tasks import enact, ledger
from tasks.answer import Answer, answer_hold, find_hold, finish_approval, held_version, roll_back
from tasks.audit import audit_groups
from tasks.card import write_card
from tasks.decide import decide_model
from tasks.enact import enact_decision
from tasks.ledger import champion
from tasks.ledger.signed import forged
from tasks.register import register_model
from tasks.registry import STAMP, Version, load_registered, move_alias, tag_version
from tasks.step import read_json, store
from tasks.stress import stress_model
from tasks.tracking import RunRef, client, current, open_run

from .conftest import Steps

POLICY = """
name: wide
title: A limit that these rows can show
description: Wide.
source: This test
jurisdiction: none
effective: 2026-01-01
rules:
  - {metric: demographic_parity_ratio, limit: 0.2, attributes: [sex]}
"""


class Retrain:
    """The end of a retrain of a model of its own, on the results that the session has."""

    def __init__(self, steps: Steps, results: dict[str, Ref], page: Ref, model: str, policy: Path) -> None:
        self.steps, self.results, self.page = steps, results, page
        audit = steps.config.audit.model_copy(update={"policies": [str(policy)]})
        self.config = steps.config.model_copy(update={"model": model, "audit": audit})
        self.run = self.start()

    def start(self) -> RunRef:
        self.run = open_run(experiment="small", name="r", model=self.config.model, tags={})
        return self.run

    def configure(self, **gate: object) -> Config:
        self.config = self.config.model_copy(update={"gate": GateConfig(**gate)})
        return self.config

    def decide(self, missing: tuple[str, ...] = ()) -> tuple[Ref, dict]:
        evidence = self.results["evidence"]
        groups = audit_groups.fn(evidence, self.steps.holdout, self.config, run=self.run)
        self.results = {**self.results, "groups": groups}
        if self.config.gate.robustness:
            self.results["robust"] = self.stress(groups)
        ref = decide_model.fn(self.results, self.steps.holdout, self.config, list(missing), run=self.run)
        return ref, read_json(store().folder(ref) / "decision.json")

    def stress(self, groups: Ref) -> Ref:
        steps = self.steps
        parts = {"fitted": steps.fitted, "develop": steps.develop, "holdout": steps.holdout}
        parts["evidence"], seed = self.results["evidence"], self.config.seed
        asked = {"min_cell": 10, "confidence": 0.95, "seed": seed, "run": self.run, "groups": groups}
        return stress_model.fn(parts, self.config.robustness, **asked)

    def register(self) -> Version:
        whole = self.config.model_dump(mode="json")
        record = self.config.record
        steps = self.steps
        return register_model.fn(steps.rows, steps.parts, steps.fitted, self.page, record, config=whole, run=self.run)

    def whole(self, missing: tuple[str, ...] = ()) -> tuple[dict, Version]:
        """Decide, register and enact, as the flow does."""
        ref, _ = self.decide(missing)
        version = self.register()
        return enact_decision.fn(self.results, ref, self.page, version, self.config, run=self.run), version


@pytest.fixture
def retrain(
    steps: Steps, results: dict[str, Ref], page: Ref, tmp_path: Path, request: pytest.FixtureRequest
) -> Retrain:
    (tmp_path / "policy.yaml").write_text(POLICY)
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[-60:].strip("-")
    return Retrain(steps, results, page, f"m-{name}", tmp_path / "policy.yaml")


GOOD = {"first": "rules_only", "floors": {"accuracy": 0.5}, "group_loss": 0.4, "margin": 0.2}
"""Few rows cannot show that rates fell by less than a tenth, even when no decision changed: margins are wide here."""


def live(retrain: Retrain) -> str | None:
    return ledger.live_version(retrain.config.model)


def test_the_first_model_is_held_and_says_why(retrain: Retrain) -> None:
    decided, _ = retrain.whole()
    assert decided["outcome"] == "hold"
    assert decided["reasons"] == ["first model: there is no champion to compare with, so a person decides (gate.first)"]
    assert live(retrain) is None


def test_a_first_model_that_keeps_all_rules_goes_live_when_that_is_allowed(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    decided, version = retrain.whole()
    assert decided["outcome"] == "promote"
    assert live(retrain) == version.version


@pytest.mark.parametrize(
    ("gate", "missing", "outcome", "said"),
    [
        ({"floors": {"accuracy": 0.999}}, (), "block", "accuracy"),
        ({"floors": {"acuracy": 0.1}}, (), "hold", "acuracy"),
        ({}, ("risk_acceptance",), "hold", "risk acceptance"),
        ({"size_mb": 0.000001}, (), "block", "MB"),
        ({"latency_p99_ms": 0.0}, (), "block", "ms"),
        ({"robustness": {"nobody_computed": 0.1}}, (), "hold", "nobody_computed"),
        ({"looks": "planned", "planned_looks": 1, "floors": {"accuracy": 0.5}}, (), "promote", ""),
    ],
)  # fmt: skip
def test_each_rule_can_stop_it(retrain: Retrain, gate: dict, missing: tuple, outcome: str, said: str) -> None:
    retrain.configure(**{"first": "rules_only", **gate})
    _, found = retrain.decide(missing)
    assert found["outcome"] == outcome, found["reasons"]
    assert said in " ".join(found["reasons"])


def test_looking_again_at_the_same_is_no_new_look_and_other_predictions_are(
    retrain: Retrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [retrain.decide()[1]["look"] for _ in range(2)] == [1, 1]
    retrain.start()
    assert retrain.decide()[1]["look"] == 1, "the same predictions under the same policies"
    (tmp_path / "other.yaml").write_text(POLICY.replace("0.2", "0.3"))
    audit = retrain.config.audit.model_copy(update={"policies": [str(tmp_path / "other.yaml")]})
    retrain.config = retrain.config.model_copy(update={"audit": audit})
    assert retrain.decide()[1]["look"] == 2, "another policy on the same test set"
    retrain.configure(looks="planned", planned_looks=1)
    _, found = retrain.decide()
    assert "its error is spent" in " ".join(found["reasons"])


def test_a_rule_has_one_verdict_wherever_a_person_sees_it(retrain: Retrain, tmp_path: Path) -> None:
    """The audit and the card judged at the policy's own level and said PASS where the decision said INCONCLUSIVE."""
    retrain.configure(**GOOD)
    retrain.whole()
    retrain.start()
    (tmp_path / "policy.yaml").write_text(POLICY.replace("0.2", "0.3"))
    ref, found = retrain.decide()
    folder = store().folder(retrain.results["groups"])
    audit = read_json(folder / "audit.json")
    [rule] = audit["policies"][0]["rules"]
    [ruled] = [one for one in found["rules"] if one["rule"] == "fairness"]
    assert rule["alpha"] == pytest.approx(0.05 / 6), "the second look"
    assert ruled["reason"].endswith("look 2 at level 0.00833"), "as the card and the pages write it"
    assert {name: rule[name] for name in ruled["figures"]} == ruled["figures"]
    assert rule["verdict"] == ruled["status"] == found["verdicts"]["wide: demographic_parity_ratio by sex"]
    gap = audit["attributes"]["sex"]["disparities"]["demographic_parity_ratio"]
    assert [gap[name] for name in ("verdict", "low", "high")] == [rule[name] for name in ("verdict", "low", "high")]
    assert "level 0.00833, the 0.167 of its own 0.05" in (folder / "report.html").read_text()
    rows = {row["what"]: row for row in read_json(store().folder(ref) / "difference.json")}
    row = rows["A limit that these rows can show: demographic parity ratio by sex"]
    assert row["champion"].endswith(", level 0.025")
    assert row["challenger"].startswith(f"{ruled['status']}, ")
    assert row["challenger"].endswith(", level 0.00833")
    whole = retrain.config.model_dump(mode="json")
    card = store().folder(write_card.fn({**retrain.results, "decision": ref}, whole, run=retrain.run)) / "card.md"
    assert "look 2 at this test set may spend 0.167 of the policy's own 0.05" in card.read_text()


FLOORS = {"floors": {"accuracy": 0.5, "roc_auc": 0.3}, "robustness": {"noise_agreement": 0.1}}


def test_floors_spend_what_the_look_may_spend_and_the_pages_keep_their_level(retrain: Retrain, tmp_path: Path) -> None:
    """They were judged by 95 % intervals at every look, so that one of many misjudged a model nearly surely."""
    retrain.configure(**FLOORS, first="rules_only")
    before = read_json(store().folder(retrain.results["evidence"]) / "evaluation.json")["metrics"]["accuracy"]
    told = []
    for look, alpha in ((1, 0.025), (2, 0.05 / 6)):
        _, found = retrain.decide()
        rules = {rule["subject"]: rule for rule in found["rules"] if rule["rule"] in ("floor", "robustness")}
        assert {rule["status"] for rule in rules.values()} == {"PASS"}
        for rule in rules.values():
            assert rule["reason"].endswith(f"; look {look} at level {alpha:.3g}")
            assert rule["figures"]["alpha"] == pytest.approx(alpha)
        told.append(rules)
        (tmp_path / "policy.yaml").write_text(POLICY.replace("0.2", "0.3"))  # the next look
    for first, second in zip(*(rules.values() for rules in told), strict=True):
        assert first["figures"]["value"] == second["figures"]["value"] or first["rule"] == "robustness"
        assert second["figures"]["low"] < first["figures"]["low"]
    assert (
        told[0]["accuracy"]["figures"]["low"] < before["low"] < before["high"] < told[0]["accuracy"]["figures"]["high"]
    )
    folder = store().folder(retrain.results["robust"])
    shown, judged = read_json(folder / "robustness.json"), read_json(folder / "judged.json")
    for name, figure in shown.items():
        assert judged["figures"][name]["value"] == figure["value"]
    assert judged["figures"]["noise_agreement"]["low"] < shown["noise_agreement"]["low"]


def test_without_error_left_no_floor_passes_and_a_person_decides(retrain: Retrain, tmp_path: Path) -> None:
    """An exhausted test set still let floors say PASS."""
    planned = {"looks": "planned", "planned_looks": 1, "first": "rules_only", "inconclusive": "promote"}
    retrain.configure(**FLOORS, **planned)
    assert retrain.decide()[1]["outcome"] == "promote"
    (tmp_path / "policy.yaml").write_text(POLICY.replace("0.2", "0.3"))
    _, found = retrain.decide()
    said = {(rule["rule"], rule["status"]) for rule in found["rules"] if rule["rule"] in ("floor", "robustness")}
    assert (found["look"], said) == (2, {("floor", "INCONCLUSIVE"), ("robustness", "INCONCLUSIVE")})
    assert found["outcome"] == "hold"
    assert "floor: look 2 at this test set may spend nothing" in " ".join(
        f"{rule['rule']}: {rule['reason']}" for rule in found["rules"]
    )
    retrain.configure(floors=FLOORS["floors"], floors_by="value", **planned)
    _, found = retrain.decide()
    assert {rule["status"] for rule in found["rules"] if rule["rule"] == "floor"} == {"PASS"}, "a value spends nothing"


def test_robustness_that_was_not_judged_at_this_look_is_missing(retrain: Retrain, tmp_path: Path) -> None:
    retrain.configure(robustness={"noise_agreement": 0.1}, first="rules_only")
    assert retrain.decide()[1]["outcome"] == "promote"
    robust = retrain.results["robust"]
    (tmp_path / "policy.yaml").write_text(POLICY.replace("0.2", "0.3"))
    groups = audit_groups.fn(retrain.results["evidence"], retrain.steps.holdout, retrain.config, run=retrain.run)
    results = {**retrain.results, "groups": groups, "robust": robust}
    ref = decide_model.fn(results, retrain.steps.holdout, retrain.config, [], run=retrain.run)
    found = read_json(store().folder(ref) / "decision.json")
    assert found["outcome"] == "hold"
    assert "noise_agreement is undefined: the step `stress` has no such figure at this look" in " ".join(
        found["reasons"]
    )


def test_a_run_that_repeats_another_takes_no_look_and_is_judged_as_that_one_was(retrain: Retrain) -> None:
    retrain.decide()
    looks = [record.kind for record in ledger.records(retrain.config.model)].count("look")
    evidence, holdout = retrain.results["evidence"], retrain.steps.holdout
    other = retrain.config.model_copy(update={"seed": 7})
    again = audit_groups.fn(evidence, holdout, other, run=retrain.run, repeats=current(retrain.run).name)
    found = read_json(store().folder(again) / "audit.json")
    assert found["look"] == {"number": 1, "share": 0.5, "elsewhere": False}
    assert found["policies"][0]["rules"][0]["alpha"] == pytest.approx(0.025)
    assert [record.kind for record in ledger.records(retrain.config.model)].count("look") == looks


def test_a_respelled_configuration_looks_at_the_same_test_set(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    assert retrain.decide()[1]["look"] == 1
    data = retrain.config.data
    spelled = data.model_copy(update={"group": "suffolk", "favorable_label": "1"})  # the split uses no group
    retrain.config = retrain.config.model_copy(update={"data": spelled})
    assert retrain.decide()[1]["look"] == 1
    sex = data.sensitive["sex"].model_copy(update={"column": "other"})
    judged = data.model_copy(update={"sensitive": {**data.sensitive, "sex": sex}})
    retrain.config = retrain.config.model_copy(update={"data": judged})
    assert retrain.decide()[1]["look"] == 2, "judged otherwise on the same rows"


def test_other_test_rows_before_there_is_a_champion_are_for_a_person(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    assert retrain.decide()[1]["outcome"] == "promote"
    split = retrain.config.split.model_copy(update={"salt": "another"})
    retrain.config = retrain.config.model_copy(update={"split": split})
    _, found = retrain.decide()
    assert (found["look"], found["outcome"]) == (1, "hold")
    assert "another test set" in " ".join(found["reasons"])


def test_a_plan_that_may_change_the_split_gives_no_retrain_a_new_budget_by_itself(retrain: Retrain) -> None:
    """Each salt drew another test set, each with the share of a first look, until one of them let the model pass."""
    retrain.configure(**GOOD, plan={"may_change": ["seed", "split"]})
    assert retrain.whole()[0]["outcome"] == "promote"
    old = retrain.config.split
    retrain.config = retrain.config.model_copy(update={"split": old.model_copy(update={"salt": "another"})})
    retrain.start()
    found, version = retrain.whole()
    looks = [record.body for record in ledger.records(retrain.config.model) if record.kind == "look"]
    assert [look["look"] for look in looks] == [1, 1]
    assert found["outcome"] == "hold"
    [reason] = found["reasons"]
    assert reason.startswith("change plan: outside the change plan: split.salt made this another test set than the")
    answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "the test set was worn"))
    assert live(retrain) == version.version
    retrain.start()
    assert retrain.decide()[1]["outcome"] == "promote", "a person has seen this test set begin"
    retrain.config = retrain.config.model_copy(update={"split": old})
    retrain.start()
    assert retrain.decide()[1]["outcome"] == "hold", "back at the first one"


def _beside(version: Version, name: str) -> Path:
    """An artifact of a version's run, where MLflow keeps it."""
    run = client().get_run(client().get_model_version(version.model, version.version).run_id)
    return Path(unquote(urlsplit(run.info.artifact_uri).path)) / name


def _wider(about: dict) -> dict:
    return {**about, "gate": {**about["gate"], "plan": {"may_change": ["data", "gate"]}}}


def _of_fewer_rows(about: dict) -> dict:
    develop = {**about["results"]["develop"], "digest": "0" * 64}
    return {**about, "results": {**about["results"], "develop": develop}}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("provenance/config.json", _wider),
        ("provenance/about.json", lambda about: {**about, "features": []}),
        ("provenance/provenance.json", _of_fewer_rows),
        ("provenance/provenance.json", lambda about: {**about, "rule_files": {}}),
        ("provenance/provenance.json", lambda _: []),
    ],
    ids=["plan", "features", "learned", "rules", "form"],
)
def test_a_champion_whose_file_in_mlflow_was_altered_promotes_nothing(retrain: Retrain, name: str, change: Any) -> None:
    """Whoever can write one artifact would widen the plan that the champion declared, or hide what it learned from."""
    retrain.configure(**GOOD)
    _, version = retrain.whole()
    assert live(retrain) == version.version
    retrain.start()
    file = _beside(version, name)
    kept = file.read_text()
    file.write_text(json.dumps(change(json.loads(kept))))
    _, found = retrain.decide()
    assert found["outcome"] == "hold"
    said = " ".join(found["reasons"])
    assert f"{Path(name).name} of {version.model} version {version.version}" in said
    assert "altered" in said
    assert [fault.kind for fault in ledger.faults() if version.model in fault.message] == (
        [] if name == "provenance/about.json" else ["altered"]
    )
    file.write_text(kept)
    assert not [fault for fault in ledger.faults() if version.model in fault.message]


def test_a_champion_that_was_replaced_together_with_its_tags_is_not_loaded(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    _, version = retrain.whole()
    found = client().get_model_version(version.model, version.version)
    place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
    file = Path(unquote(urlsplit(place).path)) / "model.skops"
    kept = file.read_bytes()
    file.unlink()
    save_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), file)
    tags = {"evenhand.file_digest": digest_file(file), "evenhand.model_digest": digest_file(file)}
    tag_version(version.model, version.version, tags)
    assert load_registered(version.model, version.version) is not None, "MLflow alone does not know"
    with pytest.raises(ModelError, match="is not the one that was decided about"):
        ledger.load_decided(version.model, version.version)
    retrain.start()
    _, decided = retrain.decide()
    assert (decided["outcome"], "decided about" in " ".join(decided["reasons"])) == ("hold", True)
    assert [fault.kind for fault in ledger.faults() if version.model in fault.message] == ["altered"]
    file.write_bytes(kept)
    tag_version(version.model, version.version, dict.fromkeys(tags, digest_file(file)))
    assert not [fault for fault in ledger.faults() if version.model in fault.message]


def test_an_approval_makes_a_held_version_live_once(retrain: Retrain) -> None:
    _, version = retrain.whole()
    hold = find_hold(retrain.run.name[:8])
    assert held_version(hold.decision) == version.version
    answer_hold(hold, Answer("approve", "ann", "looked at"))
    assert live(retrain) == version.version
    with pytest.raises(LedgerError, match="approved on"):
        answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "again"))
    assert find_faults(ledger.records()) == ()


def test_a_rejection_keeps_it_out(retrain: Retrain) -> None:
    retrain.whole()
    answer_hold(find_hold(retrain.config.model), Answer("reject", "ann", "no"))
    assert live(retrain) is None
    with pytest.raises(LedgerError, match="rejected on"):
        answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "yes"))


@pytest.mark.parametrize("answer", [Answer("approve", "", "why"), Answer("approve", "ann", " ")])
def test_an_answer_needs_a_name_and_a_reason(retrain: Retrain, answer: Answer) -> None:
    retrain.whole()
    with pytest.raises(LedgerError, match="needs a name and a reason"):
        answer_hold(find_hold(retrain.config.model), answer)


def test_an_approval_that_was_killed_before_the_move_is_finished_by_the_next(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, version = retrain.whole()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(people, "move_champion", killed)
        with pytest.raises(KeyboardInterrupt):
            answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "looked at"))
    assert live(retrain) is None
    answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "looked at"))
    assert live(retrain) == version.version
    kinds = [record.kind for record in ledger.records(retrain.config.model)]
    assert kinds.count("approval") == kinds.count("intent") == 1


@pytest.mark.parametrize("dies", ["before the alias", "before the tags", "before the last record", "behind it"])
def test_an_approval_killed_in_its_move_is_finished_and_told_by_whoever_reads_next(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """Its version was live and went on to say `hold`, with the stamp of its decision, and nobody came back to that."""
    _, version = retrain.whole()
    model, given = retrain.config.model, Answer("approve", "ann", "looked at")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def last(kind: Kind, *record: Any) -> Any:
        made = ledger.append(kind, *record) if kind != "done" or dies == "behind it" else None
        return made if kind != "done" else killed()

    with monkeypatch.context() as patch:
        name = {"before the alias": "move_alias", "before the tags": "tag_version"}.get(dies, "append")
        patch.setattr(champion, name, last if name == "append" else killed)
        with pytest.raises(KeyboardInterrupt):
            answer_hold(find_hold(model), given)
    again = answer_hold(find_hold(model), given)
    assert again.kind == "approval"
    assert live(retrain) == version.version
    tags = client().get_model_version(model, version.version).tags
    assert (tags["evenhand.decision"], tags[STAMP]) == ("approved", ledger.records(model)[-1].hash)
    with pytest.raises(LedgerError, match="approved on"):
        answer_hold(find_hold(model), given)
    kinds = [record.kind for record in ledger.records(model)]
    assert [kinds.count(kind) for kind in ("approval", "intent", "done")] == [1, 1, 1]


def test_a_rejection_that_was_killed_before_its_stamp_is_finished_by_the_same_answer(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, version = retrain.whole()
    model, given = retrain.config.model, Answer("reject", "ann", "no")
    with monkeypatch.context() as patch:
        patch.setattr(people, "stamp_version", lambda *_: None)
        first = answer_hold(find_hold(model), given)
    assert answer_hold(find_hold(model), given) == first
    tags = client().get_model_version(model, version.version).tags
    assert (tags["evenhand.decision"], tags[STAMP]) == ("rejected", first.hash)
    with pytest.raises(LedgerError, match="rejected on"):
        answer_hold(find_hold(model), given)


def test_an_approval_that_was_killed_before_the_move_moves_nothing_over_a_newer_decision(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older version went live by the same command, days after a newer one had been held in its place."""
    retrain.whole()
    killed = find_hold(retrain.run.name)
    with monkeypatch.context() as patch:
        patch.setattr(people, "move_champion", lambda *_, **__: None)
        answer_hold(killed, Answer("approve", "ann", "looked at"))
    approved = find_hold(retrain.run.name)
    retrain.start()
    retrain.configure(group_loss=0.5)
    _, newer = retrain.whole()
    with pytest.raises(LedgerError, match=r"version 1 was approved .* superseded .* by version 2 before it went live"):
        answer_hold(killed, Answer("approve", "ann", "looked at"))
    with pytest.raises(LedgerError, match="superseded"):
        finish_approval(approved)  # of a run of the service that had read before
    assert live(retrain) is None
    assert [fault for fault in ledger.faults() if f" of {newer.model}" in fault.message] == []
    answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "looked at"))
    assert live(retrain) == newer.version


def test_a_newer_challenger_supersedes_an_older_one(retrain: Retrain) -> None:
    retrain.whole()
    older = find_hold(retrain.run.name)
    retrain.start()
    retrain.configure(group_loss=0.5)
    retrain.whole()
    with pytest.raises(LedgerError, match=r"version 1 was superseded .* by version 2"):
        answer_hold(older, Answer("approve", "ann", "looked at"))


def test_a_changed_champion_or_evidence_refuses_an_approval(retrain: Retrain) -> None:
    _, version = retrain.whole()
    hold = find_hold(retrain.config.model)
    tag_version(retrain.config.model, version.version, {"evenhand.card_digest": "0" * 64})
    with pytest.raises(LedgerError, match=r"evenhand\.card_digest.*retrain"):
        answer_hold(hold, Answer("approve", "ann", "looked at"))
    move_alias(retrain.config.model, "champion", version.version)
    with pytest.raises(LedgerError, match="moved by hand"):
        answer_hold(hold, Answer("approve", "ann", "looked at"))
    ledger.settle(retrain.config.model)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
def test_only_a_signed_answer_of_another_person_counts(retrain: Retrain, tmp_path: Path, monkeypatch) -> None:
    lines = []
    for name, names in {"ann": "ann", "bob": "bob,bob@x.org", "eve": "*@x.org"}.items():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
        lines.append(f"{names} {(tmp_path / f'{name}.pub').read_text()}")
    (tmp_path / "approvers").write_text("".join(lines))
    monkeypatch.setenv("EVENHAND_USER", "bob")
    retrain.configure(approvers=str(tmp_path / "approvers"), approver_is_not_trainer=True)
    _, version = retrain.whole()
    hold = find_hold(retrain.config.model)

    def signed(name: str, *, says: str = "", kind: str = "approve") -> Answer:
        signature = sign(statement(hold.decision, version.version, kind), tmp_path / name)
        return Answer("approve", says or name, "looked at", signature)

    with pytest.raises(LedgerError, match="proves nothing"):
        answer_hold(hold, Answer("approve", "ann", "looked at"))
    with pytest.raises(LedgerError, match="not one of 'ann'"):
        answer_hold(hold, signed("bob", says="ann"))
    with pytest.raises(LedgerError, match="signature"):
        answer_hold(hold, signed("ann", kind="reject"))
    with pytest.raises(LedgerError, match="bob started the run"):
        answer_hold(hold, signed("bob"))
    with pytest.raises(LedgerError, match=r"gives the key of 'bob@x\.org' to 'bob' as well, who started the run"):
        answer_hold(hold, signed("bob", says="bob@x.org"))
    with pytest.raises(LedgerError, match=r"gives the key to '\*@x\.org', a pattern that fits any name"):
        answer_hold(hold, signed("eve", says="ceo@x.org"))
    (tmp_path / "approvers").write_text("".join(lines).replace("bob,", "zoe,"))
    with pytest.raises(LedgerError, match="approvers was changed after the decision: put it back, or retrain"):
        answer_hold(hold, signed("bob", says="zoe"))
    rejected = sign(statement(hold.decision, version.version, "reject"), tmp_path / "bob")
    with pytest.raises(LedgerError, match="approvers was changed after the decision"):
        answer_hold(hold, Answer("reject", "zoe", "no", rejected))
    (tmp_path / "approvers").write_text("".join(lines))
    assert live(retrain) is None
    record = answer_hold(hold, signed("ann"))
    assert record.body["verified"] is True
    shown = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "ann.pub"], capture_output=True, text=True, check=True)
    assert record.body["key"] == shown.stdout.split()[1]
    assert live(retrain) == version.version
    everything = ledger.records()
    assert not list(forged(everything))
    for changed in ({"signature": ""}, {"by": "bob"}, {"verified": False}, {"signature": rejected}):
        false = replace(record, body={**record.body, **changed})
        found = [false if each.hash == record.hash else each for each in everything]
        assert [(fault.sequence, fault.kind) for fault in forged(found)] == [(record.sequence, "unfounded")], changed
    (tmp_path / "approvers").write_text("".join(lines).replace("ann ", 'ann valid-before="20200101" '))
    digest = digest_file(tmp_path / "approvers")
    held = replace(hold.decision, body={**hold.decision.body, "approvers_digest": digest})
    found = [held if each.hash == held.hash else each for each in everything]
    assert [fault.sequence for fault in forged(found)] == [record.sequence], "the key had expired before"
    (tmp_path / "approvers").unlink()
    assert not list(forged(everything)), "the list of that time is not at hand"


def test_the_next_model_is_compared_with_the_champion_on_the_test_rows(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    retrain.whole()
    retrain.start()
    ref, found = retrain.decide()
    assert found["outcome"] == "promote", found["reasons"]
    compared = read_json(store().folder(ref) / "comparison.json")
    assert compared["n"] == read_json(store().folder(retrain.results["evidence"]) / "evaluation.json")["n"]
    assert compared["left_out"] == 0
    assert compared["difference"]["value"] == 0, "it is the same model"
    audit = read_json(store().folder(retrain.results["groups"]) / "audit.json")
    views = {**audit["attributes"], **audit["intersections"]}
    listed = {(name, group["group"]) for name, view in views.items() for group in view["groups"]}
    assert ("race & sex", "black & female") in listed
    assert {(each["attribute"], each["group"]) for each in compared["groups"]} == listed, "intersections, too"
    statuses = {rule["rule"]: rule["status"] for rule in found["rules"]}
    assert statuses["non-inferiority"] == statuses["group loss"] == "PASS"
    assert read_json(store().folder(ref) / "churn.json")["overall"]["flipped"]["value"] == 0


def test_a_change_of_the_configuration_without_a_plan_holds(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    retrain.whole()
    retrain.start()
    retrain.config = retrain.config.model_copy(update={"seed": 99})
    _, found = retrain.decide()
    assert found["outcome"] == "hold"
    assert "seed went from 1 to 99" in " ".join(found["reasons"])


def test_a_softened_policy_file_holds_though_its_name_is_the_same(retrain: Retrain, tmp_path: Path) -> None:
    retrain.configure(**GOOD)
    assert retrain.whole()[0]["outcome"] == "promote"
    (tmp_path / "policy.yaml").write_text(POLICY.replace("0.2", "0.1"))
    retrain.start()
    decided, _ = retrain.whole()
    assert decided["outcome"] == "hold"
    assert "audit.policies policy.yaml changed" in " ".join(decided["reasons"])


def test_a_model_that_another_ledger_decided_about_does_not_promote_by_itself(
    retrain: Retrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its champion and its looks are counted there: a deleted ledger gives no first model, no first look."""
    retrain.configure(**GOOD)
    retrain.whole()
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{tmp_path / 'new.db'}")
    move_alias(retrain.config.model, "champion", None)
    retrain.start()
    _, found = retrain.decide()
    assert found["outcome"] == "hold"
    assert "was decided about in another ledger" in " ".join(found["reasons"])


def test_a_retrain_that_was_killed_after_its_look_counts_in_every_ledger(
    retrain: Retrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had no version yet: with another home the same test set was looked at for the first time again."""
    retrain.configure(**GOOD)
    evidence = retrain.results["evidence"]
    audit_groups.fn(evidence, retrain.steps.holdout, retrain.config, run=retrain.run)
    monkeypatch.setenv("EVENHAND_LEDGER", f"sqlite:///{tmp_path / 'new.db'}")
    retrain.start()
    _, found = retrain.decide()
    assert found["outcome"] == "hold"
    assert "looked at its test set in another ledger" in " ".join(found["reasons"])


def test_a_champion_whose_rows_are_gone_is_missing_evidence(retrain: Retrain, monkeypatch: pytest.MonkeyPatch) -> None:
    retrain.configure(**GOOD)
    retrain.whole()
    retrain.start()
    from evenhand.exceptions import StoreError
    from tasks.decide import champion as decide

    real = decide.load_part

    def gone(ref: Ref, name: str) -> object:
        if name == "train":
            raise StoreError("the result of step 'develop' is not in the store")
        return real(ref, name)

    monkeypatch.setattr(decide, "load_part", gone)
    retrain.configure(**GOOD, minimum_rows=101)  # asks anew
    ref, found = retrain.decide()
    statuses = {rule["rule"]: rule["status"] for rule in found["rules"]}
    assert statuses["non-inferiority"] == "MISSING"
    assert found["outcome"] == "hold"
    sections = {row["section"] for row in read_json(store().folder(ref) / "difference.json")}
    assert {"Features", "Configuration", "Metrics", "Groups"} <= sections, "who has to answer sees what changes"


def test_a_version_that_waits_for_mlflow_is_held(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    ref, found = retrain.decide()
    assert found["outcome"] == "promote"
    waits = Version(retrain.config.model, "", "challenger", "")
    decided = enact_decision.fn(retrain.results, ref, retrain.page, waits, retrain.config, run=retrain.run)
    assert decided["outcome"] == "hold"
    with pytest.raises(LedgerError, match="evenhand sync"):
        held_version(find_hold(retrain.config.model).decision)
    version = retrain.register()  # MLflow answers again
    answer_hold(find_hold(retrain.config.model), Answer("approve", "ann", "looked at"))
    assert live(retrain) == version.version
    file = _beside(version, "provenance/config.json")
    kept = file.read_text()
    file.write_text(json.dumps({**json.loads(kept), "seed": 99}))
    with pytest.raises(ModelError, match="altered since"):
        ledger.read_decided(version.model, version.version)
    file.write_text(kept)
    ledger.read_decided(version.model, version.version)


def test_a_run_that_waited_for_mlflow_is_answered_by_either_name(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain.configure(**GOOD)
    ref, _ = retrain.decide()
    waits = Version(retrain.config.model, "", "challenger", "")
    with monkeypatch.context() as silent:
        silent.setattr(enact, "current", lambda run: replace(run, run_id=""))
        enact_decision.fn(retrain.results, ref, retrain.page, waits, retrain.config, run=retrain.run)
    retrain.register()
    by_key, by_id = find_hold(retrain.run.key[:8]), find_hold(retrain.run.run_id[:8])
    assert by_key.decision.hash == by_id.decision.hash
    assert by_id.decision.body["run_id"] == retrain.run.key != retrain.run.run_id
    with pytest.raises(LedgerError, match="no decision of 'beef1234' is held"):
        find_hold("beef1234")


def test_enacting_again_after_a_kill_makes_no_second_decision(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    ref, _ = retrain.decide()
    version = retrain.register()
    for _ in range(2):
        enact_decision.fn(retrain.results, ref, retrain.page, version, retrain.config, run=retrain.run)
    kinds = [record.kind for record in ledger.records(retrain.config.model)]
    assert kinds == ["look", "decision", "intent", "done"]


def test_a_rollback_takes_an_earlier_champion_only(retrain: Retrain) -> None:
    retrain.configure(**GOOD)
    model = retrain.config.model
    with pytest.raises(LedgerError, match="no champion"):
        roll_back(model, to=None, by="ann", reason="why")
    retrain.whole()
    with pytest.raises(LedgerError, match="only champion"):
        roll_back(model, to=None, by="ann", reason="why")
    retrain.start()
    retrain.whole()
    assert live(retrain) == "2"
    with pytest.raises(LedgerError, match="never champion"):
        roll_back(model, to="9", by="ann", reason="why")
    with pytest.raises(LedgerError, match="live already"):
        roll_back(model, to="2", by="ann", reason="why")
    roll_back(model, to=None, by="ann", reason="complaints")
    assert live(retrain) == "1"
    assert replace(ledger.records(model)[-3]).body["reason"] == "complaints"
    assert find_faults(ledger.records()) == ()
    with pytest.raises(LedgerError, match=r"every other champion .* was rolled back from: name one with --to, 2$"):
        roll_back(model, to=None, by="ann", reason="the command again")
    assert live(retrain) == "1"


def test_of_two_rollbacks_at_once_the_refused_one_leaves_no_order(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain.configure(**GOOD)
    model = retrain.config.model
    retrain.whole()
    retrain.start()
    retrain.whole()
    smoke = people._smoke
    others = iter([lambda: roll_back(model, to="1", by="bob", reason="first")])

    def slow(name: str, version: str) -> None:
        smoke(name, version)
        next(others, lambda: None)()  # the other one is faster

    monkeypatch.setattr(people, "_smoke", slow)
    with pytest.raises(LedgerError, match="version 1 is live meanwhile, and was 2: nothing is rolled back"):
        roll_back(model, to="1", by="ann", reason="second")
    orders = [record for record in ledger.records(model) if record.kind == "rollback"]
    assert [order.body["by"] for order in orders] == ["bob"]


def test_a_champion_that_was_deleted_in_mlflow_makes_room_for_an_earlier_and_for_an_approved_one(
    retrain: Retrain,
) -> None:
    retrain.configure(**GOOD)
    model = retrain.config.model
    for _ in range(2):
        retrain.whole()
        retrain.start()
    client().delete_model_version(model, "2")
    with pytest.raises(LedgerError, match=r"version 2 of .* is gone from MLflow: `evenhand rollback"):
        ledger.live_version(model)
    with pytest.raises(LedgerError, match="is gone from MLflow"):
        ledger.settle(model)
    roll_back(model, to=None, by="ann", reason="2 is gone")
    assert live(retrain) == "1"
    client().delete_model_version(model, "1")
    decided, version = retrain.whole()
    assert decided["outcome"] == "hold"
    assert "is gone from MLflow" in " ".join(decided["reasons"])
    answer_hold(find_hold(model), Answer("approve", "ann", "looked at"))
    assert live(retrain) == version.version
    assert find_faults(ledger.records()) == ()
