"""Answers that a person signs with an SSH key of their own, or one of minisign, and their verification."""

import binascii
import hashlib
import shutil
import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from evenhand.decision import minisign
from evenhand.decision.ledger import LedgerError, Record
from evenhand.exceptions import shorten

__all__ = ["NAMESPACE", "belongs_to", "fingerprint", "sign", "signs_under_any_name", "statement", "verify"]

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
    """The signature of a text by a private SSH key, or by the agent's when `key` is its public part, or by minisign's.

    Parameters
    ----------
    text
        What is signed.
    key
        The key file; ssh-keygen or minisign asks for its passphrase.

    Returns
    -------
    str
        In the armoured form of OpenSSH, or the four lines of minisign.

    Raises
    ------
    LedgerError
        When the program is missing or refuses.
    """
    if not key.is_file():
        what = f"{key} is a folder" if key.is_dir() else f"there is no key {key}"
        raise LedgerError(f"{what}: name the file of your SSH key, such as ~/.ssh/id_ed25519")
    if minisign.is_key(key):
        return minisign.sign(text, key)
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
        The list of allowed signers (``ssh-keygen(1)``, ALLOWED SIGNERS): a name and a public key a line; a key of
        minisign stands there as ``NAME minisign KEY``.
    at
        When it was signed, for keys that are valid for a while (OpenSSH 8.7); by default now.

    Raises
    ------
    LedgerError
        When the signature is not that person's, or not of this text.
    """
    if not allowed.is_file():
        raise LedgerError(f"the list of approvers {allowed} is not there: `gate.approvers` names it")
    if minisign.is_signature(signature):
        if who in minisign.signers(_spellings(text), signature, _lines(allowed)):
            return
        raise LedgerError(f"the signature is not one of {shorten(who)} for this answer: no key of that name made it")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "signature"
        file.write_text("\n".join([*signature.strip().splitlines(), ""]), encoding="utf-8")
        listed = Path(scratch) / "allowed"  # without what ssh-keygen cannot read
        kept = [line for line in _lines(allowed) if line.split()[1:2] != [minisign.KIND]]
        listed.write_text("\n".join([*kept, ""]), encoding="utf-8", errors="surrogateescape")
        words = ["-Y", "verify", "-n", NAMESPACE, "-f", str(listed), "-I", who, "-s", str(file)]
        if at is not None:
            words += ["-O", f"verify-time={at.astimezone():%Y%m%d%H%M%S}"]
        tried = []
        for same in _spellings(text):
            tried.append(_keygen(words, same))
            if not tried[-1].returncode:
                return
    raise LedgerError(f"the signature is not one of {shorten(who)} for this answer: {_said(tried[0])}")


def fingerprint(signature: str) -> str:
    """The fingerprint of the key that made a signature, as ``ssh-keygen -l`` shows it; of minisign's its identifier.

    Parameters
    ----------
    signature
        As :func:`sign` gives it.
    """
    if minisign.is_signature(signature):
        return minisign.key_name(signature)
    digest = hashlib.sha256(_key(signature)).digest()
    return f"SHA256:{b64encode(digest).decode().rstrip('=')}"


def belongs_to(text: str, signature: str, who: str, allowed: Path) -> bool:
    """Whether the list of allowed signers gives the key of a signature to a person, whatever name was signed under.

    A name that stands there for other uses or other times counts, too: it is the same person's key.

    Parameters
    ----------
    text, signature
        What was signed, and the signature.
    who
        The person.
    allowed
        The list.
    """
    if minisign.is_signature(signature):
        return who in minisign.signers(_spellings(text), signature, _lines(allowed))
    if any(fnmatchcase(who, pattern) for pattern in _names(signature, allowed)):
        return True
    try:
        verify(text, signature, who, allowed)  # of a certificate only ssh-keygen knows whose it is
    except LedgerError:
        return False
    return True


def signs_under_any_name(signature: str, who: str, allowed: Path) -> str:
    """The pattern that alone lets a key sign as this person; "" where the list has the name itself.

    Whoever holds such a key may call himself anything that the pattern fits.

    Parameters
    ----------
    signature, who, allowed
        As :func:`verify` takes them, and found to be right by it.
    """
    if minisign.is_signature(signature):
        return ""  # names of its keys are no patterns
    names = _names(signature, allowed)
    return "" if not names or who in names else next((name for name in names if fnmatchcase(who, name)), names[0])


def _key(signature: str) -> bytes:
    """The public key in a signature: PROTOCOL.sshsig has it after the magic word and a version."""
    body = "".join(line for line in signature.split("\n") if not line.startswith("-----")).replace("\r", "")
    try:
        blob = b64decode(body)
    except (binascii.Error, ValueError) as error:
        raise LedgerError("the signature is none of ssh-keygen: paste all lines that it wrote") from error
    length = int.from_bytes(blob[10:14], "big")
    return blob[14 : 14 + length]


def _names(signature: str, allowed: Path) -> list[str]:
    """The names and patterns that the list gives to the very key of a signature."""
    key = b64encode(_key(signature)).decode()
    return [name for names, named in map(_entry, _lines(allowed)) if named == key for name in names]


def _lines(allowed: Path) -> list[str]:
    return allowed.read_text(encoding="utf-8", errors="surrogateescape").split("\n")  # as ssh-keygen has lines


def _entry(line: str) -> tuple[list[str], str]:
    """Names and key of a line of ALLOWED SIGNERS; none of a comment.

    Examples
    --------
    >>> _entry('"ann,ann@x.org" namespaces="git, evenhand" ssh-ed25519 AAAA ssh-rsa BBBB')
    (['ann', 'ann@x.org'], 'AAAA')
    >>> _entry("# ann ssh-ed25519 AAAA"), _entry("")
    (([], ''), ([], ''))
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return [], ""
    names, _, rest = line[1:].partition('"') if line.startswith('"') else _first_word(line)
    words: Iterator[str] = iter(rest.split())
    kind = next((word for word in words if word.startswith(("ssh-", "ecdsa-", "sk-"))), "")
    return names.split(","), next(words, "") if kind else ""


def _first_word(line: str) -> tuple[str, str, str]:
    word = line.split(maxsplit=1)[0]
    return word, "", line[len(word) :]


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
