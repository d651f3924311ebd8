"""Signatures with real keys: only the person, only this text, only this namespace."""

import shutil
import subprocess
from pathlib import Path

import pytest

from evenhand.decision.ledger import LedgerError, seal
from evenhand.decision.signature import belongs_to, fingerprint, sign, signs_under_any_name, statement, verify

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Keys of Ann and Bob, and the list of allowed signers."""
    lines = []
    for name in ("ann", "bob"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name), "-C", name]
        subprocess.run(command, check=True)
        lines.append(f"{name} {(tmp_path / f'{name}.pub').read_text()}")
    (tmp_path / "allowed").write_text("".join(lines))
    return tmp_path


HELD = seal(None, "decision", "loans", {"outcome": "hold", "version": "3"})
TEXT = statement(HELD, "3", "approve")


def test_a_signature_is_its_persons(people: Path) -> None:
    signed = sign(TEXT, people / "ann")
    verify(TEXT, signed, "ann", people / "allowed")
    with pytest.raises(LedgerError, match="not one of 'bob'"):
        verify(TEXT, signed, "bob", people / "allowed")


KEYS = [["ed25519"], ["rsa", "-b", "2048"], ["ecdsa"]]


@pytest.mark.parametrize("kind", KEYS, ids=[kind[0] for kind in KEYS])
@pytest.mark.parametrize("pasted", ["\n", "\r\n"])
def test_a_key_is_that_of_all_its_names(people: Path, kind: list[str], pasted: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", "", "-f", str(people / "eve")], check=True)
    public = " ".join((people / "eve.pub").read_text().split()[:2])
    allowed = people / "allowed"
    named = [f'eve,zoe namespaces="git" {public}', f'"*@x.org" valid-before="20200101" {public} ann', "# eve ssh-rsa A"]
    allowed.write_text(allowed.read_text() + "\n".join([*named, f"eva {public} comment", ""]))
    signed = sign(TEXT, people / "eve").replace("\n", pasted)
    verify(TEXT, signed, "eva", allowed)
    names = ["eva", "eve", "zoe", "any@x.org", "ann", "bob", "Eve"]
    assert [belongs_to(TEXT, signed, name, allowed) for name in names] == [True] * 4 + [False] * 3
    assert [signs_under_any_name(signed, name, allowed) for name in ("eva", "any@x.org")] == ["", "*@x.org"]
    shown = subprocess.run(["ssh-keygen", "-l", "-f", people / "eve.pub"], capture_output=True, text=True, check=True)
    assert fingerprint(signed) == shown.stdout.split()[1]


def test_another_text_or_decision_is_refused(people: Path) -> None:
    signed = sign(TEXT, people / "ann")
    other = seal(None, "decision", "loans", {"outcome": "hold", "version": "4"})
    for text in (statement(HELD, "3", "reject"), statement(HELD, "4", "approve"), statement(other, "3", "approve")):
        with pytest.raises(LedgerError, match="signature"):
            verify(text, signed, "ann", people / "allowed")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("pasted", ["\n", "\r\n"])
def test_the_lines_count_as_any_editor_ends_them(people: Path, end: str, last: bool, pasted: str) -> None:
    """Signed on Windows, or from a file without its last line end, the answer was refused as falsely signed."""
    file = people / "lines"
    file.write_bytes((end.join(TEXT.splitlines()) + (end if last else "")).encode())
    subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-n", "evenhand", "-f", people / "ann", file], check=True)
    signed = (people / "lines.sig").read_text().replace("\n", pasted)
    verify(TEXT, signed, "ann", people / "allowed")
    for text, who in ((statement(HELD, "3", "reject"), "ann"), (TEXT, "bob")):
        with pytest.raises(LedgerError, match="not one of"):
            verify(text, signed, who, people / "allowed")


@pytest.mark.parametrize("said", [TEXT + "\n", TEXT.replace(" ", "  "), TEXT.upper(), TEXT.splitlines()[0], f" {TEXT}"])
def test_other_lines_are_other_lines(people: Path, said: str) -> None:
    with pytest.raises(LedgerError, match="not one of 'ann'"):
        verify(TEXT, sign(said, people / "ann"), "ann", people / "allowed")


def test_a_stranger_and_another_namespace_are_refused(people: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(people / "eve")], check=True)
    with pytest.raises(LedgerError, match="signature"):
        verify(TEXT, sign(TEXT, people / "eve"), "ann", people / "allowed")
    command = ["ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", str(people / "ann")]
    elsewhere = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=True).stdout
    with pytest.raises(LedgerError, match="signature"):
        verify(TEXT, elsewhere, "ann", people / "allowed")


def test_what_is_missing_is_named(people: Path) -> None:
    with pytest.raises(LedgerError, match="there is no key"):
        sign(TEXT, people / "nobody")
    with pytest.raises(LedgerError, match=r"gate\.approvers"):
        verify(TEXT, "x", "ann", people / "nowhere")
