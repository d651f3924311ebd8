"""What a right configuration says: YAML's traps, paths, overrides, digests, the schema and the shipped examples."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evenhand.config import Config, config_digest, config_schema, load_config, parse_config
from evenhand.config._quote import quote
from evenhand.config._secrets import redact, secret_in
from evenhand.yaml_reader import parse_yaml

Write = Callable[[Any], Path]
EXAMPLES = sorted(
    path for path in (Path(__file__).parents[3] / "examples").glob("*.yaml") if path.name != "service.yaml"
)

TEMPLATE = """\
model: loans
data:
  source: {{path: loans.csv}}
  target: approve
  favorable_label: {label}
"""


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("no", "no"),  # YAML 1.1, and with it PyYAML, reads false
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("0x1A", "0x1A"),
        ("1_000", "1_000"),
        ("007", 7),
        ("1", 1),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("true", True),
        ("'1'", "1"),
        ('"true"', "true"),
        ("", None),
        ("~", None),
        ("=", "="),
        ("'#a'", "#a"),
    ],
)
def test_a_label_is_what_stands_there(written: str, label: object, write: Write) -> None:
    found = load_config(write(TEMPLATE.format(label=written))).data.favorable_label
    assert found == label
    assert type(found) is type(label)


def test_keys_are_text_and_an_empty_key_counts_as_left_out(write: Write) -> None:
    text = (
        TEMPLATE.format(label=1)
        + "  sensitive:\n    sex: {labels: {1: male, 0: female, no: none}}\nsearch:\nsplit:\n  salt:\n"
    )
    config = load_config(write(text))
    assert config.data.sensitive["sex"].labels == {"1": "male", "0": "female", "no": "none"}
    assert config.search.trials == 30
    assert config.split.salt == "evenhand"


def test_numbers_as_keys_of_a_mapping_become_text(base: dict[str, Any]) -> None:
    base["data"]["sensitive"]["sex"]["labels"] = {1: "male", 0: "female", 2.5: "x"}
    assert set(parse_config(base).data.sensitive["sex"].labels) == {"1", "0", "2.5"}


def test_an_alias_is_followed_and_an_override_does_not_reach_its_anchor(write: Write) -> None:
    text = TEMPLATE.format(label=1) + "  name: &name the loans\ncard: {title: *name, overview: *name}\n"
    config = load_config(write(text), ["card.title=another"])
    assert (config.data.name, config.card.title, config.card.overview) == ("the loans", "another", "the loans")


def test_paths_are_relative_to_the_file(tmp_path: Path, base: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    (folder / "own").mkdir(parents=True)
    shutil.copy(EXAMPLES[0].parent / "policies" / "gender.yaml", folder / "own" / "p.yaml")
    (folder / "approvers").touch()
    base["data"]["sensitive"] = {"gender": {"column": "male"}}
    monkeypatch.chdir(tmp_path)

    def source(**keys: str) -> Any:
        config = {
            **base,
            "data": {**base["data"], "source": keys},
            "audit": {"policies": ["statistical", "own/p.yaml"]},
            "mitigate": {"policy": "own/p.yaml"},
            "gate": {"approvers": "approvers"},
        }
        (folder / "c.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return load_config("models/c.yaml")

    assert source(path="a.csv").data.source.path == str(folder / "a.csv")
    assert source(path="../a.csv").data.source.path == str(folder / "../a.csv")
    assert source(path="/data/a.csv").data.source.path == "/data/a.csv"
    assert source(path="s3://bucket/a.csv").data.source.path == "s3://bucket/a.csv"
    assert source(path="zip://in/a.csv::b.zip").data.source.path == f"zip://in/a.csv::{folder / 'b.zip'}"
    assert source(path="zip://a.csv::s3://bucket/b.zip").data.source.path == "zip://a.csv::s3://bucket/b.zip"
    assert source(path="${DATA}/a.csv").data.source.path == "${DATA}/a.csv"
    assert source(sql="SELECT 1", url="sqlite:///a.db").data.source.url == f"sqlite:///{folder / 'a.db'}"
    assert source(sql="SELECT 1", url="sqlite:////a.db").data.source.url == "sqlite:////a.db"
    assert source(sql="SELECT 1", url="sqlite:///:memory:").data.source.url == "sqlite:///:memory:"
    found = source(path="a.csv")
    assert found.audit.policies == ["statistical", str(folder / "own/p.yaml")]
    assert found.mitigate.policy == str(folder / "own/p.yaml")
    assert found.gate.approvers == str(folder / "approvers")


def test_overrides_are_yaml_and_the_last_one_counts(write: Write, base: dict[str, Any]) -> None:
    changes = [
        "search.trials=50", "search.trials=60", "data.exclude=[a, 'b,c']", "card.title=a=b",
        "search.seconds=", "data.sensitive.age.bins=[30, 60]", "split={train: .5, validation: .25, test: .25}",
    ]  # fmt: skip
    config = load_config(write(base), changes)
    assert config.search.trials == 60
    assert config.data.exclude == ["a", "b,c"]
    assert config.card.title == "a=b"
    assert config.search.seconds is None
    assert config.data.sensitive["age"].bins == [30, 60]
    assert config.split.train == 0.5


def test_what_is_given_is_not_changed(base: dict[str, Any]) -> None:
    before = copy.deepcopy(base)
    parse_config(base)
    assert base == before


def test_a_scorer_that_few_use_is_known(base: dict[str, Any]) -> None:
    base["search"] = {"scorer": "matthews_corrcoef"}
    assert parse_config(base).search.scorer == "matthews_corrcoef"


def test_a_digest_depends_on_every_value_and_on_no_order(base: dict[str, Any]) -> None:
    config = parse_config(base)
    turned = parse_config(dict(reversed(base.items())))
    assert config_digest(config) == config_digest(turned)
    assert config_digest(config.search) != config_digest(config.search.model_copy(update={"trials": 31}))
    assert config_digest(config.data) != config_digest(config.data.model_copy(update={"favorable_label": "1"}))
    assert config_digest(config.data) != config_digest(config.data.model_copy(update={"favorable_label": True}))


def test_the_schema_is_valid_describes_every_key_and_takes_the_examples() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for section in (schema, *schema["$defs"].values()):
        for name, field in section["properties"].items():
            assert field.get("description"), name
    for example in EXAMPLES:
        value = json.loads(json.dumps(parse_yaml(example.read_text(encoding="utf-8"), example.name).value))
        jsonschema.validate(value, schema)


def test_the_schema_refuses_what_the_loader_refuses(base: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**base, "search": {"trails": 1}}, config_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_load_and_other_readers_of_yaml_agree(path: Path) -> None:
    config = load_config(path)
    assert isinstance(config, Config)
    assert config.card.intended_use
    assert config.card.out_of_scope
    assert config.data.sensitive
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    again = parse_config(plain)
    assert config_digest(again.card) == config_digest(config.card)
    assert again.data.sensitive == config.data.sensitive


def test_there_are_three_examples() -> None:
    assert [path.stem for path in EXAMPLES][:3] == ["chile-vote", "loan-approval", "wages"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_comes_back_in_this_and_in_other_readers(text: str) -> None:
    line = f"{quote(text)}: {quote(text)}   # {quote(text)}\n"
    assert line.count("\n") == 1
    assert parse_yaml(line, "test").value == {text: text}
    assert yaml.safe_load(line) == {text: text}


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("postgresql+psycopg://me:hunter2@db:5432/x", True),
        ("postgresql://me:p@ss@db/x", True),
        ("postgresql://me:p@ss/w?rd@db/x", True),
        ("postgresql://me:${DB_PASSWORD}@db/x", False),
        ("https://me:${P}@host/x?mail=a@b", False),
        ("https://host:8080/a@b", False),
        ("postgresql://me:x${DB_PASSWORD}@db/x", True),
        ("postgresql://me@db/x", False),
        ("postgresql://db/x?password=hunter2", True),
        ("postgresql://db/x?password=${P}", False),
        ("https://host/a.csv?X-Amz-Signature=abc", True),
        ("https://host/a.csv?page=2", False),
        ("s3://bucket/key:with/colon@odd", False),
        ("sqlite:///a.db", False),
        ("C:\\data\\a.csv", False),
    ],
)
def test_a_secret_is_seen_and_hidden(address: str, secret: bool) -> None:
    assert secret_in(address) is secret
    assert not secret_in(redact(address).replace("***", "${X}"))
    for word in ("hunter2", "p@ss", "abc"):
        assert word not in redact(address)
