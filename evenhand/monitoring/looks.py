"""The looks of a year: what each may err, what each found, and when an alarm is sent on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any

__all__ = ["DRIFT", "FAIRNESS", "SCHEMA", "Level", "Look", "events_of", "level_of", "same_looks"]

_YEAR = 365
"""Days, by their dates in UTC: a look that starts some minutes earlier than the one a year before is not held back."""

DRIFT, FAIRNESS, SCHEMA = "evenhand.drift", "evenhand.fairness.fail", "evenhand.schema.fail"
"""The events: data, predictions, reasons or performance have changed; a policy fails; the data breaks its contract."""


@dataclass(frozen=True)
class Level:
    """What one look may err.

    Attributes
    ----------
    alpha
        The probability of a false alarm at this look; None when the looks of the year have spent all.
    share
        The part of the year's error that this look may spend, of drift's and of every policy's own.
    used
        Looks of the last 365 days that spent some, this one not among them.
    """

    alpha: float | None
    share: float
    used: int

    @property
    def reason(self) -> str:
        """Why there is no level, otherwise ""."""
        if self.alpha is not None:
            return ""
        looks = "look" if self.used == 1 else f"{self.used} looks"
        return (
            f"the {looks} of the last 365 days spent all that a year may err: this one measures and raises no alarm "
            "(monitor.looks: as many as 365 days can hold, which is 53 of weekly ones)"
        )


@dataclass(frozen=True)
class Look:
    """One look at new data: figures, verdicts and alarms, and no row.

    Attributes
    ----------
    number
        1 for the first look at this model.
    at
        When, in UTC, as ISO 8601 has it.
    model, version
        The registered version that was looked at.
    data
        The digest of the new data.
    rows, labelled
        New rows, and rows whose outcome became known and counts here.
    early
        Outcomes that are too few for a test and wait for more.
    alpha
        Level of the drift and performance signals; None where nothing was tested.
    share
        The part of the year's error that it might spend; None for a look of an earlier version.
    counted
        Whether it spent it.
    signals, policies, latency, schema, unknown, metrics
        What was found, as JSON values: signals, the policies' verdicts, latency percentiles, violations of the
        contract, the share of rows without a group by attribute, and performance figures with intervals.
    groups
        Each group's rates, as an audit's table has them.
    alarms
        Sentences, by event.
    events
        The events that were sent: none within the cool-down of earlier ones.
    notes
        What could not be watched.
    unjudged
        What of the declared policies has no verdict, in sentences.
    kept
        Where the rows without outcome wait for it, as the store's reference.
    declared
        The digest of what the look was judged by; "" of a look that an earlier version of the code made.
    """

    number: int
    at: str
    model: str
    version: str
    data: str
    rows: int
    labelled: int = 0
    early: int = 0
    alpha: float | None = None
    share: float | None = None
    counted: bool = False
    signals: tuple[Mapping[str, Any], ...] = ()
    policies: tuple[Mapping[str, Any], ...] = ()
    latency: tuple[Mapping[str, Any], ...] = ()
    schema: tuple[str, ...] = ()
    unknown: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: tuple[Mapping[str, Any], ...] = ()
    alarms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    kept: Mapping[str, str] | None = None
    declared: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; :meth:`from_dict` is the way back."""
        value = dict(vars(self))
        lists = ("signals", "policies", "latency", "groups")
        value |= {name: [dict(each) for each in value[name]] for name in lists}
        value |= {name: list(value[name]) for name in ("schema", "events", "notes", "unjudged")}
        value["alarms"] = {event: list(said) for event, said in self.alarms.items()}
        return value

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Look":
        """The look that :meth:`to_dict` wrote."""
        tuples = ("signals", "policies", "latency", "groups", "schema", "events", "notes", "unjudged")
        alarms = {event: tuple(said) for event, said in value["alarms"].items()}
        return cls(**{**value, **{name: tuple(value.get(name, ())) for name in tuples}, "alarms": alarms})

    @property
    def when(self) -> datetime:
        """The time of the look."""
        return datetime.fromisoformat(self.at)


