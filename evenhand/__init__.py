"""Evenhand: a model goes live only with evidence.

The library computes; it knows no orchestrator and no tracking service, and a notebook can use it alone. Its public
names are loaded when they are first used, so that `import evenhand` costs nothing.

Examples
--------
>>> from evenhand import BiasDetector
>>> BiasDetector.__module__.startswith("evenhand.fairness")
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.data.dataset import Dataset
    from evenhand.fairness import AuditReport, BiasDetector, BiasMitigator, MitigationResult

_PUBLIC = {
    "AuditReport": "evenhand.fairness",
    "BiasDetector": "evenhand.fairness",
    "BiasMitigator": "evenhand.fairness",
    "Dataset": "evenhand.data.dataset",
    "MitigationResult": "evenhand.fairness",
}

__all__ = ["AuditReport", "BiasDetector", "BiasMitigator", "Dataset", "MitigationResult"]


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'evenhand' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return [*globals(), *__all__]
