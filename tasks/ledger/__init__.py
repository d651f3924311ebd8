"""Where the ledger is kept: a table that only grows, and the champion's alias, which follows it.

A move has three parts: the record ``intent``, the alias in MLflow, the record ``done``. From the intent on the move
counts; whoever reads next finishes what a killed process left. An alias that says something else was moved by hand:
it is reported, and nothing goes live until a person has put it right.
"""

from tasks.ledger.champion import (
    CHAMPION,
    STAMP,
    checked_standing,
    faults,
    live_version,
    move_champion,
    settle,
    where_stands,
)
from tasks.ledger.looks import take_look
from tasks.ledger.table import append, head, ledger_address, records

__all__ = [
    "CHAMPION",
    "STAMP",
    "append",
    "checked_standing",
    "faults",
    "head",
    "ledger_address",
    "live_version",
    "move_champion",
    "records",
    "settle",
    "take_look",
    "where_stands",
]
