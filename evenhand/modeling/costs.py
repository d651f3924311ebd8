"""What a fitted model costs to run: latency of one row, rows per second, size, and money at a configured price."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.exceptions import ConfigError, DataError, Problem
from evenhand.modeling._values import plain
from evenhand.modeling.meter import MeterReading

__all__ = ["Costs", "measure_costs", "model_size", "priced"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What a model costs.

    Attributes
    ----------
    latency_median_seconds, latency_p99_seconds
        From one row to its decision, over `latency_calls` calls after a warm-up.
    latency_seconds
        The single calls, in order, shape (calls,).
    rows_per_second
        In one batch of `batch_rows` rows, the best of three.
    model_bytes
        Size of the model as skops writes it; NaN when skops cannot, with `model_reason`.
    money_per_million_rows, currency
        At the price of an hour and `rows_per_second`; NaN without a price.
    training
        What the training took, as a :class:`~evenhand.modeling.meter.Meter` read it, or None.
    """

    latency_median_seconds: float
    latency_p99_seconds: float
    latency_calls: int
    rows_per_second: float
    batch_rows: int
    model_bytes: float
    model_reason: str
    money_per_million_rows: float
    currency: str
    training: MeterReading | None = None
    latency_seconds: FloatArray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON knows them; what was not measured is None."""
        result: dict[str, Any] = plain(self)
        return result


def measure_costs(
    model: Any,
    X: pd.DataFrame,
    *,
    calls: int = 200,
    warmup: int = 10,
    batch_rows: int = 10_000,
    seconds: float = 10.0,
    price_per_hour: float | None = None,
    currency: str = "USD",
    training: MeterReading | None = None,
    file: Path | None = None,
) -> Costs:
    """Measure how fast a fitted model decides and how large it is.

    Parameters
    ----------
    model
        A fitted classifier that takes frames such as `X`.
    X
        Rows to decide about; they are taken in turn.
    calls, warmup
        One-row calls that count, and those before them that do not.
    batch_rows
        Rows of the batch; fewer when `X` is shorter.
    seconds
        The one-row calls stop after this long, with at least one made.
    price_per_hour, currency
        What an hour of the machine costs.
    training
        The reading of the training's meter, to stand in one place with the rest.
    file
        The skops file of the model, where it has been written: its size is the model's. Otherwise the model is
        written once more, in memory.

    Raises
    ------
    DataError
        Without rows.
    ConfigError
        When a number is out of its range.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = pd.DataFrame({"a": range(100)})
    >>> costs = measure_costs(LogisticRegression().fit(X, X["a"] > 50), X, calls=5)
    >>> costs.latency_calls, costs.latency_median_seconds > 0, costs.batch_rows
    (5, True, 100)
    """
    _check(calls, warmup, batch_rows, seconds, price_per_hour)
    if len(X) == 0:
        raise DataError("there are no rows to measure the latency with")
    latencies = _latencies(model.predict, X, calls=calls, warmup=warmup, seconds=seconds)
    rate = _rows_per_second(model.predict, X.iloc[:batch_rows])
    size, reason = model_size(model) if file is None else (float(file.stat().st_size), "")
    return Costs(
        latency_median_seconds=float(np.median(latencies)),
        latency_p99_seconds=float(np.quantile(latencies, 0.99)),
        latency_calls=len(latencies),
        rows_per_second=rate,
        batch_rows=min(batch_rows, len(X)),
        model_bytes=size,
        model_reason=reason,
        money_per_million_rows=nan if price_per_hour is None else 1e6 / rate / 3600 * price_per_hour,
        currency=currency,
        training=training,
        latency_seconds=latencies,
    )


def priced(reading: Mapping[str, Any], price_per_hour: float | None, currency: str) -> dict[str, Any]:
    """What a meter read, with the money that its time comes to at the price of an hour; None without a price.

    Parameters
    ----------
    reading
        A :class:`~evenhand.modeling.meter.MeterReading` as a dict.
    price_per_hour, currency
        What an hour of the machine costs.

    Examples
    --------
    >>> priced({"wall_seconds": 1800.0}, 3.0, "EUR")
    {'wall_seconds': 1800.0, 'money': 1.5, 'currency': 'EUR'}
    """
    money = None if price_per_hour is None else reading["wall_seconds"] / 3600 * price_per_hour
    return {**reading, "money": money, "currency": currency}


def model_size(model: Any) -> tuple[float, str]:
    """Bytes of the model as skops writes it, or NaN and why it cannot.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> model_size(LogisticRegression())[0] > 100
    True
    >>> model_size(row for row in [])[1]
    'skops cannot write a generator'
    """
    from skops.io import dumps
    from skops.io.exceptions import UnsupportedTypeException

    try:
        return float(len(dumps(model))), ""
    except (UnsupportedTypeException, TypeError, AttributeError):
        return nan, f"skops cannot write a {type(model).__name__}"


def _check(calls: int, warmup: int, batch_rows: int, seconds: float, price_per_hour: float | None) -> None:
    problems = [
        Problem(name, f"{value!r} is out of range", f"give at least {least}")
        for name, value, least in (("calls", calls, 1), ("warmup", warmup, 0), ("batch_rows", batch_rows, 1))
        if value < least
    ]
    if not seconds > 0:
        problems.append(Problem("seconds", f"{seconds!r} is out of range", "give a number above 0"))
    if price_per_hour is not None and not (isfinite(price_per_hour) and price_per_hour >= 0):
        problems.append(Problem("price_per_hour", f"{price_per_hour!r} is no price", "give a number of 0 or more"))
    if problems:
        raise ConfigError("The costs cannot be measured:", problems)


def _latencies(
    predict: Callable[[pd.DataFrame], Any], X: pd.DataFrame, *, calls: int, warmup: int, seconds: float
) -> FloatArray:
    # Cut beforehand: taking a row out of a frame is the caller's time and not the model's.
    rows = [X.iloc[[position % len(X)]] for position in range(min(calls, len(X)))]
    deadline = perf_counter() + seconds
    for call in range(warmup):
        predict(rows[call % len(rows)])
        if perf_counter() > deadline:
            break
    measured: list[float] = []
    while len(measured) < calls and (not measured or perf_counter() < deadline):
        row = rows[len(measured) % len(rows)]
        began = perf_counter()
        predict(row)
        measured.append(perf_counter() - began)
    return np.array(measured)


def _rows_per_second(predict: Callable[[pd.DataFrame], Any], batch: pd.DataFrame) -> float:
    best = float("inf")
    for _ in range(3):
        began = perf_counter()
        predict(batch)
        best = min(best, perf_counter() - began)
    return len(batch) / best
