"""Answers that a person signs with a key of minisign, beside those of OpenSSH.

The format is that of https://jedisct1.github.io/minisign/ ("Signature format", "Public key format"): Ed25519 over the
text or its BLAKE2b-512, and a second signature over the first one and the trusted comment.
"""

import hashlib
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evenhand.decision.ledger import LedgerError

__all__ = ["KIND", "is_key", "is_signature", "key_name", "sign", "signers"]

KIND = "minisign"
"""What stands between the names and the key in the list of approvers: ``ann minisign RWQ...``."""

_COMMENT, _TRUSTED = "untrusted comment:", "trusted comment: "
_HASHED, _WHOLE = b"ED", b"Ed"
_ID, _KEY, _SIGNATURE = 8, 32, 64


class _Signature(NamedTuple):
    kind: bytes
    key_id: bytes
    signature: bytes
    trusted: bytes
    whole: bytes


def is_signature(text: str) -> bool:
    """Whether a signature is one of minisign.

    Examples
    --------
    >>> is_signature("untrusted comment: signature"), is_signature("-----BEGIN SSH SIGNATURE-----")
    (True, False)
    """
    return text.lstrip().startswith(_COMMENT)


def is_key(file: Path) -> bool:
    """Whether a file is a key of minisign, secret or public."""
    with file.open("rb") as opened:
        return opened.read(len(_COMMENT)) == _COMMENT.encode()


def sign(text: str, key: Path) -> str:
    """The signature of a text by a secret key; minisign asks for its password.

    Parameters
    ----------
    text
        What is signed.
    key
        The file of the secret key.

    Raises
    ------
    LedgerError
        When minisign is missing or refuses.
    """
    program = shutil.which("minisign")
    if program is None:
        raise LedgerError(f"{key} is a key of minisign, which is not installed: install it, or sign with an SSH key")
    with tempfile.TemporaryDirectory() as scratch:
        said, signed = Path(scratch) / "answer", Path(scratch) / "signature"
        said.write_bytes(text.encode())
        # Its terminal stays its own: it asks there for the password.
        done = subprocess.run(  # noqa: S603 (the program's own name, no shell)
            [program, "-S", "-s", str(key), "-m", str(said), "-x", str(signed)], check=False, timeout=600
        )
        if done.returncode or not signed.is_file():
            raise LedgerError(f"minisign does not sign with {key}: name the file of your secret key")
        return signed.read_text(encoding="utf-8")


def signers(texts: Sequence[str], signature: str, lines: Sequence[str]) -> list[str]:
    """The names under whose key in the list a signature is one of any of these texts.

    Parameters
    ----------
    texts
        The spellings of what was signed.
    signature
        All four lines that minisign wrote.
    lines
        Of the list of approvers: names with commas between, `minisign` and the public key.

    Raises
    ------
    LedgerError
        When it is no signature of minisign.
    """
    found = _read(signature)
    messages = [text.encode() for text in texts]
    if found.kind == _HASHED:
        messages = [hashlib.blake2b(message).digest() for message in messages]
    entries = [(names, key) for names, key in map(_entry, lines) if key[:_ID] == found.key_id]
    return [name for names, key in entries if _made(key[_ID:], found, messages) for name in names]


def key_name(signature: str) -> str:
    """The key's identifier as minisign shows it.

    Raises
    ------
    LedgerError
        When it is no signature of minisign.
    """
    return f"{KIND}:{_read(signature).key_id[::-1].hex().upper()}"


def _made(key: bytes, found: _Signature, messages: Sequence[bytes]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(key)
    for message in messages:
        try:
            public.verify(found.signature, message)
            public.verify(found.whole, found.signature + found.trusted)
        except InvalidSignature:
            continue
        return True
    return False


def _read(signature: str) -> _Signature:
    lines = [line.rstrip("\r") for line in signature.strip().split("\n")]
    try:
        first, last = b64decode(lines[1], validate=True), b64decode(lines[3], validate=True)
        trusted = lines[2].removeprefix(_TRUSTED)
    except (IndexError, ValueError) as error:
        raise LedgerError("the signature is none of minisign: paste all four lines that it wrote") from error
    sizes = len(first) == len(_HASHED) + _ID + _SIGNATURE and len(last) == _SIGNATURE
    kind, rest = first[: len(_HASHED)], first[len(_HASHED) :]
    if not sizes or len(lines) != 4 or trusted == lines[2] or kind not in (_HASHED, _WHOLE):
        raise LedgerError("the signature is none of minisign: paste all four lines that it wrote")
    return _Signature(kind, rest[:_ID], rest[_ID:], trusted.encode(), last)


def _entry(line: str) -> tuple[list[str], bytes]:
    """Names, and identifier and key, of a line of the list; none of any other line.

    Examples
    --------
    >>> names, key = _entry("ann,ann@x.org minisign RWTgEr2EQ8rZetyKT99BCTzStjz+KSe64HgxdGbowE9o8k08TK43XdNR")
    >>> names, len(key)
    (['ann', 'ann@x.org'], 40)
    >>> _entry("ann ssh-ed25519 AAAA"), _entry("# ann minisign RW")
    (([], b''), ([], b''))
    """
    words = line.split()
    if len(words) < 3 or words[0].startswith("#") or words[1] != KIND:
        return [], b""
    try:
        key = b64decode(words[2], validate=True)
    except ValueError:
        return [], b""
    right = len(key) == len(_WHOLE) + _ID + _KEY and key[: len(_WHOLE)] == _WHOLE
    return (words[0].strip('"').split(","), key[len(_WHOLE) :]) if right else ([], b"")
