"""The command line from outside: what it answers, where, with which exit code, and how fast it starts."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from deployments.cli import main, run
from evenhand.config import load_config
from evenhand.data.splits import split_dataset
from flows.outcome import Outcome

ROOT = Path(__file__).parents[2]
HEAVY = ("prefect", "mlflow", "sklearn", "pandas", "numpy", "scipy", "shap", "matplotlib", "pydantic", "yaml")


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "PREFECT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVENHAND_HOME", str(tmp_path / "home"))
    # A command fills in addresses of the local mode; they must not outlive the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "deployments.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=settings, check=False, timeout=120)


def wrong(*arguments: str, capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    assert "\x1b" not in captured.err
    return captured.err


# --- start


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from deployments.cli import run; code = run(['--help']); "
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules)); "
        "print('HEAVY', heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0
    assert "HEAVY []" in done.stderr


def test_help_says_what_a_newcomer_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for part in ("init", "check", "train", "show", "schema", "Examples:", "Exit codes: 0 done", "MLFLOW_TRACKING_URI"):
        assert part in text
    for command in ("init", "check", "train", "show", "schema"):
        assert run([command, "--help"]) == 0
        assert "Usage: evenhand" in capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("evenhand ")


# --- errors


def test_a_wrong_command_line_names_the_nearest(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'Did you mean "train"' in wrong("trian", capsys=capsys)
    assert "--help" in wrong("train", capsys=capsys)
    assert "Did you mean --set" in wrong("train", "x.yaml", "--sett", "a=1", capsys=capsys)
    assert "evenhand init --help" in wrong("init", capsys=capsys)
    wrong("show", "a", "b", "c", capsys=capsys)
    wrong("schema", "x", capsys=capsys)


@pytest.mark.parametrize("command", ["train", "check"])
def test_every_error_of_a_configuration_at_once(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "model: a\ndata: {source: {path: x.csv}, target: y}\nsearch: {trails: 1, folds: 0}\n", encoding="utf-8"
    )
    text = wrong(command, str(path), "--set", "split.method=hsh", capsys=capsys)
    assert "has 3 errors" in text
    assert "  - search.trails: there is no key 'trails' here, line 3 (did you mean 'trials'?)" in text
    assert "  - search.folds: 0 is out of range, line 3 (at least 2)" in text
    assert "  - split.method: 'hsh' is not a choice (did you mean 'hash'?)" in text


def test_the_order_of_options_does_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("model: a\n", encoding="utf-8")
    for arguments in (["train", "--set", "seed=x", str(path)], ["train", str(path), "--set=seed=x"]):
        assert "seed: 'x' does not fit here" in wrong(*arguments, capsys=capsys)
    both = wrong("train", str(path), "--set", "seed=x", "--set", "serch.trials=3", capsys=capsys)
    assert "seed:" in both
    assert "did you mean 'search'?" in both


def test_a_traceback_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "nowhere.yaml"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(["train", "nowhere.yaml", "--traceback"]) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "error: 'nowhere.yaml': no such file" in text


def test_a_defect_is_called_one_and_quotes_no_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise KeyError("Jane Doe, 12 Main Street")

    monkeypatch.setattr("deployments.cli_show.show_run", broken)
    monkeypatch.setattr(sys, "argv", ["evenhand", "show"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(KeyError) as caught:
        main()
    capsys.readouterr()
    sys.excepthook(caught.type, caught.value, caught.tb)
    text = capsys.readouterr().err
    assert "a defect of Evenhand" in text
    assert "KeyError in test_cli.py, line" in text
    assert "Jane" not in text
    assert "Traceback" not in text


def test_an_interrupted_command_says_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("deployments.cli_show.show_run", interrupted)
    assert run(["show"]) == 130
    assert "the same command goes on where it stood" in capsys.readouterr().err


def test_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    done = started("train", "nowhere.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 'nowhere.yaml': no such file")
    broken = started("show", EVENHAND_HOME="\0".replace("\0", "/dev/null/x"))
    assert broken.returncode == 2


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m deployments.cli schema | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("decision", "waiting", "code"),
    [(None, 0, 0), ("promote", 0, 0), ("hold", 0, 3), ("block", 0, 4), (None, 1, 5), ("hold", 1, 5), ("block", 1, 4)],
)
def test_the_exit_code_tells_the_decision_and_what_waits(decision: Any, waiting: int, code: int) -> None:
    from deployments.cli_train import exit_code
    from flows.outcome import Outcome, Summary

    outcome = Outcome("run", "loans", "", "out", "card", Summary("boosting"), decision=decision, waiting="!" * waiting)
    assert exit_code(outcome) == code


def test_a_prefect_server_that_does_not_answer_ends_with_five(
    loans: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "PREFECT_API_URL"
    monkeypatch.setitem(os.environ, variable, "http://127.0.0.1:9")
    assert run(["init", str(loans), "--target", "approved", "--favorable-label", "yes"]) == 0
    capsys.readouterr()
    began = time.perf_counter()
    assert run(["train", "loans.yaml"]) == 5
    assert time.perf_counter() - began < 10
    text = capsys.readouterr().err
    assert "http://127.0.0.1:9" in text
    assert variable in text


# --- init and check


def init(data: Path | str, *more: str) -> int:
    return run(["init", str(data), *more])


def test_init_check_round_trip(loans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(loans, "--target", "approved") == 0
    text = capsys.readouterr().out
    assert "loans.yaml: a configuration for 200 rows and 4 columns" in text
    assert "FILL IN data.favorable_label" in text
    config = load_config(tmp_path / "loans.yaml")
    assert config.data.source.path == str(loans)
    assert set(config.data.sensitive) == {"sex"}

    assert run(["check", "loans.yaml"]) == 2
    assert "data.favorable_label: is empty (write the label that is good for the person: 'no' or 'yes')" in (
        capsys.readouterr().err
    )
    assert run(["check", "loans.yaml", "--set", "data.favorable_label=yes"]) == 0
    text = capsys.readouterr().out
    counts = Counter(line.rsplit(",", 1)[1] for line in loans.read_text(encoding="utf-8").split()[1:])
    assert f"binary (no: {counts['no']}, yes: {counts['yes']}; yes is favorable)" in text
    assert "sensitive: sex (male: 100, female: 50, unknown: 50)" in text
    assert "contract: none yet" in text


def test_init_asks_where_to_cut_a_target_of_few_fractions(loans: Path, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.read_csv(loans)
    frame.assign(approved=[0.5, 1.5, 2.5, 0.5] * (len(frame) // 4)).to_csv(loans, index=False)
    assert init(loans, "--target", "approved") == 0
    assert "target_above:   # FILL IN" in (tmp_path / "loans.yaml").read_text(encoding="utf-8")


def test_init_takes_a_truth_as_yaml_writes_it_and_says_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paid = pd.array([True, False, None] * 100, dtype="boolean")
    pd.DataFrame({"amount": range(300), "x": range(300), "paid": paid}).to_parquet(tmp_path / "rows.parquet")
    file = tmp_path / "rows.yaml"
    words = ["init", str(tmp_path / "rows.parquet"), "--target", "paid", "--favorable-label", "true", "-o", str(file)]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "100 of 300 rows have none" in said
    assert "at least one, such as {sex: {column: sex}}" in file.read_text()
    file.write_text(re.sub(r"sensitive: \{\}.*", "sensitive: {size: {column: amount, bins: [100]}}", file.read_text()))
    assert run(["check", str(file)]) == 0


def test_init_and_check_say_that_labels_look_alike(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loans.write_text(loans.read_text(encoding="utf-8").replace(",yes", ",YES", 60), encoding="utf-8")
    assert init(loans, "--target", "approved", "--favorable-label", "yes") == 0
    assert "look at approved: 'YES', 'yes' differ only in case or spaces" in capsys.readouterr().out
    assert run(["check", "loans.yaml"]) == 0
    assert "look at approved: 'YES', 'yes' differ only in case or spaces" in capsys.readouterr().out


def test_check_tells_of_the_contract_before_it_splits(
    loans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new rare label breaks the contract; that it is too rare for a split is no remedy."""
    import pandas as pd

    from tasks import registry
    from tasks.rows import load_rows
    from tasks.split import _new_contract as new_contract

    assert init(loans, "--target", "approved", "--favorable-label", "yes") == 0
    config = load_config(tmp_path / "loans.yaml")
    rows = load_rows(config.data)
    kept = new_contract(rows, split_dataset(rows, **config.split.drawn_by(), seed=config.seed), None)
    monkeypatch.setattr(registry, "latest_contract", lambda _model: kept)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "mlflow.db").touch()
    assert run(["check", "loans.yaml"]) == 0
    assert "contract: the rows keep it" in capsys.readouterr().out
    frame = pd.read_csv(loans)
    frame.loc[:1, "approved"] = "perhaps"
    frame.to_csv(loans, index=False)
    assert run(["check", "loans.yaml"]) == 2
    error = capsys.readouterr().err
    assert "2 of 200 rows hold 1 unseen category" in error
    assert "stratified" not in error
    frame.assign(approved="no", more=1).to_csv(loans, index=False)
    assert run(["check", "loans.yaml"]) == 2
    error = capsys.readouterr().err
    assert "has one class in all 200 rows" in error
    assert "more: the column is not in the contract" in error


