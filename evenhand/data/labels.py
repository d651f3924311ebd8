"""Labels and groups that differ only in case or spaces, so that one is probably taken for several."""

from collections.abc import Iterable, Iterator

import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.data.finding import Finding
from evenhand.data.frames import distinct_texts
from evenhand.exceptions import shorten

__all__ = ["alike_labels", "find_alike_labels"]


def alike_labels(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """The labels that are the same but for case and spaces.

    Examples
    --------
    >>> alike_labels(["no", "yes", "YES", "yes "])
    [('yes', 'YES', 'yes ')]
    """
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(" ".join(label.split()).casefold(), []).append(label)
    return [tuple(same) for same in found.values() if len(same) > 1]


def find_alike_labels(whole: Dataset) -> Iterator[Finding]:
    """Classes of the target, and groups of a sensitive attribute, that are the same but for case and spaces.

    Parameters
    ----------
    whole
        All rows.
    """
    name = str(whole.y.name) if whole.y.name is not None else "target"
    yield from _alike(name, whole.y, "class")
    for attribute in whole.sensitive_features.columns:
        yield from _alike(str(attribute), whole.sensitive_features[attribute], "group")


def _alike(name: str, values: pd.Series, noun: str) -> Iterator[Finding]:
    for same in alike_labels(distinct_texts(values)):
        named = ", ".join(map(shorten, same))
        told = f"{named} differ only in case or spaces, and each is a {noun} of its own"
        yield Finding("alike_labels", name, f"{told}: write one where they mean the same", len(same))
