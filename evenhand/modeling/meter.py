"""What a piece of work costs: processor seconds, memory, energy, CO2 and money."""

import logging
import resource
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite, nan
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import psutil

from evenhand.exceptions import ConfigError, Problem
from evenhand.modeling._values import plain

__all__ = ["Meter", "MeterReading"]

_LOOK_FOR_CHILDREN = 1.0
"""Seconds between two looks for children, which read every process of the machine; their memory is read more often."""

_detection = threading.Lock()
"""One tracker at a time finds out the hardware; the others then read its answer from codecarbon's cache."""


@dataclass(frozen=True)
class MeterReading:
    """What the work inside a :class:`Meter` took.

    Attributes
    ----------
    wall_seconds
        By the clock.
    cpu_seconds
        User and system time of this process and its children.
    peak_memory_bytes
        Highest resident memory of this process and its living children together. Pages that they share count once a
        process.
    memory_increase_bytes
        How far that rose above what was resident at the start.
    energy_kwh, co2_kg
        By codecarbon; NaN where it did not measure.
    energy_reason
        Why there is no energy, or how it was measured.
    country
        ISO code of the country whose electricity mix the CO2 assumes.
    money, currency
        Hours times the price of an hour; NaN without a price.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    memory_increase_bytes: int
    energy_kwh: float = nan
    co2_kg: float = nan
    energy_reason: str = ""
    country: str = ""
    money: float = nan
    currency: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The reading as JSON knows it; what was not measured is None."""
        result: dict[str, Any] = plain(self)
        return result


