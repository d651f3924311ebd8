"""Of an address with options the store's file is what stands before them."""

from pathlib import Path

import pytest

from tasks.tracking import service


def test_an_address_with_options_names_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}?timeout=30"
    monkeypatch.setattr(service, "address", lambda: where)
    service.client().search_experiments(max_results=1)
    assert [path.name for path in (tmp_path / "store").iterdir() if path.suffix == ".db"] == ["mlflow.db"]
    assert not [path for path in tmp_path.rglob("*") if "?" in path.name]
    assert service.artifact_location() == (tmp_path / "store" / "mlflow-artifacts").as_uri()
