"""A run that was allowed to read a place asks again when it reads: a link may lead elsewhere since."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pytest
import yaml

import flows.served
import flows.service
import tasks.rows
import tasks.score
from evenhand.config import DataConfig, MonitorConfig, ServedModel, SourceConfig, load_service
from evenhand.data.frames import Known
from evenhand.exceptions import ConfigError
from tasks.monitor import _latency
from tasks.observe import observe_batch
from tasks.outcomes import _outcomes
from tasks.rows import load_rows
from tasks.score import score_rows
from tasks.step import places_hold, reading_below

ROWS = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "sex": list("mfmf"), "approve": [0, 1, 0, 1]})
LOANS = {"model": "loans", "data": {"source": {"path": "new.csv"}, "target": "approve", "favorable_label": 1,
         "key": "income", "sensitive": {"sex": {}}}}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    """A model whose rows are behind a link, which a service file allows."""
    folder = tmp_path / "service"
    folder.mkdir()
    ROWS.to_csv(folder / "2026.csv")
    (folder / "new.csv").symlink_to("2026.csv")
    (folder / "loans.yaml").write_text(yaml.safe_dump(LOANS))
    source = {"sources": {"new": {"path": "new.csv"}}}
    about = {"config": "loans.yaml", "score": {**source, "output": "."}, "monitor": source}
    (folder / "service.yaml").write_text(yaml.safe_dump({"models": {"loans": about}}))
    return load_service(folder / "service.yaml").models["loans"]


def turn(link: Path) -> None:
    """Let a link lead to rows of others."""
    other = link.parent.parent / "others.csv"
    ROWS.to_csv(other)
    link.unlink()
    link.symlink_to(other)


def source_of(model: ServedModel) -> SourceConfig:
    return model.sources[next(iter(model.sources))]


READERS: dict[str, Callable[[SourceConfig, DataConfig], Any]] = {
    "ingest": lambda source, data: load_rows(data.model_copy(update={"source": source})),
    "score": lambda source, _: score_rows.fn("loans", source, "scored.parquet", version="1"),
    "observe": lambda source, data: observe_batch.fn(MagicMock(), {}, source, data, MonitorConfig(), seed=0),
    "outcomes": lambda source, data: _outcomes(source, data, MonitorConfig(), (), Known()),
    "latency": lambda source, _: _latency(str(source.path)),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_link_that_was_turned_while_the_run_waited_is_not_read(
    model: ServedModel, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("check_output", "read_decided", "parse_config", "load_decided", "Contract", "Inputs"):
        monkeypatch.setattr(tasks.score, name, MagicMock())  # the model is not what this is about
    roots = model.roots if reader != "score" else (*model.roots, str(Path.cwd()))
    source, config = source_of(model), model.configure()
    turn(Path(str(source.path)))
    with reading_below(roots), pytest.raises(ConfigError, match="leads elsewhere than when") as caught:
        READERS[reader](source, config.data)
    [problem] = caught.value.problems
    assert "lies outside the service's roots" in problem.message


def test_a_link_that_is_turned_while_it_is_read_is_noticed(model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(**source: Any) -> pd.DataFrame:
        turn(Path(source["path"]))
        return ROWS

    config = model.configure()
    monkeypatch.setattr(tasks.rows, "read_source", read)
    with reading_below(model.roots), pytest.raises(ConfigError, match="lies outside"):
        load_rows(config.data)


def test_scores_are_not_written_outside(model: ServedModel, tmp_path: Path) -> None:
    with reading_below(model.roots), pytest.raises(ConfigError, match=r"output: .* lies outside"):
        score_rows.fn("loans", source_of(model), str(tmp_path / "scored.parquet"))


def test_the_roots_hold_a_service_alone(model: ServedModel) -> None:
    source = source_of(model)
    with reading_below(model.roots):
        assert len(load_rows(model.configure().data)) == 4
    turn(Path(str(source.path)))
    assert len(load_rows(model.base.data)) == 4, "a person's own command reads what that person may"


@pytest.mark.parametrize(
    ("flow", "does"),
    [("service.retrain", "retrain_model"), ("served.score", "score_rows"), ("served.monitor", "monitor_model"),
     ("served.audit", "audit_version_on")],
)  # fmt: skip
def test_every_flow_of_a_service_reads_below_its_roots(
    flow: str, does: str, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, name = flow.partition(".")
    at = getattr(flows, module)
    monkeypatch.setattr(at, "served_model", lambda: model)
    monkeypatch.setattr(at, does, lambda *_, **__: places_hold({"source.path": "/etc/hostname"}))
    with pytest.raises(ConfigError, match="lies outside the service's roots"):
        getattr(at, name).fn()
