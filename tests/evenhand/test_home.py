"""A home in which no database can be is refused before anything is made there."""

from pathlib import Path

import pytest

from evenhand.exceptions import ConfigError
from evenhand.home import home_folder


def test_a_home_that_no_address_can_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "ho me#1?x%20u"))
    with pytest.raises(ConfigError, match=r"x%20u has .*name another in EVENHAND_HOME"):
        home_folder()
    (tmp_path / "a?b").mkdir()
    monkeypatch.chdir(tmp_path / "a?b")
    monkeypatch.delenv("EVENHAND_HOME")
    with pytest.raises(ConfigError, match="EVENHAND_HOME"):
        home_folder()
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "ho me#1%20u"))
    assert home_folder() == tmp_path / "ho me#1%20u"
