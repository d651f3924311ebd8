"""A name that a person gave a run stays; one that Prefect made up is known as such."""

import pytest
from coolname.data import config
from prefect.utilities.names import generate_slug

from flows import service
from flows.made_up import made_up


def test_every_name_of_the_server_is_known() -> None:
    """Prefect's own generator, over all of the lists that it draws from (prefect/utilities/names.py)."""
    assert [name for name in (generate_slug(2) for _ in range(2000)) if not made_up(name)] == []
    assert config["2"]["lists"] == ["an"]
    assert config["an"]["lists"] == ["adj_any", "subj"], "the order of the words in a name"


@pytest.mark.parametrize("name", ["Rustic-Walrus", "Awesome-Zebu"])
def test_a_name_that_the_page_filled_in_is_known(name: str) -> None:
    assert made_up(name)


@pytest.mark.parametrize(
    "name",
    [
        "bug-hunt",
        "rerun-anna",
        "Small-batch",
        "loan-approval",
        "from the page",
        "nightly",
        "otter-brave",
        "brave-otter-2",
        "-",
        "",
    ],
)
def test_a_name_that_a_person_gave_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not made_up(name)
    monkeypatch.setattr(service.flow_run, "name", name, raising=False)
    assert service.run_name() == name
