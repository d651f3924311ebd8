"""What is wrong in one place hides nothing that is wrong elsewhere, and makes nothing wrong that is right."""

from typing import Any

import pytest

from evenhand.config import parse_config
from evenhand.exceptions import ConfigError

DATA: dict[str, Any] = {"source": {"path": "a.csv"}, "target": "hired", "favorable_label": 1, "sensitive": {"sex": {}}}
SHARES = {"train": 0.5, "validation": 0.4, "test": 0.3}
ON_SEX = {"method": "reweighing", "attributes": ["sex"]}


def _places(data: dict[str, Any], **sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config({"model": "m", "data": {**DATA, **data}, **sections})
    return [problem.where for problem in caught.value.problems]


def test_a_wrong_field_hides_neither_its_sections_total_nor_other_sections() -> None:
    sections = {
        "split": {"method": "hashed", **SHARES},
        "search": {"scorer": "roc-auc", "trials": None, "folds": 1},
        "audit": {"policies": ["statistcal"]},
    }
    expected = ["split.method", "search.folds", "split", "search", "search.scorer", "audit.policies"]
    assert _places({}, **sections) == expected


def test_a_misspelled_share_hides_no_wrong_total() -> None:
    assert _places({}, split={"trian": 0.5, "validation": 0.4, "test": 0.3}) == ["split.trian", "split"]


def test_a_secret_is_told_beside_a_wrong_source() -> None:
    source = {"sql": "SELECT 1", "url": "postgresql://u:p@h/x", "path": 3}
    assert _places({"source": source}) == ["data.source.path", "data.source.url"]


@pytest.mark.parametrize(
    ("data", "sections", "place"),
    [
        ({"sensitive": {"sex": {"bins": [3, 1]}}}, {"weight": ON_SEX}, "data.sensitive.sex"),
        ({"sensitive": {"sex": 3}}, {"weight": ON_SEX}, "data.sensitive.sex"),
        ({"sensitive": ["sex"]}, {"weight": ON_SEX}, "data.sensitive"),
        ({"sensitive": 3}, {"weight": {"method": "reweighing"}}, "data.sensitive"),
        ({"sensitive": None, "sensative": {"sex": {}}}, {"weight": ON_SEX}, "data.sensative"),
        ({"sensitive": {"sex": {"otherwise": "x", "labels": {"a": 1}}}}, {}, "data.sensitive.sex.labels.a"),
        ({"time": 7}, {"split": {"method": "time"}}, "data.time"),
        ({"tiem": "day"}, {"split": {"method": "time"}}, "data.tiem"),
        ({"source": {"pth": "a.csv"}}, {}, "data.source.pth"),
        ({"source": "a.csv"}, {}, "data.source"),
        ({}, {"split": {"train": "x", "validation": 0.4, "test": 0.3}}, "split.train"),
        ({}, {"split": {"trian": 0.5, "validation": 0.4, "test": 0.1}}, "split.trian"),
        ({}, {"split": {"trian": "x", "validation": 0.4, "test": 0.1}}, "split.trian"),
        ({}, {"split": 3}, "split"),
    ],
)
def test_one_error_has_no_consequences(data: dict[str, Any], sections: dict[str, Any], place: str) -> None:
    assert _places(data, **sections) == [place]
