"""What a service runs: which models, when, from which named sources, and what a person may change for one run."""

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from evenhand.config._base import Conflict, Section
from evenhand.config.data import SourceConfig
from evenhand.config.root import Config
from evenhand.exceptions import nearest, shorten

__all__ = ["FORM", "ScheduleConfig", "ServedModelConfig", "ServedMonitorConfig", "ServedScoreConfig", "ServiceConfig"]

FORM = (
    "search.candidates",
    "search.trials",
    "search.seconds",
    "search.scorer",
    "search.prefer",
    "weight.method",
    "mitigate.method",
    "evaluate.calibration",
    "evaluate.threshold_rule",
    "evaluate.threshold_scorer",
    "evaluate.threshold",
    "audit.policies",
    "contract",
    "seed",
)
"""What a person may change for one run when the service file does not say it: what fits on one page."""

_SECTIONS = {
    name: field.annotation.model_fields
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
_NEVER = ("data", "gate", "robustness", "score", "monitor", "card", "record")

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of each month, in a leap year."""

_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?\Z")


class ScheduleConfig(Section):
    """When a deployment runs by itself."""

    cron: str | None = None
    """Five fields, minute hour day month weekday: `0 3 * * 1-5` is three o'clock on working days; left out, never."""

    timezone: str = "UTC"
    """The time zone of those fields, by its IANA name; its daylight saving time is followed."""

    active: bool = True
    """Set to false to keep the schedule in the file and let nothing start."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            _check_cron(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        known = available_timezones()
        if value not in known:
            raise ValueError(f"{shorten(value)} is no time zone; {nearest(value, sorted(known))}")
        return value


class ServedScoreConfig(ScheduleConfig):
    """Batch predictions of the live version: when, of which rows, and where they go."""

    sources: dict[str, SourceConfig] = {}
    """The rows that a run may score, by the name that the form offers; without one there is no such deployment."""

    output: str = ""
    """The folder for the scored rows, a path or an address below one of the roots; a run writes one file there."""

    key: str | None = None
    """The column that names a row; by default the one that the model's configuration names."""

    def conflicts(self) -> Iterator[Conflict]:
        """Rows to score and no place for them."""
        if self.sources and not self.output:
            told = "output is missing: name the folder for the scored rows"
            yield Conflict(("sources", "output"), told, names=("sources",))


class ServedMonitorConfig(ScheduleConfig):
    """Looks at the live version: when, at which new rows, and with which outcomes."""

    sources: dict[str, SourceConfig] = {}
    """The new rows, and the outcomes that become known, by the names that the form offers; without one there is no such
    deployment."""

    source: str = ""
    """The new rows of scheduled looks; by default the first one."""

    labels: str = ""
    """The outcomes of scheduled looks: rows of the key and the target; left out, none come."""

    log: str = ""
    """A log of single answers' times, below one of the roots: JSON lines or CSV."""

    retrain: bool = True
    """Whether drift, or a policy that fails, starts a retrain."""

    def conflicts(self) -> Iterator[Conflict]:
        """Rows that a look names and that are no source."""
        for role, name in (("source", self.source), ("labels", self.labels)):
            if name and name not in self.sources:
                told = f"{role} {shorten(name)} is none of its sources; {nearest(name, self.sources)}"
                yield Conflict((role, "sources"), told, names=("sources",))


class ServedModelConfig(Section):
    """One model that the service retrains."""

    config: str = Field(min_length=1)
    """The model's configuration file."""

    description: str = ""
    """What a person who opens the deployment's page should know."""

    retrain: ScheduleConfig = ScheduleConfig()
    """When it is retrained."""

    score: ServedScoreConfig = ServedScoreConfig()
    """What its live version scores."""

    monitor: ServedMonitorConfig = ServedMonitorConfig()
    """When it is looked at while it is live, and with what."""

    sources: dict[str, SourceConfig] = {}
    """The sources that a run may read, by the name that the form offers; by default only the configuration's own."""

    source: str = ""
    """The source of scheduled runs, and the form's first choice; by default the first one."""

    form: list[str] = Field(default=list(FORM))
    """What a person may change for one run, as `search` (all of it) or `search.trials`, and `contract` and `seed`; not
    where the data comes from, what people state on the card, where the run is recorded, or what the gate asks of it."""

    @field_validator("form")
    @classmethod
    def _is_form(cls, value: list[str]) -> list[str]:
        known = ["contract", "seed"]
        for section, fields in _SECTIONS.items():
            if section not in _NEVER:
                known += [section, *(f"{section}.{field}" for field in fields)]
        for name in value:
            if name not in known:
                raise ValueError(f"{shorten(name)} cannot be changed for one run; {nearest(name, known)}")
        return value


class ServiceConfig(Section):
    """The models of one service and what its runs may reach."""

    name: str = Field(default="evenhand", pattern="^[a-z0-9][a-z0-9_-]{0,39}$")
    """What marks its deployments on the server: deploying again replaces what carries this name, and nothing else."""

    models: dict[str, ServedModelConfig] = Field(min_length=1)
    """The models, by the name under which they are registered; it stands in for the configuration's own."""

    roots: list[str] = Field(default=["."], min_length=1)
    """The folders and addresses below which every file lies that a run reads."""

    work_pool: str = Field(default="evenhand", min_length=1, max_length=100)
    """The work pool whose workers run the deployments; made as a process pool when there is none."""

    restarts: int = Field(default=3, ge=0, le=20)
    """How often a run whose process was killed is taken up again."""

    lost_after: int = Field(default=90, ge=40, le=3600)
    """Seconds without a sign of life, one comes every 20, after which a run counts as killed."""


def _check_cron(text: str) -> None:
    """Raise when this is not a cron expression of five fields."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{shorten(text)} has {len(parts)} fields; write five: minute hour day month weekday")
    wrong = [
        f"{shorten(part)} is no {name}; {low} to {high}, *, ranges (1-5) and steps (*/15)"
        for part, (name, low, high) in zip(parts, _FIELDS, strict=True)
        if not all(_fits(each, name, low, high) for each in part.split(","))
    ]
    if wrong:
        raise ValueError("; ".join(wrong))
    _, _, days, months, weekdays = parts
    longest = max(_DAYS[month - 1] for month in _values(months, "month", 1, 12))
    first = min(_values(days, "day", 1, 31))
    if weekdays == "*" and first > longest:  # with a weekday, cron takes either
        raise ValueError(f"{shorten(text)} never comes: day {first} is in none of its months")


def _values(field: str, name: str, low: int, high: int) -> set[int]:
    """The numbers that a field of a cron expression stands for."""
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.match(part)
        assert match is not None
        first = low if match["low"] == "*" else _number(match["low"], name) or low
        last = _number(match["high"], name) if match["high"] else None
        if last is None:
            last = high if match["low"] == "*" or match["step"] else first
        found |= set(range(first, last + 1, int(match["step"] or 1)))
    return found


def _fits(part: str, name: str, low: int, high: int) -> bool:
    match = _PART.match(part)
    if match is None:
        return False
    ends = [_number(end, name) for end in (match["low"], match["high"]) if end is not None and end != "*"]
    in_range = all(end is not None and low <= end <= high for end in ends)
    rising = len(ends) < 2 or (in_range and ends[0] <= ends[1])  # type: ignore[operator]  # in range, so no None
    starred = match["low"] == "*" and match["high"] is not None
    return in_range and rising and not starred and match["step"] != "0"


def _number(text: str, name: str) -> int | None:
    names = _NAMES.get(name, [])
    if text.lower() in names:
        return names.index(text.lower()) + (name == "month")
    return int(text) if text.isdecimal() else None
