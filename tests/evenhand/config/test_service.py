"""A service file: all its errors at once, what its runs may reach, and what one run of a model does."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenhand.config import ScheduleConfig, load_service
from evenhand.config._roots import outside
from evenhand.exceptions import ConfigError

EXAMPLES = Path(__file__).parents[3] / "examples"
LOANS = {
    "model": "loans",
    "data": {"source": {"path": "loans.csv"}, "target": "approve", "favorable_label": 1, "sensitive": {"race": {}}},
    "search": {"trials": 12, "seconds": 60},
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15},
}


WHOLE = ["search", "weight", "evaluate", "audit", "explain", "split", "contract", "seed"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loans.yaml").write_text(yaml.safe_dump(LOANS))
    return tmp_path


def write(folder: Path, models: dict[str, Any], **rest: Any) -> Path:
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump({"models": models, **rest}))
    return path


def problems(path: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_service(path)
    return {problem.where: f"{problem.message} {problem.remedy}" for problem in caught.value.problems}


def test_the_example_loads() -> None:
    service = load_service(EXAMPLES / "service.yaml")
    assert list(service.models) == ["loan-approval", "chile-vote"]
    assert service.models["loan-approval"].about.retrain.timezone == "America/New_York"


def test_a_model_goes_by_the_services_name_and_by_its_own_source(folder: Path) -> None:
    service = load_service(write(folder, {"north": {"config": "loans.yaml"}, "south": {"config": "loans.yaml"}}))
    config = service.models["south"].configure()
    assert config.model == "south"
    assert config.data.source.path == str(folder / "loans.csv")
    assert list(service.models["north"].sources) == ["configured"]


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    broken = copy.deepcopy(LOANS) | {"model": "b", "search": {"trails": 3}, "split": {"method": "hsah"}}
    (folder / "broken.yaml").write_text(yaml.safe_dump(broken))
    models = {
        "loans": {"config": "loans.yaml", "source": "dayly", "sources": {"daily": {"path": "/etc/passwd"}}},
        "broken": {"config": "broken.yaml"},
        "gone": {"config": "gone.yaml"},
        "sql": {
            "config": "loans.yaml",
            "sources": {"db": {"sql": "DELETE FROM loans", "url": "postgresql://me:hunter2@db/loans"}},
        },
    }
    found = problems(write(folder, models))
    assert set(found) == {
        "models.loans.source",
        "models.loans.sources.daily.path",
        "models.broken.config, search.trails",
        "models.broken.config, split.method",
        "models.gone.config",
        "models.sql.sources.db.url",
        "models.sql.sources.db.sql",
    }
    assert "daily" in found["models.loans.source"]
    assert "hunter2" not in str(found)


def test_a_driver_that_sends_several_statements_is_refused_at_load(folder: Path) -> None:
    source = {"sql": "SELECT 1", "url": "postgresql+psycopg2://me:${PASSWORD}@db/loans"}
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "sources": {"db": source}}}))
    assert list(found) == ["models.loans.sources.db.url"]
    assert "write postgresql://" in found["models.loans.sources.db.url"]


def test_a_path_that_no_file_system_takes_is_refused_by_name(folder: Path) -> None:
    models = {"loans": {"config": "loans.yaml", "sources": {"daily": {"path": "rows/x\0.csv"}}}}
    assert list(problems(write(folder, models))) == ["models.loans.sources.daily.path"]


def test_a_misspelled_key_names_its_neighbour(folder: Path) -> None:
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "retrian": {"cron": "0 3 * * *"}}}))
    assert "'retrain'" in found["models.loans.retrian"]


@pytest.mark.parametrize("form", [["serach"], ["search.trails"], ["data"], ["record.alias"], ["card.title"], ["model"]])
def test_a_form_names_what_there_is_and_may_be_changed(form: list[str], folder: Path) -> None:
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "form": form}}))
    assert list(found) == ["models.loans.form"]


@pytest.mark.parametrize("cron", ["0 3 * * *", "*/15 0-6,22 1,15 jan-mar mon-fri", "59 23 31 12 7", "5 0-12/2 * * *"])
def test_cron_as_people_write_it(cron: str) -> None:
    assert ScheduleConfig(cron=cron).cron == cron


@pytest.mark.parametrize(
    "cron",
    [
        "@daily",
        "0 3 * *",
        "60 3 * * *",
        "0 24 * * *",
        "0 3 0 * *",
        "0 3 * 13 *",
        "0 3 * * 8",
        "0 3 * * mon-",
        "9-5 * * * *",
        "*/0 * * * *",
        "*-5 * * * *",
        "a * * * *",
        "0 0 31 2 *",
        "0 0 30,31 feb *",
        "0 0 31 4,6,9-11/2 *",
    ],
)
def test_what_is_no_cron_is_refused(cron: str, folder: Path) -> None:
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "retrain": {"cron": cron}}}))
    assert list(found) == ["models.loans.retrain.cron"]


@pytest.mark.parametrize("cron", ["0 0 29 2 *", "0 0 31 2 mon", "0 0 31 */2 *", "0 0 */31 2 *", "0 0 31 4-12/3 *"])
def test_a_day_that_comes_seldom_is_a_day(cron: str) -> None:
    """Cron takes the day of the month or that of the week, when both are given."""
    assert ScheduleConfig(cron=cron).cron == cron


def test_every_wrong_field_of_a_cron_is_named(folder: Path) -> None:
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "retrain": {"cron": "61 25 * * 9"}}}))
    said = found["models.loans.retrain.cron"]
    assert all(f"is no {name}" in said for name in ("minute", "hour", "weekday"))


def test_a_wrong_configuration_is_told_beside_an_error_of_the_file(folder: Path) -> None:
    models = {"loans": {"config": "loans.yaml", "retrain": {"cron": "0 24 * * *"}}, "other": {"config": "nowhere.yaml"}}
    found = problems(write(folder, models))
    assert list(found) == ["models.loans.retrain.cron", "models.other.config"]


def test_a_wrong_field_hides_nothing_else_of_the_service_file(folder: Path) -> None:
    """The errors that a second and a third attempt told, beside those that the first one told."""
    outside = {"path": "/etc/passwd"}
    models = {
        "loans": {
            "config": "loans.yaml",
            "retrain": {"cron": "0 24 * * *"},
            "score": {"cron": "0 3 * *", "sources": {"new": {"path": 3}}},
            "monitor": {"labels": "outcoms", "sources": {"rows": {"path": "a.csv"}, "outcomes": {"pth": "b.csv"}}},
            "sources": {"daily": {"path": "a.csv", "sql": "SELECT 1"}, "other": outside},
            "source": "dayly",
        },
        "gone": {"config": "gone.yaml", "form": ["serach"], "sources": {"daily": outside}},
        "nothing": {"retrain": {"timezone": "Mars"}, "score": {"sources": {"new": outside}}},
    }
    assert set(problems(write(folder, models, restarts=True, lost_after=1))) == {
        "models.loans.retrain.cron",
        "models.loans.score.cron",
        "models.loans.score.sources.new.path",
        "models.loans.monitor.sources.outcomes.pth",
        "models.gone.form",
        "models.nothing.config",
        "models.nothing.retrain.timezone",
        "lost_after",
        "restarts",
        "models.loans.score",
        "models.loans.monitor",
        "models.nothing.score",
        "models.loans.sources.daily",
        "models.loans.source",
        "models.loans.sources.other.path",
        "models.gone.config",
        "models.gone.sources.daily.path",
        "models.nothing.score.sources.new.path",
    }


@pytest.mark.parametrize(
    ("model", "rest", "place"),
    [
        ({"sources": 3, "source": "daily"}, {}, "models.loans.sources"),
        ({"suorces": {"daily": {"path": "a.csv"}}, "source": "daily"}, {}, "models.loans.suorces"),
        ({"sources": {"daily": 3}, "source": "daily"}, {}, "models.loans.sources.daily"),
        ({"sources": {"daily": {"path": 3}}, "source": "daily"}, {}, "models.loans.sources.daily.path"),
        ({"sources": {"daily": {"path": "/etc/passwd"}}}, {"roots": 3}, "roots"),
        ({"sources": {"daily": {"path": "/etc/passwd"}}}, {"roots": [3]}, "roots[0]"),
        ({"config": 3}, {}, "models.loans.config"),
        ({"score": {"sources": {"new": {"path": "a.csv"}}, "output": 3}}, {}, "models.loans.score.output"),
        ({"score": {"sources": {"new": {"path": "a.csv"}}, "ouptut": "out"}}, {}, "models.loans.score.ouptut"),
        ({"monitor": {"sources": 3, "labels": "outcomes"}}, {}, "models.loans.monitor.sources"),
        ({"monitor": 3}, {}, "models.loans.monitor"),
    ],
)
def test_one_error_of_a_service_file_has_no_consequences(
    model: dict[str, Any], rest: dict[str, Any], place: str, folder: Path
) -> None:
    assert list(problems(write(folder, {"loans": {"config": "loans.yaml", **model}}, **rest))) == [place]


@pytest.mark.parametrize("models", [3, [], {}, {"loans": 3}, {"loans": None}, None])
def test_models_that_are_none_are_one_error(models: Any, folder: Path) -> None:
    place = "models.loans" if isinstance(models, dict) and models else "models"
    assert list(problems(write(folder, models))) == [place]


def test_a_time_zone_that_does_not_exist_names_one_that_does(folder: Path) -> None:
    schedule = {"cron": "0 3 * * *", "timezone": "Europe/Berln"}
    found = problems(write(folder, {"loans": {"config": "loans.yaml", "retrain": schedule}}))
    assert "Europe/Berlin" in found["models.loans.retrain.timezone"]


def test_what_a_run_leaves_out_is_as_the_configuration_has_it(folder: Path) -> None:
    model = load_service(write(folder, {"loans": {"config": "loans.yaml", "form": WHOLE}})).models["loans"]
    config = model.configure(changes={"search": {"folds": 3}, "seed": 7, "contract": "renew", "split": {}})
    assert (config.search.folds, config.search.trials, config.search.seconds) == (3, 12, 60)
    assert (config.seed, config.data.contract, config.split.train) == (7, "renew", 0.7)
    part = model.configure(changes={"split": {"train": 0.75, "test": 0.1}}).split
    assert (part.train, part.validation, part.test) == (0.75, 0.15, 0.1), "they add up with what the configuration has"


def test_a_run_is_held_to_its_form_its_sources_and_its_roots(folder: Path) -> None:
    sources = {"daily": {"path": "loans.csv"}, "all": {"path": "sub/all.csv"}}
    about = {"config": "loans.yaml", "source": "all", "sources": sources, "form": ["search", "audit.policies"]}
    model = load_service(write(folder, {"loans": about})).models["loans"]
    assert list(model.sources) == ["all", "daily"]
    assert model.configure().data.source.path == str(folder / "sub/all.csv")
    assert model.configure(source="daily").data.source.path == str(folder / "loans.csv")
    for source, changes, where in [
        ("dayly", {}, "source"),
        ("", {"data": {"source": {"path": "/etc/passwd"}}}, "data.source"),
        ("", {"record": {"alias": "champion"}}, "record.alias"),
        ("", {"split": {"train": 0.5}}, "split.train"),
        ("", {"audit": {"policies": ["/etc/policy.yaml"]}}, "audit.policies"),
        ("", {"search": {"trials": 0}}, "search.trials"),
        ("", {"search": {"trails": 5}}, "search.trails"),
        ("", {"audit": {"depth": 1}}, "audit.depth"),
        ("", {"search": {"scorer": "roc_acu"}}, "search.scorer"),
    ]:
        with pytest.raises(ConfigError) as caught:
            model.configure(source=source, changes=changes)
        assert [problem.where for problem in caught.value.problems] == [where]


def test_roots_hold_links_climbs_prefixes_and_chains(folder: Path) -> None:
    roots = [str(folder), "s3://bucket/loans/"]
    (folder / "link").symlink_to("/etc")
    inside = [str(folder / "a.csv"), f"file://{folder}/a.csv", "s3://bucket/loans/a.csv", f"sqlite:///{folder}/a.db",
              "postgresql+psycopg://me:${PASSWORD}@host/loans"]  # fmt: skip
    assert [address for address in inside if outside(address, roots)] == []
    out = [str(folder / "link/passwd"), str(folder / ".." / "a.csv"), "s3://bucket/loans/../other.csv",
           "s3://bucket/loans-2/a.csv", "s3://other/a.csv", "https://example.org/a.csv", f"zip://a.csv::{folder}/a.zip",
           "sqlite:////etc/a.db", f"sqlite:///file:{folder}/../a.db?uri=true", f"{folder}x/a.csv"]  # fmt: skip
    assert [address for address in out if not outside(address, roots)] == []


@pytest.mark.parametrize(
    "climb",
    ["%2e%2e", "%2E.", "%252e%252e", "%25252e%2e", "..%2f..", "a%2f..", "a%5c..", "..;x", ".%09.", ".\t.", "..?x"],
)
def test_a_quoted_climb_does_not_lead_out_of_an_address(climb: str) -> None:
    """A client or a server takes %2e for a dot: RFC 3986, section 6.2.2.2."""
    assert outside(f"https://example.org/loans/{climb}/secret.csv", ["https://example.org/loans"])


def test_signs_that_are_quoted_for_another_reason_are_no_climb() -> None:
    inside = ["a%20b.csv", "100%25.csv", "a..b/c.csv", "...", "%2e/a.csv", "a.csv?v=1..2"]
    roots = ["https://example.org/loans"]
    assert [name for name in inside if outside(f"{roots[0]}/{name}", roots)] == []


def test_a_link_in_a_folder_of_parts_does_not_lead_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("outside") / "secret.parquet"
    elsewhere.write_text("secret")
    parts = folder / "parts"
    (parts / "year=2026").mkdir(parents=True)
    (folder / "more").mkdir()
    (parts / "b.parquet").write_text("b")
    (parts / "a.parquet").symlink_to("b.parquet")
    (parts / "more").symlink_to("../more")
    (parts / "circle").symlink_to("../parts")
    (parts / "itself").symlink_to("itself")
    (parts / "gone.parquet").symlink_to("nowhere.parquet")
    source = {"path": "parts"}
    about = {"loans": {"config": "loans.yaml", "sources": {"daily": source}, "score": {"sources": {"new": source},
             "output": "scored"}, "monitor": {"sources": {"new": source}}}}  # fmt: skip
    model = load_service(write(folder, about)).models["loans"]
    assert model.configure().data.source.path == str(parts), "links that stay below the roots are no harm"
    for place in (parts / "year=2026", folder / "more"):
        link = place / "borrower-7.parquet"
        link.symlink_to(elsewhere)
        assert outside(f"file://{parts}", [str(folder)])
        with pytest.raises(ConfigError, match="holds a link that leads outside") as caught:
            model.configure()
        assert "borrower" not in str(caught.value)
        places = ("sources.daily", "score.sources.new", "monitor.sources.new")
        assert list(problems(folder / "service.yaml")) == [f"models.loans.{name}.path" for name in places]
        link.unlink()


def test_the_list_of_approvers_is_held_to_the_roots(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever may write it decides who approves."""
    elsewhere = tmp_path_factory.mktemp("outside") / "approvers"
    for path in (elsewhere, folder / "approvers", folder.parent / "approvers"):
        path.write_text("ann ssh-ed25519 AAAA\n")
    for named in (str(elsewhere), "../approvers", "link"):
        (folder / "loans.yaml").write_text(yaml.safe_dump({**LOANS, "gate": {"approvers": named}}))
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to(elsewhere)
        found = problems(write(folder, {"loans": {"config": "loans.yaml"}}))
        assert list(found) == ["models.loans.config, gate.approvers"]
        assert "outside" in str(found)
    (folder / "loans.yaml").write_text(yaml.safe_dump({**LOANS, "gate": {"approvers": "approvers"}}))
    model = load_service(write(folder, {"loans": {"config": "loans.yaml"}})).models["loans"]
    assert model.configure().gate.approvers == str(folder / "approvers")


def test_a_variable_in_a_path_is_held_to_the_roots_once_it_is_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"config": "loans.yaml", "sources": {"daily": {"path": "${LOANS_FILE}"}}}
    monkeypatch.delenv("LOANS_FILE", raising=False)
    model = load_service(write(folder, {"loans": about})).models["loans"]
    monkeypatch.setenv("LOANS_FILE", "/etc/passwd")
    with pytest.raises(ConfigError, match="outside the service's roots"):
        model.configure()
    monkeypatch.setenv("LOANS_FILE", str(folder / "a.csv"))
    assert model.configure().data.source.path == "${LOANS_FILE}", "what is recorded is the name"
