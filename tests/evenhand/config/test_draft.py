"""What `init` writes: it loads, whatever the columns are called, and says what a person has to fill in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenhand.config import load_config, parse_config
from evenhand.config.draft import FILL_IN, Draft, draft_config, model_name
from evenhand.data.inspect import inspect_frame
from evenhand.yaml_reader import parse_yaml

NASTY = [
    "a: b", "#hash", "=1+1", "@at", "it's", 'say "hi"', "back\\slash", "a/b/../c", "new\nline", "tab\there",
    "emoji 🙂", "<script>alert(1)</script>", "[bold]x[/]", "- dash", "? mark", "*star", "&amp", "!tag", "%percent",
    "null", "no", "YES", "1", "1.5", "true", "~", " space ", "a,b", "{x}", "[y]", "|", ">", "é", "\u2028", "\x7f",
    "\x1b[31mred", "sex: male", "race\n  evil: true",
]  # fmt: skip


def table(columns: list[str], rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({name: rng.integers(0, 7, rows) for name in columns}).assign(paid=[0, 1] * (rows // 2))


def drafted(frame: pd.DataFrame, **more: object) -> Draft:
    target = str(more.pop("target", "paid"))
    return Draft(inspect_frame(frame, target), {"path": "x.csv"}, target=target, model="m", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_a_column_comes_back(name: str) -> None:
    frame = table([name])
    config = parse_config(parse_yaml(draft_config(drafted(frame, sensitive=[name])), "draft").value)
    assert name in config.data.sensitive
    as_target = draft_config(drafted(frame, target=name, favorable_label="0"))
    assert parse_yaml(as_target, "draft").value["data"]["target"] == name


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=4, unique=True))
def test_a_draft_loads_here_and_elsewhere(names: list[str]) -> None:
    frame = table([name for name in names if name != "paid"])
    text = draft_config(drafted(frame, sensitive=[name for name in names if name != "paid"]))
    config = parse_config(parse_yaml(text, "draft").value)
    assert parse_config(yaml.safe_load(text)) == config
    assert set(config.data.sensitive) >= set(names) - {"paid"}


def test_a_binary_target_without_a_favorable_label_asks_for_it() -> None:
    draft = drafted(table(["income"]))
    lines = [line for line in draft_config(draft).splitlines() if "favorable_label" in line]
    assert lines == [f"  favorable_label:   # {FILL_IN} the label that is good for the person: 0 or 1"]
    assert draft.open_questions == ("data.favorable_label",)
    assert drafted(table(["income"]), favorable_label="1").open_questions == ()


def test_roles_are_proposed_from_the_data() -> None:
    frame = table(["income", "Sex"]).assign(
        application_id=range(60),
        age=np.linspace(18, 80, 60),
        birthplace=[f"town {n}" for n in range(60)],
        verdict=[0, 1] * 30,
        country="here",
    )
    frame.loc[:3, "paid"] = np.nan
    text = draft_config(drafted(frame, bands={"age": [30, 50]}, favorable_label="1"))
    data = parse_config(parse_yaml(text, "draft").value).data
    assert data.key == "application_id"
    assert set(data.sensitive) == {"Sex", "age"}
    assert data.sensitive["age"].bins == [30, 50]
    assert set(data.exclude) == {"birthplace", "verdict", "country"}
    assert data.drop_missing_target
    assert data.favorable_label == 1
    assert "income: integer" in text


def test_a_number_as_target_asks_where_to_cut() -> None:
    frame = table(["a"], rows=200).assign(pay=np.linspace(0, 1e5, 200))
    draft = drafted(frame, target="pay")
    assert draft.open_questions == ("data.target_above", "data.favorable_label")
    assert parse_config(parse_yaml(draft_config(draft), "draft").value).data.target_above is None


def test_many_classes_need_no_favorable_label() -> None:
    draft = drafted(table(["a"]).assign(vote=list("abcd") * 15), target="vote")
    assert draft.open_questions == ()
    assert "The labels are a, b, c, d" in draft_config(draft)


def test_no_persons_value_stands_in_a_draft() -> None:
    frame = table(["a"]).assign(surname=[f"Person{n}" for n in range(60)])
    assert "Person" not in draft_config(drafted(frame))


def test_many_columns_are_listed_in_part(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.zeros((60, 80), dtype=int) + np.arange(60)[:, None] % 5)
    frame.columns = [f"c{n}" for n in range(80)]
    text = draft_config(drafted(frame.assign(paid=[0, 1] * 30)))
    assert "and 20 more" in text
    path = tmp_path / "m.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_config(path).data.target == "paid"


@pytest.mark.parametrize("text", ["", "***", "  ", "../..", "é", "a" * 300, "-x", "Loans (2024)", "a..b"])
def test_a_models_name_is_one_that_the_configuration_takes(text: str) -> None:
    frame = table(["a"])
    draft = Draft(inspect_frame(frame, "paid"), {"path": "x"}, target="paid", model=model_name(text))
    assert parse_config(parse_yaml(draft_config(draft), "draft").value).model


def test_labels_that_look_alike_are_said() -> None:
    frame = table(["a"], rows=300).assign(paid=["yes", "YES", "yes "] * 100)
    assert '  # "YES", "yes", "yes " differ only in case or spaces' in draft_config(drafted(frame))


def test_a_column_that_may_name_people_is_said() -> None:
    text = draft_config(drafted(table(["a"], rows=300).assign(patient=[k % 90 for k in range(300)])))
    assert "  # group: patient   # 90 values in 300 rows: a person's? With it, split: {method: group}" in text
    assert "# group: COLUMN" not in text
