"""What is told of few people: that they are few."""

from collections.abc import Sequence
from dataclasses import replace

from evenhand.monitoring.signals import Signal

__all__ = ["without_few"]


def without_few(signals: Sequence[Signal], min_cell: int) -> tuple[Signal, ...]:
    """The signals without the figures of so few rows that these are somebody's own values.

    Parameters
    ----------
    signals
        Of a look.
    min_cell
        The fewest rows that are told about; what was tested has more.

    Examples
    --------
    >>> one = Signal("group", "sex", 0.4, 2.5, 0.1, 1, cell="f", before=0.5, now=1.0, reason="1 rows are few")
    >>> (found,) = without_few([one], 10)
    >>> found.effect, found.cell, found.now, found.reason
    (None, '', None, '1 rows are few')
    """
    return tuple(
        _without_figures(signal) if signal.n < min_cell and signal.adjusted is None else signal for signal in signals
    )


def _without_figures(signal: Signal) -> Signal:
    return replace(signal, cell="", p_value=None, effect=None, value=None, low=None, high=None, before=None, now=None)
