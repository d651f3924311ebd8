"""Where the ledger is kept: a table that only grows, and the champion's alias, which follows it.

A move has three parts: the record ``intent``, the alias and the version's tags in MLflow, the record ``done``. From the
intent on the move counts; whoever reads next finishes what a killed process left. An alias that says something else was
moved by hand: it is reported, and nothing goes live until a person has put it right.
"""

from tasks.ledger.champion import (
    CHAMPION,
    champion_gone,
    checked_standing,
    faults,
    live_version,
    move_champion,
    restamp,
    settle,
    stamp_version,
    where_stands,
)
from tasks.ledger.looks import Look, take_look
from tasks.ledger.recorded import altered, load_decided, read_decided, read_undecided, refuse_altered
from tasks.ledger.stamps import another_ledger, looked_elsewhere
from tasks.ledger.table import append, head, identity, known_records, ledger_address, records, shown_address

__all__ = [
    "CHAMPION",
    "Look",
    "altered",
    "another_ledger",
    "append",
    "champion_gone",
    "checked_standing",
    "faults",
    "head",
    "identity",
    "known_records",
    "ledger_address",
    "live_version",
    "load_decided",
    "looked_elsewhere",
    "move_champion",
    "read_decided",
    "read_undecided",
    "records",
    "refuse_altered",
    "restamp",
    "settle",
    "shown_address",
    "stamp_version",
    "take_look",
    "where_stands",
]
