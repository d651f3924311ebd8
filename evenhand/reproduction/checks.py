"""The comparisons of a reproduction: each says what it found, and where the first difference is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite, isnan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "TOLERANCE",
    "Check",
    "Found",
    "Reproduction",
    "check_environment",
    "check_figures",
    "check_parameters",
    "check_predictions",
    "check_same",
    "check_trials",
]

Found = Literal["identical", "within tolerance", "different", "not compared"]
Verdict = Literal["identical", "within tolerance", "different"]

TOLERANCE = 1e-6
"""How far a number may be from that of the first run, relative where it exceeds 1, and still count as the same."""

_REQUIRED = ("data", "predictions", "metrics")


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes
    ----------
    name
        ``data``, ``split``, ``trials``, ``parameters``, ``predictions``, ``metrics``; before them what is around the
        computation: ``code``, ``packages``, ``machine``.
    found
        What it came to.
    detail
        What was compared, or where the first difference is; never a row.
    largest
        The largest difference of numbers, relative where they exceed 1; None where nothing is a number.
    """

    name: str
    found: Found
    detail: str
    largest: float | None = None


@dataclass(frozen=True)
class Reproduction:
    """What a second training came to beside the first.

    Attributes
    ----------
    environment
        What is around the computation; a difference there explains others and is none by itself.
    checks
        The steps in the order in which they follow from one another.
    tolerance
        How far numbers may differ to count as within it.
    """

    environment: tuple[Check, ...]
    checks: tuple[Check, ...]
    tolerance: float

    @property
    def verdict(self) -> Verdict:
        """``different`` when any step differs, or when data, predictions or metrics could not be compared."""
        unknown = {check.name for check in self.checks if check.found == "not compared"}
        if unknown & set(_REQUIRED) or not set(_REQUIRED) <= {check.name for check in self.checks}:
            return "different"
        found = {check.found for check in self.checks}
        if "different" in found:
            return "different"
        return "within tolerance" if "within tolerance" in found else "identical"

    @property
    def first_difference(self) -> Check | None:
        """The first step that differs: what comes after it follows from it."""
        return next((check for check in self.checks if check.found == "different"), None)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        first = self.first_difference
        return {
            "verdict": self.verdict,
            "first_difference": None if first is None else asdict(first),
            "tolerance": self.tolerance,
            "environment": [asdict(check) for check in self.environment],
            "checks": [asdict(check) for check in self.checks],
        }


