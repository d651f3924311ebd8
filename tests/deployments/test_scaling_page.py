"""What docs/scaling.md tells people to set exists, and Dask's port is published nowhere."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields

from evenhand.config.data import DataConfig
from evenhand.config.search import SearchConfig
from evenhand.modeling.dask_scheduler import ADDRESS_VARIABLES
from evenhand.store_remote import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


def test_every_variable_is_one() -> None:
    named = set(re.findall(r"\b(?:PREFECT|EVENHAND)_[A-Z_]+|\bDASK_SCHEDULER_ADDRESS", PAGE))
    known = set(_get_settings_fields(Settings)) | {VARIABLE, *ADDRESS_VARIABLES}
    assert {*ADDRESS_VARIABLES, VARIABLE} <= named
    assert named <= known


def test_prefect_takes_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(re.findall(r"`(PREFECT_[A-Z_]+)=([^`]+)`", PAGE))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    server = Settings().server
    assert server.events.retention_period == timedelta(days=2)
    assert server.services.db_vacuum.enabled_vacuum_types >= {"events", "flow_runs"}
    assert server.services.db_vacuum.retention_period == timedelta(days=30)
    assert len(given) == 3


def test_every_key_of_the_configuration_is_one() -> None:
    assert set(re.findall(r"search\.(\w+)", PAGE)) <= set(SearchConfig.model_fields)
    assert set(re.findall(r"sample_\w+", PAGE)) == {
        name for name in DataConfig.model_fields if name.startswith("sample_")
    }


def test_every_benchmark_is_one() -> None:
    named = re.findall(r"make bench-([a-z-]+)", PAGE)
    assert {"scaling", "service-load"} == set(named)
    assert all((ROOT / "benchmarks" / f"{name.replace('-', '_')}.py").is_file() for name in named)


def test_dasks_port_is_published_nowhere() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = [str(port) for service in services.values() for port in service.get("ports", [])]
    assert published
    assert not [port for port in published if "8786" in port or "8787" in port]
