"""Imports go one way: deployments -> flows -> tasks -> evenhand, and tasks know only their shared ground."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("evenhand", "tasks", "flows", "deployments")
SHARED = {"tasks.step", "tasks.rows", "tasks.tracking", "tasks.registry", "tasks.ledger"}
ORCHESTRATION = ("prefect", "mlflow")
TRACKERS = ("tasks/tracking/", "tasks/registry/")  # tracking is a package: items, outbox, delivery, writing, service


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands, relative ones resolved."""
    found = set()
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def starts(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


@pytest.mark.parametrize("floor", FLOORS)
def test_no_floor_imports_one_above_it(floor: str) -> None:
    above = FLOORS[FLOORS.index(floor) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(floor)
        for name in imports(path)
        if any(starts(name, other) for other in above)
    ]
    assert not wrong


def test_the_library_knows_no_orchestrator_and_no_tracking_service() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("evenhand")
        for name in imports(path)
        if any(starts(name, service) for service in ORCHESTRATION)
    ]
    assert not wrong


def own(path: Path) -> str:
    """The step that a module is, or is a part of."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])


def test_tasks_import_one_another_only_through_their_shared_ground() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("tasks")
        for name in imports(path)
        if starts(name, "tasks")
        and name != "tasks"
        and not any(starts(name, shared) for shared in SHARED | {own(path)})
    ]
    assert not wrong


def test_only_tracking_and_registry_talk_to_mlflow() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for floor in FLOORS
        for path in modules(floor)
        for name in imports(path)
        if starts(name, "mlflow") and not str(path.relative_to(ROOT)).startswith(TRACKERS)
    ]
    assert not wrong


def test_pydantic_stays_in_the_configuration() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("evenhand")
        for name in imports(path)
        if starts(name, "pydantic") and "evenhand/config" not in str(path)
    ]
    assert not wrong


def test_there_is_something_to_check() -> None:
    assert all(modules(floor) for floor in FLOORS)
    assert imports(ROOT / "tasks" / "ingest.py") >= {"evenhand.config", "tasks.step"}
