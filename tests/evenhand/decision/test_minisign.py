"""Signatures of minisign: made by the program itself, kept here, and made anew where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from evenhand.decision import minisign
from evenhand.decision.ledger import LedgerError
from evenhand.decision.signature import belongs_to, fingerprint, sign, signs_under_any_name, verify

TEXT = f"evenhand: approve version 3 of loans\ndecision {7:064d}\n"
KEY = "RWTgEr2EQ8rZetyKT99BCTzStjz+KSe64HgxdGbowE9o8k08TK43XdNR"
# Made of TEXT by `minisign -S` and `minisign -S -l`, version 0.11 of Debian 12, with the secret key of KEY.
HASHED = """untrusted comment: signature from minisign secret key
RUTgEr2EQ8rZesqCNsDN43C9P/hRw7TCkFnN1YYDXE94VI51du9OwrqD+7zJotGLErYNUaEQDuXmGWW6uluVLW0LxCoihebk5Qg=
trusted comment: timestamp:1795465268\tfile:text\thashed
5Oq8QL9GkGA9EReBAFBRYLw7RRxggBEipm2im3P+CaUAg+OxMIC8SUZdtKTBQZXF68549vkmxJCJfb1lnUmhAg==
"""
WHOLE = """untrusted comment: signature from minisign secret key
RWTgEr2EQ8rZel1tMBjQpqQIwR6otLf8n8p8s4MpfIrhp0ih9iO6WN9Akj2K1981cxpfub+Vvl8pkAgt0oPWGV1BxjnZbN8+ogE=
trusted comment: timestamp:1795465268\tfile:text
RWIMmt6yTEByWqZGfsf457611dsbuNmEcdkFLhQ8MA/Pgftr0sfhg3ryKc8L8G+LZGA/DtlnHyTYzyIue/tMAw==
"""


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    other = "RWQGLbV5Q2oKqJb0oBQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    lines = [
        f"ann,ann@x.org minisign {KEY}",
        f"bob minisign {other}",
        f"# eve minisign {KEY}",
        f"*@y.org minisign {KEY}",
    ]
    (tmp_path / "allowed").write_text("\n".join([*lines, "zoe minisign RW???", ""]))
    return tmp_path / "allowed"


@pytest.mark.parametrize("made", [HASHED, WHOLE], ids=["hashed", "whole"])
@pytest.mark.parametrize("pasted", ["\n", "\r\n"])
def test_a_signature_is_its_persons_and_of_its_text(allowed: Path, made: str, pasted: str) -> None:
    signature = made.replace("\n", pasted)
    for who in ("ann", "ann@x.org"):
        verify(TEXT, signature, who, allowed)
        assert signs_under_any_name(signature, who, allowed) == ""
    for who in ("bob", "eve", "zoe", "any@y.org", "Ann", ""):
        with pytest.raises(LedgerError, match="not one of"):
            verify(TEXT, signature, who, allowed)
        assert not belongs_to(TEXT, signature, who, allowed)
    assert belongs_to(TEXT, signature, "ann@x.org", allowed)
    with pytest.raises(LedgerError, match="not one of 'ann'"):
        verify(TEXT.replace("approve", "reject"), signature, "ann", allowed)
    assert fingerprint(signature) == "minisign:7AD9CA4384BD12E0", "as the key's file names it"


def test_a_text_with_the_line_ends_of_an_editor_is_the_same(allowed: Path) -> None:
    verify(TEXT.removesuffix("\n") + "\n", HASHED, "ann", allowed)
    verify(TEXT.rstrip("\n"), HASHED, "ann", allowed)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:2], lines[2].replace("text", "texts"), lines[3]],
        lambda lines: [lines[0], WHOLE.splitlines()[1], *lines[2:]],
        lambda lines: [*lines[:3], WHOLE.splitlines()[3]],
        lambda lines: [lines[0], "RW" + lines[1][2:], *lines[2:]],
    ],
)
def test_a_signature_that_was_put_together_is_refused(allowed: Path, change) -> None:
    with pytest.raises(LedgerError, match="not one of 'ann'"):
        verify(TEXT, "\n".join(change(HASHED.splitlines())), "ann", allowed)


@pytest.mark.parametrize("broken", [HASHED[:120], HASHED.replace("trusted comment: t", "comment: t"), HASHED + "more"])
def test_what_is_no_signature_says_what_to_paste(allowed: Path, broken: str) -> None:
    with pytest.raises(LedgerError, match="paste all four lines"):
        verify(TEXT, broken, "ann", allowed)


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")
def test_the_program_and_we_agree(tmp_path: Path) -> None:
    subprocess.run(["minisign", "-G", "-W", "-p", "eve.pub", "-s", "eve.key"], cwd=tmp_path, check=True)
    (tmp_path / "allowed").write_text(f"eve minisign {(tmp_path / 'eve.pub').read_text().splitlines()[1]}\n")
    signature = sign(TEXT, tmp_path / "eve.key")
    verify(TEXT, signature, "eve", tmp_path / "allowed")
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "text.minisig").write_text(signature)
    subprocess.run(["minisign", "-V", "-p", "eve.pub", "-m", "text"], cwd=tmp_path, check=True)
    assert fingerprint(signature).partition(":")[2] in (tmp_path / "eve.pub").read_text()
    with pytest.raises(LedgerError, match="minisign does not sign"):
        sign(TEXT, tmp_path / "eve.pub")


def test_without_the_program_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("untrusted comment: minisign encrypted secret key\nRW\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LedgerError, match="minisign, which is not installed"):
        minisign.sign(TEXT, tmp_path / "key")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
def test_both_kinds_of_keys_stand_in_one_list(allowed: Path) -> None:
    folder = allowed.parent
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ann"], cwd=folder, check=True)
    allowed.write_text(allowed.read_text() + f"ann {(folder / 'ann.pub').read_text()}")
    for signature in (HASHED, sign(TEXT, folder / "ann")):
        verify(TEXT, signature, "ann", allowed)
        assert belongs_to(TEXT, signature, "ann", allowed)
        with pytest.raises(LedgerError, match="not one of 'bob'"):
            verify(TEXT, signature, "bob", allowed)
