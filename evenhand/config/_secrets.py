"""Passwords stay out of configurations and messages."""

import re

__all__ = ["redact", "secret_in"]

# A password may hold / and ? although it should not; digits up to a / are a port. A reference ends at its own @.
_USER_INFO = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#\s:@]*):(?P<secret>\$\{\w+\}(?=@)|(?!\d+/)\S*)@"
)
_NAMED = re.compile(
    r"(?P<name>(?:^|[?&;\s])(?:password|passwd|pwd|token|secret|sig|api[_-]?key|access[_-]?key|x-amz-signature|sslpassword)=)"
    r"(?P<secret>[^&;\s]+)",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}\Z")


def secret_in(address: str) -> bool:
    """Whether an address holds a secret in clear rather than as ${NAME}.

    Examples
    --------
    >>> secret_in("postgresql://reader:hunter2@db/loans"), secret_in("postgresql://reader:${DB_PASSWORD}@db/loans")
    (True, False)
    """
    found = [match["secret"] for pattern in (_USER_INFO, _NAMED) for match in pattern.finditer(address)]
    return any(secret and not _REFERENCE.match(secret) for secret in found)


def redact(text: str) -> str:
    """The text with every secret in an address replaced by ***.

    Examples
    --------
    >>> redact("postgresql://reader:hunter2@db/loans?token=abc")
    'postgresql://reader:***@db/loans?token=***'
    """
    text = _USER_INFO.sub(lambda match: f"{match['scheme']}{match['user']}:***@", text)
    return _NAMED.sub(lambda match: f"{match['name']}***", text)
