"""What a service file becomes: deployments, the form of their parameters, the pool and the rules, before any server."""

import inspect
import json
import re
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
import yaml
from prefect.client.schemas.objects import WorkPool
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.utilities.schema_tools.validation import ValidationError, validate

from deployments.automations import Terms, lost, retrain_on_alarm
from deployments.deploy import plan
from deployments.kinds import KINDS
from deployments.parameters import parameter_schema, parameters
from deployments.pools import environment, job_variables, process_template
from evenhand.config import Config, Service, load_service
from evenhand.exceptions import ConfigError
from evenhand.fairness.policies.load import available_policies
from flows import served
from flows.life import ALIVE, LIES_DOWN
from flows.served import monitor
from flows.service import retrain

EXAMPLES = Path(__file__).parents[2] / "examples"
WHOLE = ["search", "weight", "mitigate", "evaluate", "audit", "explain", "split", "contract", "seed"]


def service_of(folder: Path, **about: Any) -> Service:
    config = yaml.safe_load((EXAMPLES / "loan-approval.yaml").read_text(encoding="utf-8"))
    (folder / "loans.yaml").write_text(yaml.safe_dump(config))
    file = folder / "service.yaml"
    file.write_text(yaml.safe_dump({"models": {"loans": {"config": "loans.yaml", **about}}}))
    return load_service(file)


