"""What a step makes of a Prefect server that is away, and of a clock that was set back."""

import os
import traceback
from pathlib import Path

import httpx
import pytest
from sklearn.linear_model import LogisticRegression

from evenhand.exceptions import ServiceError, StoreError
from evenhand.modeling.persistence import save_model
from tasks.conclude import _come_last
from tasks.step import load_fitted, once, prefect_answers, step, store

REQUEST = httpx.Request("GET", "http://prefect/api")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("All connection attempts failed"),
        httpx.ReadTimeout(""),
        httpx.HTTPStatusError("Server error", request=REQUEST, response=httpx.Response(500, request=REQUEST)),
    ],
)
def test_a_server_that_is_away_is_a_service_that_may_come_back(
    error: httpx.HTTPError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect/api")
    with pytest.raises(ServiceError, match="http://prefect/api"), prefect_answers():
        raise error


def test_no_password_stands_in_what_a_log_prints_of_an_error() -> None:
    """Prefect logs an error with all that it arose from, and libraries put whole addresses into their words."""

    def connect(words: str) -> None:
        raise OSError(words)

    @step("ingest", "A step that fails.")
    def fails(words: str) -> None:
        try:
            connect(words)
        except OSError as error:
            raise StoreError("the shared store does not answer") from error

    for words, kept in (("s3://ann:secret@models/x is no bucket", False), ("connection refused", True)):
        with pytest.raises(StoreError) as caught:
            fails.fn(words)
        told = "".join(traceback.format_exception(caught.value))
        assert "the shared store does not answer" in told
        assert (words in told) == kept


def test_what_the_server_refuses_is_no_silence() -> None:
    refused = httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(422, request=REQUEST))
    with pytest.raises(httpx.HTTPStatusError), prefect_answers():
        raise refused


def test_the_newest_run_is_the_newest_although_the_clock_was_set_back(tmp_path: Path) -> None:
    for run, day in (("monday", 3), ("tuesday", 2)):
        (tmp_path / run).mkdir()
        (tmp_path / run / "outcome.json").write_text("{}")
        os.utime(tmp_path / run / "outcome.json", (day * 86400, day * 86400))
    _come_last(tmp_path / "tuesday" / "outcome.json")
    found = sorted(tmp_path.glob("*/outcome.json"), key=lambda path: path.stat().st_mtime_ns)
    assert [path.parent.name for path in found] == ["monday", "tuesday"]


def test_the_model_of_a_step_is_read_once_and_never_from_a_file_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path))
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    fitted = once("fit", {"of": "test"}, lambda folder: save_model(model, folder / "model.skops"))
    first = load_fitted(fitted)
    assert load_fitted(fitted) is first
    file = store().folder(fitted) / "model.skops"
    file.chmod(0o600)
    file.write_bytes(b"another")
    with pytest.raises(StoreError):
        load_fitted(fitted)
