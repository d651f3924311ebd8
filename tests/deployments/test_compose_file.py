"""What docker-compose.yml, the Dockerfile and .env.example promise, by their text; `make e2e-compose` tries it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.env_file import fill, main
from deployments.kinds import ROLLBACKS
from deployments.lean import needed

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
SECRETS = re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)


def test_the_services_are_these() -> None:
    assert set(SERVICES) == {"postgres", "prefect", "mlflow", "worker", "rollbacks", "deploy"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "network_mode", "devices"} & set(service)
    assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert name == "postgres" or "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_ports_are_on_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_only_the_servers_and_for_the_ledger_the_worker_reach_postgresql() -> None:
    assert yaml.safe_load(COMPOSE)["networks"]["databases"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "databases" in service["networks"]} == {
        "postgres", "prefect", "mlflow",
    }  # fmt: skip
    assert yaml.safe_load(COMPOSE)["networks"]["ledger"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "ledger" in service["networks"]} == {
        "postgres", "worker", "rollbacks",
    }  # fmt: skip
    assert SERVICES["postgres"]["networks"] == ["databases", "ledger"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"deploy"}))
def test_what_stays_up_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_nobody_waits_for_less_than_health() -> None:
    waits = {
        (name, other): about["condition"]
        for name, service in SERVICES.items()
        for other, about in service.get("depends_on", {}).items()
    }
    for name in ("worker", "rollbacks"):
        assert waits.pop((name, "deploy")) == "service_completed_successfully"
    assert set(waits.values()) == {"service_healthy"}


def test_every_secret_must_be_set_and_none_is_given() -> None:
    assert len(SECRETS) == 7
    used = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE)
    for name in SECRETS:
        assert {rest[:2] for found, rest in used if found == name} == {":?"}, name
    for line in (ROOT / ".env.example").read_text().splitlines():
        if re.search("PASSWORD|SECRET", line.partition("=")[0]) and not line.startswith("#"):
            assert line.endswith("="), "no usable secret"


def test_no_secret_stands_on_a_command_line() -> None:
    for service in SERVICES.values():
        words = " ".join([*service.get("command", []), *service.get("healthcheck", {}).get("test", [])])
        assert not any(name in words for name in SECRETS)


def test_the_worker_gets_no_secret_of_the_servers_databases() -> None:
    for name in ("worker", "rollbacks", "deploy"):
        said = str(SERVICES[name]["environment"]).replace("EVENHAND_DATABASE_PASSWORD", "")
        assert "DATABASE" not in said
        assert "SECRET_KEY" not in str(SERVICES[name]["environment"])


def test_the_worker_joins_the_pool_of_the_service_file_that_is_deployed() -> None:
    file = SERVICES["deploy"]["command"][-1]
    for name in ("worker", "rollbacks"):
        command = SERVICES[name]["command"]
        assert command[command.index("--service") + 1] == file
        assert "--pool" not in command
    command = SERVICES["worker"]["command"]
    assert command[command.index("--limit") + 1] == "${WORKER_RUNS:-1}", "runs at once share its memory"


def test_rollbacks_have_a_worker_that_nothing_else_takes() -> None:
    worker, alone = SERVICES["worker"], SERVICES["rollbacks"]
    assert alone["command"][alone["command"].index("--work-queue") + 1] == ROLLBACKS
    assert "--work-queue" not in worker["command"], "it takes every run that waits"
    assert {name for name in worker if worker[name] != alone[name]} == {"command", "deploy"}


def test_the_image_is_built_without_secrets_and_not_run_as_root() -> None:
    dockerfile = (ROOT / "deployments/Dockerfile").read_text()
    last = dockerfile[dockerfile.rindex("\nFROM ") :]
    assert "USER 10001:10001" in last
    assert "--require-hashes" in dockerfile
    assert not re.search(r"^\s*ARG|# syntax=|<<", dockerfile, flags=re.MULTILINE)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "what is not named stays out"
    assert "!.env" not in (ROOT / ".dockerignore").read_text()


def test_the_image_keeps_what_runs_and_loses_what_only_developers_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    kept = needed(project["dependencies"])
    assert {"prefect", "mlflow", "psycopg", "psycopg-binary", "asyncpg", "scikit-learn", "uvicorn"} <= kept
    assert not {"pytest", "mypy", "ruff", "playwright", "hypothesis", "hatchling"} & kept


def test_env_is_written_once_and_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "deployments").mkdir()
    for name in (".env.example", "deployments/env_file.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    command = [sys.executable, str(tmp_path / "deployments/env_file.py")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    first = (tmp_path / ".env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in first.splitlines() if re.match("[A-Z]", line))
    assert set(values) == set(SECRETS)
    assert all(len(value) == 48 for value in values.values())
    assert len(set(values.values())) == len(SECRETS)
    assert not any(value in said for value in values.values())
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == first


def test_env_gains_what_is_new_and_keeps_the_rest() -> None:
    text, made = fill("OLD=\nNEW=\nBLANK=\n", "# mine\nOLD=kept\nBLANK=\nPORT=1\n")
    assert made == ["NEW", "BLANK"]
    assert text.startswith("# mine\nOLD=kept\nPORT=1\nNEW=")


@pytest.mark.parametrize(
    "line", ["export A=mine", 'A = "mine"', "export A = 'mine'", "  A=mine", "A: mine", "A=mine # since May"]
)
def test_a_secret_is_seen_as_people_write_it(line: str) -> None:
    """A second one behind it would hold, and lock out of the database that was made with the first."""
    existing = f"# mine\n{line}\n"
    text, made = fill("A=\n", existing)
    assert (made, text) == ([], existing)


@pytest.mark.parametrize("line", ["A=", "A=   # later", 'export A=""', "A=''", "A = "])
def test_a_secret_that_stands_empty_is_filled(line: str) -> None:
    text, made = fill("A=\nB=\n", f"{line}\nB=mine\n")
    assert made == ["A"]
    assert re.fullmatch(r"B=mine\nA=[0-9a-f]{48}\n", text)


def test_of_a_name_that_stands_twice_the_last_holds() -> None:
    assert fill("A=\n", "A=first\nA=\n")[1] == ["A"]
    assert fill("A=\n", "A=\nA=last\n")[1] == []


def test_an_env_that_others_can_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("A=\n")
    (tmp_path / ".env").write_text("A=mine\n")
    (tmp_path / ".env").chmod(0o644)
    assert main(tmp_path) == 0
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".env").read_text() == "A=mine\n"