@pytest.fixture(params=["one page", "everything"])
def form(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema and what stands in the form at first."""
    about = {"form": WHOLE} if request.param == "everything" else {}
    model = service_of(tmp_path, **about).models["loans"]
    return parameter_schema(model), parameters(model)


def fields(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = list(schema["properties"].items())
    for kind, section in schema["definitions"].items():
        found += [(f"{kind}.{name}", field) for name, field in section["properties"].items()]
    return found


def test_the_form_takes_what_stands_in_it_at_first(form: tuple[dict, dict]) -> None:
    schema, given = form
    jsonschema.Draft202012Validator.check_schema(schema)
    validate(given, schema, raise_on_error=True)


def test_every_field_has_title_description_and_place_and_none_is_two_tabs(form: tuple[dict, dict]) -> None:
    for name, field in fields(form[0]):
        assert field["title"], name
        assert field["description"], name
        assert "`" not in field["description"], name
        assert isinstance(field["position"], int), name
        assert "anyOf" not in field, name


def test_every_section_has_the_configurations_values_as_defaults(form: tuple[dict, dict]) -> None:
    schema, given = form
    for name, field in schema["properties"].items():
        assert field["default"] == given[name]
        if "$ref" in field:
            section = schema["definitions"][field["$ref"].removeprefix("#/definitions/")]
            assert {key: each["default"] for key, each in section["properties"].items() if "default" in each} == given[
                name
            ]
    assert given["search"]["trials"] == 24


@pytest.mark.parametrize(
    "wrong",
    [
        {"search": {"trials": 0}},
        {"search": {"trials": 2.5}},
        {"search": {"trials": None}},
        {"search": {"trails": 5}},
        {"search": {"candidates": ["forest"]}},
        {"audit": {"policies": ["/etc/passwd"]}},
        {"evaluate": {"threshold": 1.5}},
        {"contract": "ignore"},
        {"seed": -1},
        {"source": "loans.csv"},
        {"data": {"source": {"path": "/etc/passwd"}}},
        {"record": {"alias": "champion"}},
        {"model": "another"},
    ],
    ids=json.dumps,
)
def test_the_server_refuses_what_is_wrong(wrong: dict[str, Any], form: tuple[dict, dict]) -> None:
    schema, given = form
    with pytest.raises(ValidationError):
        validate({**given, **wrong}, schema, raise_on_error=True)


def test_no_page_reaches_a_file_a_query_or_a_credential(tmp_path: Path) -> None:
    secret = {"sql": "SELECT * FROM loans", "url": "postgresql://reader:${LOANS_PASSWORD}@db/loans"}
    model = service_of(tmp_path, sources={"warehouse": secret}, form=WHOLE).models["loans"]
    said = json.dumps([parameter_schema(model), parameters(model)])
    for word in ("LOANS_PASSWORD", "SELECT", "postgresql", str(tmp_path)):
        assert word not in said
    assert parameter_schema(model)["properties"]["source"]["enum"] == ["warehouse"]


def test_the_policies_are_those_that_ship(tmp_path: Path) -> None:
    schema = parameter_schema(service_of(tmp_path).models["loans"])
    assert schema["definitions"]["AuditConfig"]["properties"]["policies"]["items"]["enum"] == list(available_policies())


def test_the_flow_takes_every_section_that_may_change() -> None:
    sections = set(Config.model_fields) - {"model", "data", "score", "monitor", "card", "record"}
    sections -= {"gate", "robustness"}  # no run loosens its own rules
    assert set(inspect.signature(retrain.fn).parameters) == sections | {"source", "contract"}


def test_a_deployment_a_model_and_kind(tmp_path: Path) -> None:
    service = load_service(EXAMPLES / "service.yaml")
    planned = {f"{each.flow}/{each.name}": each for each in plan(service)}
    wanted = [kind for model in service.models.values() for kind in KINDS if kind.wanted(model)]
    assert len(planned) == len(wanted)
    loans = planned["retrain/loan-approval"]
    assert (loans.cron, loans.timezone) == ("30 5 * * 1-5", "America/New_York")
    assert {"evenhand", "service:evenhand", "model:loan-approval"} == set(loans.tags)
    assert loans.description.startswith("Retrained on working days")
    assert planned["retrain/chile-vote"].cron is None
    off = service_of(tmp_path, retrain={"cron": "0 3 * * *", "active": False})
    assert plan(off)[0].cron is None


def scoring(folder: Path, **about: Any) -> Service:
    whole = {"sources": {"new": {"path": str(folder / "new.parquet")}}, "output": "scored", **about}
    return service_of(folder, score=whole)


def test_a_model_that_scores_has_a_deployment_for_it(tmp_path: Path) -> None:
    assert "score" not in {each.flow for each in plan(service_of(tmp_path))}
    service = scoring(tmp_path, cron="0 6 * * *")
    planned = next(each for each in plan(service) if each.flow == "score")
    assert (planned.name, planned.cron, planned.entrypoint) == ("loans", "0 6 * * *", "flows.served.score")
    assert set(planned.schema["properties"]) == set(inspect.signature(served.score.fn).parameters)
    validate(dict(planned.parameters), dict(planned.schema), raise_on_error=True)
    for wrong in ({"source": "other"}, {"source": "new", "version": "latest"}, {"source": "new", "output": "/tmp"}):
        with pytest.raises(ValidationError):
            validate(wrong, dict(planned.schema), raise_on_error=True)
    assert service.models["loans"].score_output == str(tmp_path / "scored")
    address = f"file://{tmp_path}/scored"
    assert scoring(tmp_path, output=address).models["loans"].score_output == address


@pytest.mark.parametrize("name", ["reproduce", "audit"])
def test_every_model_is_reproduced_and_audited_by_hand(name: str, tmp_path: Path) -> None:
    planned = next(each for each in plan(service_of(tmp_path)) if each.flow == name)
    assert planned.cron is None
    schema = dict(planned.schema)
    assert set(schema["properties"]) == set(inspect.signature(getattr(served, name).fn).parameters)
    jsonschema.Draft202012Validator.check_schema(schema)
    validate(dict(planned.parameters), schema, raise_on_error=True)
    for wrong in ({"model": "another"}, {"version": "x"}, {"source": "/etc/passwd"}, {"policies": ["/etc/passwd"]}):
        with pytest.raises(ValidationError):
            validate({**planned.parameters, **wrong}, schema, raise_on_error=True)
    for field in schema["properties"].values():
        assert field["title"]
        assert field["description"]


@pytest.mark.parametrize(
    ("about", "where"),
    [
        ({"output": "/elsewhere"}, "models.loans.score.output: '/elsewhere' lies outside the service's roots"),
        ({"output": "memory://elsewhere"}, "'memory://elsewhere' lies outside the service's roots"),
        ({"output": "simplecache::s3://bucket/scored"}, "is a chain of addresses"),
        ({"output": ""}, "output is missing"),
        ({"sources": {"new": {"path": "/etc/passwd"}}}, "models.loans.score.sources.new.path"),
    ],
    ids=["output outside", "address outside", "chain", "no output", "source outside"],
)
def test_what_is_scored_and_where_it_goes_lie_below_the_roots(tmp_path: Path, about: dict, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        scoring(tmp_path, **about)
    assert where in str(error.value)


def test_the_digest_of_a_plan_is_that_of_its_content(tmp_path: Path) -> None:
    first, again = plan(service_of(tmp_path))[0], plan(service_of(tmp_path))[0]
    assert first.digest("pool") == again.digest("pool") != first.digest("another pool")
    assert plan(service_of(tmp_path, description="Other."))[0].digest("pool") != first.digest("pool")


def test_a_run_brings_neither_command_nor_environment_of_its_own(tmp_path: Path) -> None:
    service = service_of(tmp_path)
    template = process_template(environment(str(service.path)))
    assert template["variables"]["properties"] == {}
    assert "{{" not in json.dumps(template)
    assert template["job_configuration"]["env"]["EVENHAND_SERVICE"] == str(tmp_path / "service.yaml")


def test_the_rule_looks_at_runs_of_its_service_only() -> None:
    rule = lost(Terms("loans", restarts=2, lost_after=90))
    assert rule.trigger.match_related.root == {
        "prefect.resource.role": "tag",
        "prefect.resource.id": "prefect.tag.service:loans",
    }
    assert rule.trigger.for_each == {"prefect.resource.id"}
    assert rule.trigger.posture.value == "Proactive"
    assert rule.trigger.within.total_seconds() == 90
    assert rule.trigger.after == {ALIVE}, "Prefect's own heartbeats go on while a run is suspended"
    assert {ALIVE, LIES_DOWN, "prefect.flow-run.Completed"} <= rule.trigger.expect


def test_the_rule_changes_no_run() -> None:
    """It cannot look at a run's state: one that ended would start anew, and one that was retried would crash."""
    assert [action.type for action in lost(Terms("loans", restarts=2, lost_after=90)).actions] == ["do-nothing"]


DOCKER = json.loads((EXAMPLES.parent / "deployments" / "docker-job-template.json").read_text(encoding="utf-8"))


def test_a_run_in_a_container_brings_neither_image_nor_volume_nor_environment() -> None:
    """Prefect's server refuses job variables that the template does not name; a worker fills in `{{ name }}` alone."""
    assert DOCKER["variables"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert "{{" not in json.dumps(DOCKER)
    for wrong in ({"image": "other"}, {"volumes": ["/:/host"]}, {"env": {"A": "b"}}, {"command": "id"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, DOCKER["variables"])


def test_a_container_has_what_a_flow_needs_and_no_secret_on_the_server() -> None:
    job = DOCKER["job_configuration"]
    mounted = {volume.split(":")[1] for volume in job["volumes"]}
    assert job["env"]["EVENHAND_HOME"] in mounted, "finished steps and waiting records outlive the container"
    assert str(Path(job["env"]["EVENHAND_SERVICE"]).parent) in mounted
    assert {"/srv/service", "/run/secrets/flow.env"} <= mounted
    assert [volume for volume in job["volumes"] if volume.startswith("/") and not volume.endswith(":ro")] == []
    assert not [name for name in job["env"] if re.search("PASSWORD|SECRET|AUTH|LEDGER", name)]
    assert job["container_create_kwargs"]["read_only"]
    assert job["container_create_kwargs"]["cap_drop"] == ["ALL"]


def test_a_container_reads_its_secrets_from_the_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "flow.env").write_text("MLFLOW_TRACKING_PASSWORD='a b$c'\n")
    (tmp_path / "prefect").write_text('#!/bin/sh\necho "$*: $MLFLOW_TRACKING_PASSWORD"\n')
    (tmp_path / "prefect").chmod(0o700)
    command = DOCKER["job_configuration"]["command"].replace("/run/secrets", str(tmp_path))
    done = subprocess.run(
        shlex.split(command), env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "flow-run execute: a b$c\n"


def test_a_closed_template_is_told_nothing_and_has_to_name_the_service_file() -> None:
    pool = WorkPool(name="loans", type="docker", base_job_template=DOCKER)
    assert job_variables(pool, environment("/srv/service/service.yaml")) == {}
    with pytest.raises(ConfigError, match=r"EVENHAND_SERVICE '/srv/service/service.yaml'.*--file-on-worker"):
        job_variables(pool, environment("/home/anna/service.yaml"))


def test_a_template_of_somebody_else_gets_the_variables_if_it_takes_them() -> None:
    theirs = {"job_configuration": {"env": "{{ env }}"}, "variables": {"properties": {"env": {"type": "object"}}}}
    pool = WorkPool(name="loans", type="kubernetes", base_job_template=theirs)
    assert job_variables(pool, environment("/a")) == {"env": {"EVENHAND_SERVICE": "/a"}}


def watched(folder: Path, **monitor: Any) -> Service:
    sources = {"week": {"path": "week.csv"}, "outcomes": {"path": "outcomes.csv"}}
    return service_of(folder, monitor={"sources": sources, **monitor})


def test_a_model_is_watched_where_the_file_names_new_rows(tmp_path: Path) -> None:
    assert "monitor" not in {each.flow for each in plan(service_of(tmp_path))}
    service = watched(tmp_path, cron="0 4 * * 1", source="week", labels="outcomes", log="latency.jsonl")
    planned = next(each for each in plan(service) if each.flow == "monitor")
    assert planned.cron == "0 4 * * 1"
    assert planned.parameters == {"source": "week", "labels": "outcomes", "version": ""}
    validate(dict(planned.parameters), dict(planned.schema), raise_on_error=True)
    assert set(inspect.signature(monitor.fn).parameters) == set(planned.parameters)
    for wrong in ({"source": "/etc/passwd"}, {"labels": "week2"}, {"version": "1; drop"}, {"path": "x"}):
        with pytest.raises(ValidationError):
            validate({**planned.parameters, **wrong}, dict(planned.schema), raise_on_error=True)
    assert service.models["loans"].watched.log == str(tmp_path / "latency.jsonl")


@pytest.mark.parametrize(
    ("monitor", "where", "said"),
    [
        ({"labels": "outcome"}, "models.loans.monitor", "none of its sources"),
        ({"log": "../latency.jsonl"}, "models.loans.monitor.log", "outside the service's roots"),
        ({"sources": {"week": {"path": "/etc/passwd"}}}, "models.loans.monitor.sources.week.path", "outside"),
    ],
)
def test_a_look_reads_what_the_file_names_below_the_roots(
    tmp_path: Path, monitor: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        watched(tmp_path, **monitor)
    assert [problem.where for problem in caught.value.problems] == [where]
    assert said in caught.value.problems[0].message


def test_an_alarm_of_this_model_starts_its_retrain_once_in_the_cool_down() -> None:
    deployment = uuid4()
    rule = retrain_on_alarm("evenhand", "loans", deployment, cool_down=timedelta(days=14))
    trigger = rule.trigger
    assert isinstance(trigger, EventTrigger)
    assert trigger.expect == {"evenhand.drift", "evenhand.fairness.fail"}
    assert (trigger.posture, trigger.threshold, trigger.within) == (Posture.Reactive, 1, timedelta(days=14))
    assert trigger.match.matches({"prefect.resource.id": "evenhand.model.loans"})
    assert not trigger.match.matches({"prefect.resource.id": "evenhand.model.loans-2"})
    action = rule.actions[0]
    assert isinstance(action, RunDeployment)
    assert action.deployment_id == deployment


def test_without_a_cool_down_the_two_events_of_a_look_start_one_retrain() -> None:
    """A span of 0 starts a run for each event."""
    rule = retrain_on_alarm("evenhand", "loans", uuid4(), cool_down=timedelta(0))
    assert isinstance(rule.trigger, EventTrigger)
    assert rule.trigger.within == timedelta(minutes=1)
    assert rule.description is not None
    assert rule.description.startswith("Once for a look.")


@pytest.mark.parametrize("kind", ["score", "reproduce", "audit", "rollback"])
def test_a_form_takes_no_version_that_mlflow_cannot_have(kind: str, tmp_path: Path) -> None:
    """Its server fails at such a number, and the run asked again and again as if MLflow were down."""
    schema = next(each for each in KINDS if each.flow == kind).schema(service_of(tmp_path).models["loans"])
    given = {"reason": "why", "by": "me", "source": schema["properties"].get("source", {}).get("default", "")}
    values = {name: value for name, value in given.items() if name in schema["properties"]}
    schema["properties"].get("source", {}).pop("enum", None)
    jsonschema.validate({**values, "version": "12"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "version": "9" * 20}, schema)
