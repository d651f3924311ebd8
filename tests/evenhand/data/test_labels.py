"""Labels that differ only in case or spaces are called what they are, of the target and of groups."""

import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.data.labels import find_alike_labels


def test_labels_that_differ_only_in_case_or_spaces_are_told() -> None:
    sex = pd.DataFrame({"sex": ["f", "m", "F ", "x"] * 2, "race": ["a", "b"] * 4})
    y = pd.Series(["yes", "YES", "yes ", "no"] * 2, name="paid")
    found = list(find_alike_labels(Dataset(pd.DataFrame({"a": range(8)}), y, sex)))
    assert [finding.column for finding in found] == ["paid", "sex"]
    assert found[0].message.startswith("'YES', 'yes', 'yes ' differ only in case or spaces")
    assert not list(find_alike_labels(Dataset(pd.DataFrame({"a": range(8)}), y.str.strip().str.lower(), sex[["race"]])))