def check_environment(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Check:
    """What is installed, or the kind of machine: equal, or what differs.

    Examples
    --------
    >>> check_environment("packages", {"numpy": "2.3", "scipy": "1.16"}, {"numpy": "2.4", "scipy": "1.16"}).detail
    'numpy 2.3, now 2.4'
    """
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if not changed:
        return Check(name, "identical", f"{len(before)} compared")
    shown = [f"{key} {before.get(key, 'missing')}, now {now.get(key, 'missing')}" for key in sorted(changed)[:12]]
    more = f"; and {len(changed) - 12} more" if len(changed) > 12 else ""
    return Check(name, "different", "; ".join(shown) + more)


def check_same(name: str, before: str | None, now: str, what: str) -> Check:
    """Two digests, or anything else that is either equal or not.

    Examples
    --------
    >>> check_same("data", "abc", "abd", "the content digest").detail
    'the content digest was abc and is abd'
    """
    if before is None:
        return Check(name, "not compared", f"{what} of the first run is not known")
    if before == now:
        return Check(name, "identical", f"{what} {now[:12]}")
    return Check(name, "different", f"{what} was {before[:12]} and is {now[:12]}")


def check_trials(before: Mapping[str, Any], now: Mapping[str, Any], tolerance: float) -> Check:
    """The trials of two searches, one by one: candidate, parameters, state and score.

    Parameters
    ----------
    before, now
        As a search leaves them: ``trials`` with ``number``, ``candidate``, ``params``, ``status`` and ``mean``, and
        ``selected``.
    tolerance
        How far scores may differ.
    """
    largest = 0.0
    first, second = before["trials"], now["trials"]
    for one, other in zip(first, second, strict=False):
        where = f"trial {one['number']} of {len(first)}"
        for key in ("number", "candidate", "params", "status"):
            if one[key] != other[key]:
                return Check("trials", "different", f"{where}: another {key.replace('params', 'set of parameters')}")
        gap = _gap(one["mean"], other["mean"])
        largest = max(largest, gap)
        if gap > tolerance:
            return Check(
                "trials", "different", f"{where}: score {_told(one['mean'])}, now {_told(other['mean'])}", _size(gap)
            )
    if len(first) != len(second):
        return Check("trials", "different", f"{len(first)} trials, now {len(second)}")
    if before["selected"]["number"] != now["selected"]["number"]:
        return Check("trials", "different", "another trial was selected")
    return Check("trials", _graded(largest), f"{len(first)} trials", largest)


def check_parameters(before: Mapping[str, Any], now: Mapping[str, Any], tolerance: float) -> Check:
    """Two models value by value, as :func:`evenhand.reproduction.model_parameters` gives them."""
    largest = 0.0
    for name in dict.fromkeys([*before, *now]):
        if name not in before or name not in now:
            return Check("parameters", "different", f"{name} is only in the {'first' if name in before else 'second'}")
        gap = _distance(before[name], now[name])
        if not gap <= tolerance:
            return Check("parameters", "different", f"first in {name}", _size(gap))
        largest = max(largest, gap)
    return Check("parameters", _graded(largest), f"{len(before)} values", largest)


def check_predictions(
    before: npt.NDArray[np.float64],
    now: npt.NDArray[np.float64],
    decided_before: npt.NDArray[Any],
    decided_now: npt.NDArray[Any],
    tolerance: float,
) -> Check:
    """Probabilities, shape (n, k), and decisions, shape (n,), of two models on the same rows.

    A single decision that is another is a difference, however close the probabilities are.
    """
    if before.shape != now.shape:
        return Check("predictions", "different", f"shape {before.shape}, now {now.shape}")
    flipped = int((decided_before != decided_now).sum())
    largest = float(np.abs(before - now).max()) if before.size else 0.0
    if flipped:
        return Check("predictions", "different", f"{flipped} of {len(before)} test rows are decided otherwise", largest)
    if not largest <= tolerance:
        return Check("predictions", "different", "the same decisions from other probabilities", largest)
    return Check("predictions", _graded(largest), f"{len(before)} test rows, every decision the same", largest)


def check_figures(before: Mapping[str, float], now: Mapping[str, float], tolerance: float) -> Check:
    """Figures by name; one that only one of the runs has is a difference."""
    missing = sorted(set(before) ^ set(now))
    if missing:
        return Check("metrics", "different", f"only one of the runs has {missing[0]} ({len(missing)} such figures)")
    if not before:
        return Check("metrics", "not compared", "the first run left no figures")
    gaps = {name: _gap(before[name], now[name]) for name in before}
    apart = [name for name, gap in gaps.items() if gap > tolerance]
    largest = max(gaps.values())
    if apart:
        name = apart[0]
        said = f"{len(apart)} of {len(gaps)} figures, first {name}: {_told(before[name])}, now {_told(now[name])}"
        return Check("metrics", "different", said, _size(largest))
    return Check("metrics", _graded(largest), f"{len(gaps)} figures", largest)


def _graded(largest: float) -> Found:
    return "identical" if largest == 0 else "within tolerance"


def _told(value: float | None) -> str:
    return "undefined" if value is None or isnan(value) else f"{value:.6g}"


def _size(gap: float) -> float | None:
    """A difference that is a number; None where something is there and something else, or nothing, in its place."""
    return gap if isfinite(gap) else None


def _gap(one: float | None, other: float | None) -> float:
    """How far two numbers are apart, relative where they exceed 1; undefined equals undefined."""
    if one is None or other is None or isnan(one) or isnan(other):
        undefined = [value is None or isnan(value) for value in (one, other)]
        return 0.0 if all(undefined) else float("inf")
    if one == other:
        return 0.0
    return abs(one - other) / max(1.0, abs(one), abs(other))


def _distance(one: Any, other: Any) -> float:
    """0 for equal values, the largest gap of numbers, infinite for anything else."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _array_distance(one, other)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if numbers:
        return _gap(float(one), float(other))
    return 0.0 if type(one) is type(other) and one == other else float("inf")


def _array_distance(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    if one.tobytes() == other.tobytes():
        return 0.0
    if one.dtype.names is not None:
        return max(_array_distance(one[name], other[name]) for name in one.dtype.names)
    if one.dtype.kind != "f":
        return 0.0 if (one == other).all() else float("inf")
    scale = np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    both = np.isnan(one) & np.isnan(other)
    gaps = np.where(both | (one == other), 0.0, np.abs(one - other) / scale)
    return float("inf") if np.isnan(gaps).any() else float(gaps.max(initial=0.0))
