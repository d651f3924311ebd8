"""Files and mappings that cannot be a configuration: one clear error each, never a password, never a traceback."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.config import load_config
from evenhand.exceptions import ConfigError

Write = Callable[[Any], Path]

GOOD = """\
model: loans
data:
  source: {path: loans.csv}
  target: approve
"""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)

FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["is empty", "evenhand init"]),
    "blank": (" \n\n", ["is empty"]),
    "only a comment": ("# nothing\n", ["nothing but comments"]),
    "only null": ("~\n", ["nothing"]),
    "a list at top": ("- a\n- b\n", ["a list of 2", "mapping"]),
    "a text at top": ("hello\n", ["one text"]),
    "binary": (b"\x89PNG\r\n\x00\x1a", ["is not a text file"]),
    "Parquet": (b"PAR1\x15\x04\x15\x00\x15", ["not a text file"]),
    "Latin-1": ("model: caf\xe9\n".encode("latin-1"), ["line 1", "UTF-8"]),
    "UTF-16 cut off": (b"\xff\xfem", ["not UTF-16"]),
    "a control character": (GOOD + "seed: \x07\n", ["line 5", "control character"]),
    "a tab for indentation": ("model: a\ndata:\n\ttarget: x\n", ["line 3", "tabs"]),
    "a colon in a text": ("model: a: b\n", ["line 1", "column", "quotes"]),
    "a quote left open": ('model: "a\ndata: x\n', ["line"]),
    "a bracket left open": ("model: [a\n", ["line"]),
    "bad indentation": ("model: a\n  seed: 1\n", ["line 2"]),
    "an at sign": ("model: @a\n", ["line 1", "quotes"]),
    "two documents": (GOOD + "---\n" + GOOD, ["line 5", "second document"]),
    "a key given twice": (GOOD + "seed: 1\nseed: 2\n", ["seed: given twice, on lines 5 and 6"]),
    "a nested key given twice": (GOOD.replace("approve", "a\n  target: b"), ["data.target: given twice, on lines 4"]),
    "a Python tag": (GOOD + "seed: !!python/object/apply:os.getcwd []\n", ["seed", "tags", "not allowed"]),
    "a tag of YAML": (GOOD + "seed: !!int '3'\n", ["tags"]),
    "an unknown alias": (GOOD + "seed: *nowhere\n", ["line 5", "*nowhere"]),
    "an alias in itself": (GOOD + "card: &c {title: *c}\n", ["line 5", "*c"]),
    "an alias as a key": (GOOD + "? *a\n: 1\n", ["line 5"]),
    "a list as a key": (GOOD + "? [a]\n: 1\n", ["line 5", "key must be a text"]),
    "a merge key": (GOOD + "x: &x {a: 1}\nsplit:\n  <<: *x\n", ["split.<<", "no key"]),
    "a bomb of aliases": (BOMB + GOOD, ["more than 100000 values"]),
    "nested a hundred deep": ("model: " + "[" * 100 + "]" * 100 + "\n", ["levels deep"]),
    "nested a hundred thousand deep": ("model: " + "[" * 100_000, ["levels deep"]),
    "more than a megabyte": ("# " + "x" * 1_000_001, ["bytes", "evenhand init"]),
    "a number of a thousand digits": (GOOD + f"seed: {'9' * 1000}\n", ["seed"]),
    "data": ("approve,income\n1,20\n0,30\n", ["one text", "mapping"]),
    "JSON cut off": ('{"model": "a", "data": {', ["line 2", "not valid YAML"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_gives_one_clear_error(name: str, write: Write) -> None:
    content, expected = FILES[name]
    began = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        load_config(write(content))
    assert time.perf_counter() - began < 5
    text = str(caught.value)
    assert [part for part in expected if part not in text] == [], text
    assert len(text) < 1500
    assert caught.value.exit_code == 2


def test_a_missing_file_gets_the_nearest_name(write: Write) -> None:
    path = write(GOOD)
    with pytest.raises(ConfigError, match=r"no such file; did you mean 'config\.yaml'"):
        load_config(path.with_name("confg.yaml"))


def test_a_missing_folder_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "nowhere" / "x.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_a_name_that_no_file_can_have() -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(ConfigError, match=r"cannot be read|no such file"):
            load_config(name)


def test_data_given_as_a_configuration_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text("approve,income\n1,20\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is it the data\? `evenhand init loans\.csv"):
        load_config(path)


def test_a_file_that_fits_in_no_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(10**12)  # a hole, which takes no room on the disk
    with pytest.raises(ConfigError, match="1,000,000,000,000 bytes"):
        load_config(path)


def test_an_error_of_syntax_does_not_quote_the_line(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write("data:\n  source: {url: postgresql://me:hunter2@db/x, sql: [}\n"))
    assert "hunter2" not in str(caught.value)
    assert "line 2" in str(caught.value)


def test_utf_16_with_its_mark_and_utf_8_with_one_are_read(write: Write) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        assert load_config(write(GOOD.encode(encoding))).model == "loans"
