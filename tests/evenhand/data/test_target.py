"""A target cut from a number, and the label that somebody has to call favorable."""

import pandas as pd
import pytest

from evenhand.data.build import build_dataset
from evenhand.data.target import cut_target, require_favorable_label
from evenhand.exceptions import ConfigError, DataError


def test_a_value_at_the_limit_is_not_above_it_and_the_frame_stays() -> None:
    frame = pd.DataFrame({"pay": [10.0, 20.0, 20.5, None], "age": [1, 2, 3, 4]})
    before = frame.copy()
    cut = cut_target(frame, target="pay", above=20)
    assert cut["pay"].tolist()[:3] == [0, 0, 1]
    assert cut["pay"].isna().tolist() == [False, False, False, True]
    assert list(cut.columns) == ["pay", "age"]
    pd.testing.assert_frame_equal(frame, before)


def test_without_missing_values_the_labels_are_whole_numbers() -> None:
    assert str(cut_target(pd.DataFrame({"pay": [1, 3]}), target="pay", above=2)["pay"].dtype) == "int64"


@pytest.mark.parametrize("values", [["a", "b"], [True, False]])
def test_only_a_number_can_be_cut(values: list[object]) -> None:
    with pytest.raises(DataError, match="target_above needs a numeric target"):
        cut_target(pd.DataFrame({"pay": values}), target="pay", above=1)


def test_a_target_that_is_not_there_gets_the_nearest_name() -> None:
    with pytest.raises(DataError, match="did you mean 'pay'"):
        cut_target(pd.DataFrame({"pay": [1, 2]}), target="pai", above=1)


def test_the_rows_without_a_target_can_be_left_out_afterwards() -> None:
    frame = cut_target(pd.DataFrame({"pay": [1.5, 2.5, None] * 20, "a": range(60)}), target="pay", above=2)
    data = build_dataset(frame, target="pay", favorable_label=1, drop_missing_target=True)
    assert (len(data), data.classes, data.favorable_label) == (40, [0, 1], 1)
    require_favorable_label(data)


def test_a_binary_target_needs_a_favorable_label_and_several_classes_do_not() -> None:
    frame = pd.DataFrame({"y": [0, 1, 2] * 20, "a": range(60)})
    require_favorable_label(build_dataset(frame, target="y"))
    with pytest.raises(ConfigError, match="0 or 1"):
        require_favorable_label(build_dataset(frame.assign(y=[0, 1] * 30), target="y"))
