"""What a running step says: one plain record, that computes nothing and needs nothing of the stack."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Event"]


@dataclass(frozen=True)
class Event:
    """One thing that happened in a running flow.

    Attributes
    ----------
    kind
        ``started`` and ``finished`` (a step), ``reused`` (a step whose result was there already), ``progress``
        (`done` of `total` within a step), ``note`` (something worth a line, such as a finding), ``link``
        (`message` is the address of something that can be opened while the flow still runs).
    step
        The step's name: ``ingest``, ``split``, ``tune``; empty before the first step.
    message
        What came of it, in a few words; never a person's row.
    seconds
        How long the step took, when it is finished.
    done, total
        How far a step is; `total` is None when the end is not known.
    """

    kind: Literal["started", "finished", "reused", "progress", "note", "link"]
    step: str = ""
    message: str = ""
    seconds: float | None = None
    done: int | None = None
    total: int | None = None
