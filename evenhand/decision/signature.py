"""Answers that a person signs with an SSH key of their own, and their verification."""

import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from evenhand.decision.ledger import LedgerError, Record
from evenhand.exceptions import shorten

__all__ = ["NAMESPACE", "sign", "statement", "verify"]

NAMESPACE = "evenhand"
"""The namespace of the signatures: one that was made for something else is not taken."""


def statement(decision: Record, version: str, answer: str) -> str:
    """The text that is signed: it names the decision's record, and so the evidence that the answer is about.

    Examples
    --------
    >>> from evenhand.decision.ledger import seal
    >>> held = seal(None, "decision", "loans", {"outcome": "hold"})
    >>> print(statement(held, "3", "approve").splitlines()[0])
    evenhand: approve version 3 of loans
    """
    return f"evenhand: {answer} version {version} of {decision.model}\ndecision {decision.hash}\n"


def sign(text: str, key: Path) -> str:
    """The signature of a text by a private SSH key, or by the agent's when `key` is its public part.

    Parameters
    ----------
    text
        What is signed.
    key
        The key file; ssh-keygen asks for its passphrase.

    Returns
    -------
    str
        In the armoured form of OpenSSH.

    Raises
    ------
    LedgerError
        When ssh-keygen is missing or refuses.
    """
    if not key.is_file():
        what = f"{key} is a folder" if key.is_dir() else f"there is no key {key}"
        raise LedgerError(f"{what}: name the file of your SSH key, such as ~/.ssh/id_ed25519")
    done = _keygen(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key)], text)
    if done.returncode:
        raise LedgerError(f"ssh-keygen does not sign with {key}: {_said(done)}")
    return done.stdout


def verify(text: str, signature: str, who: str, allowed: Path, *, at: datetime | None = None) -> None:
    """Make sure that this person signed this text.

    Parameters
    ----------
    text, signature
        What was signed, and the signature. A file with Windows line ends, or without the last one, says the same lines.
    who
        The person, as the list names them.
    allowed
        The list of allowed signers (``ssh-keygen(1)``, ALLOWED SIGNERS): a name and a public key a line.
    at
        When it was signed, for keys that are valid for a while (OpenSSH 8.7); by default now.

    Raises
    ------
    LedgerError
        When the signature is not that person's, or not of this text.
    """
    if not allowed.is_file():
        raise LedgerError(f"the list of approvers {allowed} is not there: `gate.approvers` names it")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "signature"
        file.write_text("\n".join([*signature.strip().splitlines(), ""]), encoding="utf-8")
        words = ["-Y", "verify", "-n", NAMESPACE, "-f", str(allowed), "-I", who, "-s", str(file)]
        if at is not None:
            words += ["-O", f"verify-time={at.astimezone():%Y%m%d%H%M%S}"]
        tried = []
        for same in _spellings(text):
            tried.append(_keygen(words, same))
            if not tried[-1].returncode:
                return
    raise LedgerError(f"the signature is not one of {shorten(who)} for this answer: {_said(tried[0])}")


def _spellings(text: str) -> list[str]:
    r"""The same lines as editors write them; no two texts that are signed share a spelling.

    Examples
    --------
    >>> _spellings("one\ntwo\n")
    ['one\ntwo\n', 'one\ntwo', 'one\r\ntwo\r\n', 'one\r\ntwo']
    """
    lines = text.removesuffix("\n").split("\n")
    return [end.join(lines) + last for end in ("\n", "\r\n") for last in (end, "")]


def _keygen(words: list[str], text: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise LedgerError("ssh-keygen is not installed: signed answers need OpenSSH 8.2 or newer")
    return subprocess.run(  # noqa: S603 (the program's own name, no shell)
        [program, *words], input=text, capture_output=True, text=True, check=False, timeout=120
    )


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stderr.strip() or done.stdout.strip() or "it gives no reason").splitlines()[-1]
