"""Addresses of databases as SQLAlchemy takes them, for the programs of PostgreSQL, with Python alone."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote

from evenhand.exceptions import DataError

__all__ = ["for_programs"]

# As SQLAlchemy reads it: a password may have any sign but "@" as it is, and the name of the database is not quoted.
_ADDRESS = re.compile(
    r"[\w+]+://(?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?(?P<host>\[[^/?]+\]|[^/:?]+)?(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
_DRIVERS_OWN = frozenset(
    {
        "async_fallback",
        "command_timeout",
        "max_cacheable_statement_size",
        "max_cached_statement_lifetime",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "statement_cache_size",
        "timeout",
    }
)
"""What asyncpg is told and no other program knows; nothing of it is about where or how safely to connect."""


def for_programs(address: str, variable: str) -> tuple[str, str]:
    """An address for pg_dump, pg_restore and psql, and apart from it the password, which no command line may show.

    Parameters
    ----------
    address
        As in `variable`; what it asks of the connection, such as sslmode, is kept.
    variable
        Where it stands, for the error.

    Returns
    -------
    tuple
        The address without a password, and the password, or "".

    Raises
    ------
    DataError
        When it is none, or has another secret in it, which the programs take from a command line alone.

    Examples
    --------
    >>> for_programs("postgresql+psycopg://u:a%2Fb@db:5433/loans?sslmode=verify-full", "EVENHAND_LEDGER")
    ('postgresql://u@db:5433/loans?sslmode=verify-full', 'a/b')
    >>> for_programs("postgresql://u@/loans?host=/run/pg&port=5433", "EVENHAND_LEDGER")
    ('postgresql://u@/loans?host=%2Frun%2Fpg&port=5433', '')
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise DataError(f"{variable} is no address of a database: write postgresql://user:password@host/name")
    asked = parse_qsl(parts["query"] or "", keep_blank_values=True)
    password = unquote(parts["password"] or "")
    kept: dict[str, str] = {}
    for name, value in asked:
        if name == "password":
            password = value
        elif name in ("sslpassword", "oauth_client_secret"):
            raise DataError(f"{variable} has {name} in it, which would stand on a command line: use a key without one")
        elif name == "ssl":  # asyncpg's name for it
            kept["sslmode"] = {"true": "require", "false": "disable"}.get(value.lower(), value)
        elif name not in _DRIVERS_OWN and name != "host":
            kept[name] = value
    kept = {**_hosts([value for name, value in asked if name == "host"]), **kept}
    user = quote(unquote(parts["user"]), safe="") + "@" if parts["user"] else ""
    port = f":{parts['port']}" if parts["port"] else ""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())
    whole = f"postgresql://{user}{parts['host'] or ''}{port}/{quote(parts['database'] or '', safe='')}"
    return whole + (f"?{query}" if query else ""), password


def _hosts(values: Iterable[str]) -> dict[str, str]:
    """SQLAlchemy's host=a:5432&host=b as libpq has it: the hosts in a list, and the ports."""
    pairs = [each.partition(":") if not each.startswith("/") else (each, "", "") for each in values]
    hosts = {"host": ",".join(host for host, _, _ in pairs)} if pairs else {}
    return {**hosts, "port": ",".join(port for _, _, port in pairs)} if any(port for _, _, port in pairs) else hosts
