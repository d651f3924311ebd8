"""A test set is told by what selects its rows: no other spelling of the configuration makes it a new one."""

from typing import Any

import pytest

from evenhand.decision.selection import judged_as, renewed_by, selected_by

SPLIT = {"method": "hash", "train": 0.6, "validation": 0.2, "test": 0.2, "salt": "evenhand"}
BASE: dict[str, Any] = {"seed": 0, "split": SPLIT, "data": {"key": "number", "group": None, "time": None}}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**BASE, section: {**BASE[section], **values}}


@pytest.mark.parametrize(
    "after",
    [
        changed("split", train=0.7, validation=0.1),
        changed("split", train=0.6 - 1e-10, test=0.2 + 1e-10),
        changed("data", group="person", time="day"),
        changed("data", sensitive={"region": {"column": "region"}}, favorable_label="1"),
        {**BASE, "seed": 3},
    ],
)
def test_what_selects_no_row_of_the_test_part_does_not_count(after: dict[str, Any]) -> None:
    assert selected_by(after) == selected_by(BASE)


@pytest.mark.parametrize(
    "after",
    [
        changed("split", salt="another"),
        changed("split", test=0.3, train=0.5),
        changed("split", method="time"),
        changed("data", key=None),
    ],
)
def test_what_selects_rows_does(after: dict[str, Any]) -> None:
    assert selected_by(after) != selected_by(BASE)


@pytest.mark.parametrize(
    ("after", "paths"),
    [
        ({**BASE, "seed": 3}, ()),
        (changed("split", salt="another"), ("split.salt",)),
        (changed("split", method="stratified"), ("split.method",)),
        (changed("split", test=0.3, train=0.5), ("split.test",)),
        (changed("data", key=None, target="paid", source={"path": "b.csv"}), ("data.key", "data.target")),
    ],
)
def test_what_made_another_test_set_is_named(after: dict[str, Any], paths: tuple[str, ...]) -> None:
    assert renewed_by(BASE, after) == paths
    assert (selected_by(after) == selected_by(BASE)) == (not paths)


def test_a_default_said_aloud_judges_the_same() -> None:
    short, aloud = ({"sensitive": {"region": {"column": each, "labels": {}}}} for each in (None, "region"))
    assert judged_as(short) == judged_as(aloud)
    ways = {"race": {"column": None, "indicators": {"black": "black"}}}
    assert judged_as({"sensitive": ways})["sensitive"] == ways