class Meter:
    """Measure what happens inside a ``with`` block.

    Parameters
    ----------
    energy
        Measure energy and CO2 by codecarbon's offline tracker when the extra ``energy`` is installed. It writes and
        sends nothing. The first tracker of a process takes about two seconds to find out the processor, before the
        measurement begins; later ones some milliseconds (see :meth:`warm_up`).
    country
        ISO code (three letters) of the country whose electricity mix is assumed.
    price_per_hour, currency
        What an hour of this machine costs; None leaves the money undefined.
    interval
        Seconds between two looks at the memory.

    Raises
    ------
    ConfigError
        For a price that is negative or not finite, an interval that is not positive, or a country that is no
        three-letter code.

    Examples
    --------
    >>> with Meter(energy=False, price_per_hour=3.6) as meter:
    ...     _ = sum(range(1000))
    >>> meter.reading.wall_seconds > 0, meter.reading.energy_reason
    (True, 'not asked for')
    """

    def __init__(
        self,
        *,
        energy: bool = True,
        country: str = "USA",
        price_per_hour: float | None = None,
        currency: str = "USD",
        interval: float = 0.1,
    ) -> None:
        _check(country, price_per_hour, interval)
        self._energy = _Energy(country) if energy else None
        self._country, self._price, self._currency, self._interval = country, price_per_hour, currency, interval
        self._process = psutil.Process()
        self._done = threading.Event()
        self._reading: MeterReading | None = None

    @staticmethod
    def warm_up() -> threading.Thread:
        """Let codecarbon find out the hardware in the background, while there is other work to do.

        Returns the thread; a meter that starts meanwhile waits for it.
        """

        def detect() -> None:
            energy = _Energy("USA")
            energy.start()
            energy.stop()

        thread = threading.Thread(target=detect, name="evenhand-meter-warm-up", daemon=True)
        thread.start()
        return thread

    @property
    def reading(self) -> MeterReading:
        """What was measured, after the block has ended.

        Raises
        ------
        RuntimeError
            While the block runs.
        """
        if self._reading is None:
            raise RuntimeError("the meter has no reading yet: leave its with block first")
        return self._reading

    def __enter__(self) -> Self:
        if self._energy:
            self._energy.start()
        self._done.clear()
        self._own_high_water = _high_water()
        self._start_memory = self._peak = self._resident()
        self._watcher = threading.Thread(target=self._watch, name="evenhand-meter", daemon=True)
        self._start_cpu, self._start_time = _cpu_seconds(self._process), perf_counter()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu = perf_counter() - self._start_time, _cpu_seconds(self._process) - self._start_cpu
        self._done.set()
        self._watcher.join()
        self._peak = max(self._peak, self._resident())
        high_water = _high_water()
        if high_water > self._own_high_water:
            # The kernel saw this process between two of our looks; children are added only in those looks.
            self._peak = max(self._peak, high_water)
        energy, co2, reason = self._energy.stop() if self._energy else (nan, nan, "not asked for")
        self._reading = MeterReading(
            wall_seconds=wall,
            cpu_seconds=max(cpu, 0.0),
            peak_memory_bytes=self._peak,
            memory_increase_bytes=max(self._peak - self._start_memory, 0),
            energy_kwh=energy,
            co2_kg=co2,
            energy_reason=reason,
            country=self._country,
            money=nan if self._price is None else wall / 3600 * self._price,
            currency=self._currency,
        )

    def _watch(self) -> None:
        pause, children, found = self._interval, list[psutil.Process](), -inf
        while not self._done.wait(pause):
            began = perf_counter()
            if began - found > _LOOK_FOR_CHILDREN:
                children, found = _children(self._process), began
            self._peak = max(self._peak, self._resident(children))
            # Where a look is dear, because the machine has many processes, looking takes a fiftieth of the time.
            pause = max(self._interval, 50 * (perf_counter() - began))

    def _resident(self, children: Sequence[psutil.Process] | None = None) -> int:
        total = 0
        for process in [self._process, *(_children(self._process) if children is None else children)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_info().rss
        return total


def _check(country: str, price_per_hour: float | None, interval: float) -> None:
    problems = []
    if not (len(country) == 3 and country.isalpha() and country.isupper()):
        problems.append(Problem("country", f"{country!r} is no ISO code", "give three capital letters, such as 'DEU'"))
    if price_per_hour is not None and not (isfinite(price_per_hour) and price_per_hour >= 0):
        problems.append(Problem("price_per_hour", f"{price_per_hour!r} is no price", "give a number of 0 or more"))
    if not interval > 0:
        problems.append(Problem("interval", f"{interval!r} is no interval", "give seconds above 0"))
    if problems:
        raise ConfigError("The costs cannot be measured:", problems)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.children(recursive=True)
    return []


def _cpu_seconds(process: psutil.Process) -> float:
    """Of this process, of its children that have ended, and of those that live (worker pools stay alive)."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for child in _children(process):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = child.cpu_times()
            total += (
                times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
            )
    return total


def _high_water() -> int:
    """The highest resident memory that this process ever had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class _Silence(logging.Filter):
    """Lets no record of codecarbon's logger through; each tracker adds and removes its own."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the base class's signature
        return False


class _Energy:
    """codecarbon's offline tracker, kept silent: no file, no log line, no network."""

    def __init__(self, country: str) -> None:
        self._country = country
        self._tracker: Any = None
        self._silence = _Silence()

    def start(self) -> None:
        try:
            from codecarbon import OfflineEmissionsTracker
        except ModuleNotFoundError:
            return
        # The constructor logs before it reads log_level.
        logging.getLogger("codecarbon").addFilter(self._silence)
        with _detection:
            self._tracker = OfflineEmissionsTracker(
                country_iso_code=self._country,
                output_methods=[],
                # Said outright, since a configuration file or variable of codecarbon's could switch them on.
                emissions_endpoint=None,
                electricitymaps_api_token=None,
                output_handlers=[],
                cloud_provider=None,
                region=None,
                log_level="critical",
                allow_multiple_runs=True,
                tracking_mode="process",
                measure_power_secs=15,
            )
            # Each sample looks at every process of the machine, in the process that computes. A sample is an average
            # since the one before, and energy grows with CPU time here, so that fewer tell the same.
            sampler = getattr(self._tracker, "_scheduler_monitor_power", None)  # it has no setting
            if sampler is not None:
                sampler.interval = 10.0
            self._tracker.start()

    def stop(self) -> tuple[float, float, str]:
        """Energy in kWh, CO2-equivalent in kg, and how they came about or why not."""
        if self._tracker is None:
            return nan, nan, "codecarbon is not installed: pip install 'evenhand[energy]'"
        emissions = self._tracker.stop()
        logging.getLogger("codecarbon").removeFilter(self._silence)
        data = self._tracker.final_emissions_data
        how = f"estimated by codecarbon in {data.tracking_mode} mode"
        if not data.country_name:
            return float(data.energy_consumed), nan, f"{how}, which knows no electricity mix for {self._country}"
        return float(data.energy_consumed), float(emissions), how