def level_of(false_alarms: float, looks: int, past: Sequence[Look], now: datetime) -> Level:
    """The level of the next look: the year's error divided by its looks, or what is left of it where that is less.

    What the looks of any 365 days spend adds up to the stated rate at most, and to the level of each policy, whoever
    asked for them and however many looks were planned at which time: every look that tested anything counts.

    Parameters
    ----------
    false_alarms
        The probability that a year of looks at an unchanged world raises an alarm.
    looks
        How many looks it is divided by.
    past, now
        Earlier looks, and the time.

    Examples
    --------
    >>> from datetime import UTC
    >>> level_of(0.05, 50, [], datetime(2026, 3, 1, tzinfo=UTC)).alpha
    0.001
    """
    spent = [_spent(look, false_alarms, looks) for look in past if look.counted and _days(look.when, now) < _YEAR]
    left = 1 - fsum(spent)
    share = 1 / looks if 1 / looks <= left + _ROUNDING else left
    if share <= _ROUNDING:
        return Level(None, 0.0, len(spent))
    return Level(false_alarms / looks if share == 1 / looks else false_alarms * share, share, len(spent))


_ROUNDING = 1e-12
"""Shares such as 1/52 are rounded: the last look of a year is not to fall short for that."""


def _days(before: datetime, now: datetime) -> int:
    return (now.astimezone(UTC).date() - before.astimezone(UTC).date()).days


def _spent(look: Look, false_alarms: float, looks: int) -> float:
    """The part of a year's error that a look took: of drift's or of the policies' own, whichever is larger."""
    of_drift = 1 / looks if look.alpha is None else look.alpha / false_alarms
    return max(of_drift, look.share or 0.0)


def events_of(look: Look, past: Sequence[Look], cool_down: timedelta) -> Look:
    """The look with the events that its alarms send; within the cool-down of earlier ones it sends none.

    Parameters
    ----------
    look
        With its alarms.
    past
        Earlier looks at the same model.
    cool_down
        How long after an event that starts a retrain no other such event is sent. That the data break their contract
        starts none, and is always sent; no other alarm at such data is, since a retrain would refuse them, and the
        alarm of the next whole ones would have to wait.
    """
    recent = [each for each in past if set(each.events) - {SCHEMA} and look.when - each.when < cool_down]
    held = set(look.alarms) - {SCHEMA} if recent or SCHEMA in look.alarms else set()
    sent = tuple(event for event in look.alarms if event not in held)
    if not held:
        return replace(look, events=sent)
    said = "the data break their contract: no other alarm starts a retrain, which would refuse them"
    if recent:
        ago = f"less than {cool_down.days} days ago"
        said = f"look {recent[-1].number} has sent an alarm {ago}: this one starts no retrain"
    return replace(look, events=sent, notes=(*look.notes, said))


def same_looks(
    past: Sequence[Mapping[str, Any]], data: str, version: str, declared: str
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Earlier looks at the same rows that were judged by the same, and those after them that were not.

    Parameters
    ----------
    past
        Earlier looks at the model, in order.
    data, version, declared
        The digest of the rows, the version that was watched, and the digest of what it is judged by.

    Examples
    --------
    >>> looks = [{"number": n, "data": "d", "version": "1", "declared": by} for n, by in enumerate("aab")]
    >>> done, owed = same_looks(looks, "d", "1", "a")
    >>> [each["number"] for each in done], [each["number"] for each in owed]
    ([0, 1], [2])
    """
    same = [look for look in past if look["data"] == data and look["version"] == version]
    at = [number for number, look in enumerate(same) if look.get("declared", "") == declared]
    return [same[number] for number in at], same[at[-1] + 1 if at else 0 :]