def test_check_refuses_a_key_that_tells_no_rows_apart(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the training would; with few keys a split by them leaves a part empty, which says nothing of the cause."""
    assert init(loans, "--target", "approved", "--favorable-label", "yes") == 0
    capsys.readouterr()
    assert run(["check", "loans.yaml", "--set", "data.key=sex", "--set", "data.sensitive={}"]) == 2
    assert "key 'sex': 200 of 200 rows share their key with another row" in capsys.readouterr().err


def test_check_names_what_is_noteworthy(loans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    frame = pd.read_csv(loans)
    frame.assign(country="here", verdict=frame["approved"]).to_csv(loans, index=False)
    assert init(loans, "--target", "approved", "--favorable-label", "yes") == 0
    assert set(load_config(tmp_path / "loans.yaml").data.exclude) == {"country", "verdict"}
    assert run(["check", "loans.yaml", "--set", "data.exclude=[]"]) == 0
    text = capsys.readouterr().out
    assert "look at country: " in text
    assert "look at verdict: " in text


def test_init_overwrites_only_when_told(loans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loans.yaml").write_text("precious", encoding="utf-8")
    assert "--force" in wrong("init", str(loans), "--target", "approved", capsys=capsys)
    assert (tmp_path / "loans.yaml").read_text(encoding="utf-8") == "precious"
    assert init(loans, "--target", "approved", "--force") == 0
    assert load_config(tmp_path / "loans.yaml").data.target == "approved"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "name the column to predict with --target; it could be 'approved'"),
        (["--target", "aproved"], "did you mean 'approved'?"),
        (["--target", "approved", "--favorable-label", "Yes"], "is no label of 'approved': did you mean 'yes'?"),
        (["--target", "approved", "--sensitive", "sexx"], "did you mean 'sex'?"),
        (["--target", "approved", "--sensitive", "approved"], "is the target"),
        (["--target", "approved", "-o", "nowhere/c.yaml"], "is no folder"),
        (["--target", "approved", "-o", "/", "--force"], "/ is a folder: name the file in it with --output"),
    ],
)
def test_init_says_what_is_wrong(
    arguments: Sequence[str], expected: str, loans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in wrong("init", str(loans), *arguments, capsys=capsys)
    assert list(tmp_path.glob("*.yaml")) == []


def test_init_of_no_file_and_of_an_address_with_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no file" in wrong("init", "nowhere.csv", "--target", "y", capsys=capsys)
    text = wrong("init", "https://me:hunter2@127.0.0.1:9/a.csv", "--target", "y", capsys=capsys)
    assert "hunter2" not in text


def test_init_beside_another_folder_writes_a_path_that_leads_there(loans: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert init(loans, "--target", "approved", "--output", "models/m.yaml", "--model", "Loans: 2024!") == 0
    config = load_config(tmp_path / "models" / "m.yaml")
    assert yaml.safe_load((tmp_path / "models" / "m.yaml").read_text(encoding="utf-8"))["data"]["source"] == {
        "path": "../loans.csv"
    }
    assert Path(config.data.source.path or "").resolve() == loans
    assert config.model == "Loans 2024"


def test_init_with_names_of_columns_that_hurt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    names = ["a: b", "#x", "=1+1", "@y", 'q"t', "it's", "🙂", "../up", "new\nline", "[red]", "\x1b[31m", "no"]
    frame = pd.DataFrame({name: [n % 5 for n in range(60)] for name in names}).assign(**{"t: #": ["a", "b"] * 30})
    frame.to_csv(tmp_path / "hurt.csv", index=False)
    sensitive = [part for name in names[:3] for part in ("--sensitive", name)]
    assert init(tmp_path / "hurt.csv", "--target", "t: #", "--favorable-label", "a", *sensitive) == 0
    data = load_config(tmp_path / "hurt.yaml").data
    assert data.target == "t: #"
    assert set(names[:3]) <= set(data.sensitive)
    assert "\x1b" not in (tmp_path / "hurt.yaml").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["check", "hurt.yaml"]) == 0
    assert "\x1b" not in capsys.readouterr().out


# --- show and schema


def kept(outcome: Outcome, home: Path, **changes: Any) -> None:
    value = {**outcome.to_dict(), **changes}
    folder = home / "runs" / value["run_id"]
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps(value), encoding="utf-8")


def test_show_finds_a_run_by_what_people_remember(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(outcome, tmp_path / "home")
    kept(outcome, tmp_path / "home", run_id="0123ffff", model_version="4")
    newest = tmp_path / "home" / "runs" / "0123ffff" / "outcome.json"
    os.utime(newest, (time.time() + 5, time.time() + 5))

    def version(*arguments: str) -> str:
        assert run(["show", "--json", *arguments]) == 0
        return str(json.loads(capsys.readouterr().out)["model_version"])

    assert version() == "4"
    assert version("0123456789abcdef") == "3"
    assert version("01234567") == "3"
    assert version("loan-approval") == "4"
    assert version("loan-approval/3") == "3"
    assert "is the start of 2 runs" in wrong("show", "0123", capsys=capsys)
    assert "did you mean 'loan-approval'?" in wrong("show", "loan-aproval", capsys=capsys)
    assert run(["show", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run", "0123ffff", "01234567"]


def test_show_takes_either_name_of_a_run_that_waited(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / "runs" / "d053351a0f3a"  # its key: MLflow's identifier came later
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps(outcome.to_dict() | {"run_id": "48ce6518f55c"}), encoding="utf-8")
    for name in ("d053351a", "48ce6518"):
        assert run(["show", "--json", name]) == 0
        assert json.loads(capsys.readouterr().out)["run_id"] == "48ce6518f55c"


def test_show_without_a_run_or_with_a_damaged_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "evenhand train CONFIG" in wrong("show", capsys=capsys)
    folder = tmp_path / "home" / "runs" / "x"
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text('{"run_id": 1', encoding="utf-8")
    assert "cannot be read" in wrong("show", capsys=capsys, code=1)


def test_show_opens_the_card(
    outcome: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not opened.append(address))
    kept(outcome, tmp_path / "home")
    assert run(["show", "--open"]) == 2
    assert "is gone" in capsys.readouterr().err
    Path(outcome.card_path).write_text("<html></html>", encoding="utf-8")
    assert run(["show", "--open"]) == 0
    assert opened == [Path(outcome.card_path).as_uri()]


def test_schema_is_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["search"]


# --- the service


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port-prefect", "99999"], "99999"),
        (["--workers", "-1"], "-1"),
        (["--port-prefect", "4322", "--port-mlflow", "4322"], "are both 4322"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_up_refuses_what_cannot_be_before_it_starts_a_server(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["up", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "home" / "service" / "logs").exists()


@pytest.mark.parametrize("command", [["up"], ["check", str(ROOT / "examples" / "loan-approval.yaml")]])
@pytest.mark.parametrize("home", ["a-file", "a-file/below", "/proc/none"])
def test_a_home_that_cannot_be_is_wrong_input(
    command: list[str], home: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("EVENHAND_HOME", home)
    assert run(command) == 2
    assert "EVENHAND_HOME" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["/proc/none/b.tar", "a-file/b.tar"])
def test_a_backup_that_cannot_be_written_is_wrong_input(
    place: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    assert place in wrong("backup", place, capsys=capsys)


class Closed(BaseHTTPRequestHandler):
    """A server that says that it is well, and asks for a password at everything else."""

    said = b"true"

    def do_GET(self) -> None:
        well = self.path.endswith("/health")
        self.send_response(200 if well else 401)
        self.end_headers()
        self.wfile.write(self.said if well else b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Other(Closed):
    said = b"OK"


@pytest.mark.parametrize(
    ("server", "password", "code", "said"),
    [
        (Closed, "", 5, "set PREFECT_API_AUTH_STRING"),
        (Closed, "admin:wrong", 5, "correct PREFECT_API_AUTH_STRING"),
        (Other, "admin:right", 2, "is not Prefect's API"),
    ],
)
def test_deploy_says_which_of_address_and_password_is_wrong(
    server: type[Closed], password: str, code: int, said: str
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), server) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{listening.server_port}/api"
        secret = {"PREFECT_API_AUTH_STRING": password} if password else {}
        done = started("deploy", str(ROOT / "examples" / "service.yaml"), PREFECT_API_URL=address, **secret)
        listening.shutdown()
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "wrong" not in done.stderr.replace(said, "")
