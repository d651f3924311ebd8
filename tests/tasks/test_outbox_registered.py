"""A registered model whose file is not what was logged is refused by name."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import skops.io as sio

from evenhand.data.snapshot import read_dataset
from evenhand.exceptions import ModelError
from evenhand.modeling.persistence import load_model
from evenhand.store import digest_file
from tasks.registry import Version, load_registered
from tasks.step import store
from tasks.tracking import client
from tasks.tracking.reading import read_registered

from .conftest import Steps


class Stranger:
    """A type that nobody trusts: what a file may hold that runs code when it is loaded."""

    def __init__(self) -> None:
        self.value = 1


@pytest.fixture
def file(version: Version) -> Iterator[Path]:
    """The registered file where MLflow keeps it; put back after the test."""
    found = client().get_model_version(version.model, version.version)
    place = client().get_logged_model(found.source.removeprefix("models:/")).artifact_location
    path = Path(unquote(urlsplit(place).path)) / "model.skops"
    original = path.read_bytes()
    yield path
    path.write_bytes(original)


@pytest.mark.parametrize("name", ["1", "challenger"])
def test_the_file_that_was_logged_is_loaded(steps: Steps, version: Version, name: str) -> None:
    assert version.version == "1"
    X = read_dataset(store().folder(steps.holdout) / "test.parquet").X
    fitted = load_model(store().folder(steps.fitted) / "model.skops")
    np.testing.assert_array_equal(load_registered(version.model, name).predict_proba(X), fitted.predict_proba(X))


def test_it_is_the_very_file_that_was_assessed(steps: Steps, file: Path) -> None:
    assert digest_file(file) == digest_file(store().folder(steps.fitted) / "model.skops")


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_file_with_one_other_byte_is_refused(version: Version, file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match=f"{version.model} version 1 is not the one that was logged"):
        load_registered(version.model, "challenger")


def test_a_file_that_is_gone_is_wrong_input_with_its_place_and_what_to_do(version: Version, file: Path) -> None:
    file.unlink()
    with pytest.raises(ModelError, match=r"small version 1 is not in MLflow at .*model\.skops: restore it or choose"):
        load_registered(version.model, "1")


def test_a_folder_that_is_gone_is_wrong_input_too(version: Version, file: Path) -> None:
    away = file.parent.with_name("away")
    file.parent.rename(away)
    try:
        for read in (load_registered, read_registered):
            with pytest.raises(ModelError, match="small version 1 is not in MLflow at"):
                read(version.model, "1")
    finally:
        away.rename(file.parent)


def test_another_model_of_ours_in_its_place_is_refused(version: Version, file: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    file.unlink()
    sio.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), file)
    with pytest.raises(ModelError, match="is not the one that was logged"):
        load_registered(version.model, "1")


def test_a_foreign_type_is_refused_by_name_even_where_digest_and_list_were_changed_with_it(
    version: Version, file: Path
) -> None:
    """Who can write to the store can write the tag and MLflow's own list of trusted types too."""
    sio.dump(Stranger(), file)
    about = file.with_name("MLmodel")
    before = client().get_model_version(version.model, version.version).tags["evenhand.file_digest"]
    kept = about.read_text()
    about.write_text(kept.replace("skops_trusted_types:", f"skops_trusted_types:\n    - {__name__}.Stranger"))
    client().set_model_version_tag(version.model, version.version, "evenhand.file_digest", digest_file(file))
    try:
        with pytest.raises(ModelError, match=r"small version 1: .*Stranger"):
            load_registered(version.model, "1")
    finally:
        client().set_model_version_tag(version.model, version.version, "evenhand.file_digest", before)
        about.write_text(kept)


def test_a_version_without_a_digest_is_refused(version: Version) -> None:
    before = client().get_model_version(version.model, version.version).tags["evenhand.file_digest"]
    client().delete_model_version_tag(version.model, version.version, "evenhand.file_digest")
    try:
        with pytest.raises(ModelError, match=r"evenhand\.file_digest"):
            load_registered(version.model, "1")
    finally:
        client().set_model_version_tag(version.model, version.version, "evenhand.file_digest", before)


@pytest.mark.parametrize(
    ("model", "name"), [("small", "7"), ("small", "champion"), ("other", "1"), ("small", "9" * 20)]
)
def test_what_is_not_registered_is_named(version: Version, model: str, name: str) -> None:
    with pytest.raises(ModelError, match=f"{model}.*{name}"):
        load_registered(model, name)
