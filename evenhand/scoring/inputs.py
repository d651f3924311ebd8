"""From the columns of a source to the frame that a stored model takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from evenhand.data.build import convert_features
from evenhand.data.contract import ColumnPromise, Contract
from evenhand.data.frames import column_kind, value_texts
from evenhand.data.sensitive import Sensitive, derive_sensitive
from evenhand.exceptions import ModelError
from evenhand.fairness.inputs import SENSITIVE_PREFIX

__all__ = ["Inputs"]


@dataclass(frozen=True)
class Inputs:
    """What a model takes, column by column, and what each column promised.

    Attributes
    ----------
    names
        The columns of the model's frame, in its order; ``sensitive:race`` where it needs an attribute.
    promises
        What the contract says of each of them; a sensitive attribute's under its own name.
    sensitive
        How the sensitive attributes that the model needs follow from columns of the source; no others.
    """

    names: tuple[str, ...]
    promises: tuple[ColumnPromise, ...]
    sensitive: Mapping[str, Sensitive]

    @classmethod
    def of(cls, names: Sequence[str], contract: Contract, sensitive: Mapping[str, Sensitive]) -> "Inputs":
        """The inputs of a model that was stored with this contract.

        Parameters
        ----------
        names
            The columns of its signature.
        contract
            What its data promised.
        sensitive
            How every declared sensitive attribute is derived; those that the model does not take are left out.

        Raises
        ------
        ModelError
            When contract or description know nothing of a column that the model takes.
        """
        attributes = [name.removeprefix(SENSITIVE_PREFIX) for name in names if name.startswith(SENSITIVE_PREFIX)]
        plain = [name for name in names if not name.startswith(SENSITIVE_PREFIX)]
        known = {promise.name: promise for promise in contract.columns}
        strange = [name for name in [*plain, *attributes] if name not in known]
        strange += [name for name in attributes if name not in sensitive]
        if strange:
            raise ModelError(f"the model takes {', '.join(sorted(set(strange)))}, of which its contract says nothing")
        promises = tuple(known[name] for name in [*plain, *attributes])
        return cls(tuple(names), promises, {name: sensitive[name] for name in attributes})

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the source that are needed, each once."""
        plain = [name for name in self.names if not name.startswith(SENSITIVE_PREFIX)]
        return tuple(dict.fromkeys([*plain, *(column for how in self.sensitive.values() for column in how.columns)]))

    def missing(self, present: Iterable[str]) -> list[str]:
        """The needed columns that a source does not have."""
        there = set(present)
        return [name for name in self.columns if name not in there]

    def promised(self, raw: pd.DataFrame) -> pd.DataFrame:
        """The columns as the contract names them: features, and groups of the attributes that the model takes.

        Parameters
        ----------
        raw
            Plain rows of the source with all of :attr:`columns`.
        """
        features = [promise.name for promise in self.promises if promise.name not in self.sensitive]
        X = raw[features]
        X = X.assign(**convert_features(X))
        fitted = {p.name: _as_promised(X[p.name], p) for p in self.promises if p.name in X.columns}
        groups = derive_sensitive(raw, self.sensitive)
        return pd.DataFrame({**fitted, **{name: groups[name] for name in groups.columns}}, index=raw.index)

    def frame(self, promised: pd.DataFrame) -> pd.DataFrame:
        """The model's frame from what :meth:`promised` gave, shape (n, f)."""
        named = promised.rename(columns={name: SENSITIVE_PREFIX + name for name in self.sensitive})
        return named.loc[:, list(self.names)]


def _as_promised(series: pd.Series, promise: ColumnPromise) -> pd.Series:
    """The same values as the kind that was promised, where a small batch made a file's reader guess another.

    A column of codes that happens to hold digits only is text again where its categories are known, so that a code
    which lost its leading zero is found out; booleans are 0 and 1 where numbers were promised.
    """
    kind = column_kind(series)
    if promise.kind in ("integer", "number") and kind == "boolean":
        return series.astype("float64")
    if promise.kind == "text" and promise.values is not None and kind in ("integer", "number"):
        return value_texts(series)
    return series
