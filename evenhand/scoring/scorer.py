"""One model that scores rows: probabilities, decisions and, where they are asked for, reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.data.dataset import are_favorable, favorable_labels
from evenhand.data.frames import value_text
from evenhand.exceptions import ModelError, nearest, shorten
from evenhand.explain._model import Inner, unwrap
from evenhand.explain.attributions import LocalExplainer
from evenhand.scoring.reasons import check_texts, reason_texts

__all__ = ["Scorer", "favorable_class"]


@dataclass(frozen=True)
class Scorer:
    """Scores rows of a model's frame, a part at a time.

    Attributes
    ----------
    inner
        The model, taken apart so that rows are encoded once.
    classes
        Its labels, sorted.
    favorable_label
        The label that is good for the person, of two the one whose probability is told; several as a tuple; or None.
    explainer
        What attributes a row to its features; None gives no reasons.
    texts, most_reasons, explain
        As in the configuration's section `score`.
    """

    inner: Inner = field(repr=False)
    classes: npt.NDArray[Any]
    favorable_label: Any = None
    explainer: LocalExplainer | None = field(default=None, repr=False)
    texts: Mapping[str, str] = field(default_factory=dict)
    most_reasons: int = 4
    explain: Literal["denied", "all"] = "denied"

    @classmethod
    def of(
        cls,
        model: Any,
        names: Sequence[str],
        *,
        favorable_label: Any = None,
        explainer: LocalExplainer | None = None,
        texts: Mapping[str, str] | None = None,
        most_reasons: int = 4,
        explain: Literal["denied", "all"] = "denied",
    ) -> "Scorer":
        """A scorer of a fitted classifier.

        Parameters
        ----------
        model
            A fitted classifier of raw rows, with its calibration and threshold if it has them.
        names
            The columns that it takes, in order.
        favorable_label
            The label that is good for the person, or several, as the configuration writes them.
        explainer
            From :func:`evenhand.explain.make_explainer`, with the same favorable label.
        texts, most_reasons, explain
            As in the configuration's section `score`.

        Raises
        ------
        ModelError
            When the favorable label is none of the model's.
        ConfigError
            When a text is for a column that the model does not take.
        """
        check_texts(texts or {}, names)
        return cls(
            inner=unwrap(model, names),
            classes=np.asarray(model.classes_),
            favorable_label=favorable_class(model.classes_, favorable_label),
            explainer=explainer if most_reasons else None,
            texts=dict(texts or {}),
            most_reasons=most_reasons,
            explain=explain,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that :meth:`score` gives, in order."""
        reasons = self.most_reasons if self.explainer is not None else 0
        return ("decision", *self._probabilities, *(f"reason_{k + 1}" for k in range(reasons)))

    @property
    def _probabilities(self) -> tuple[str, ...]:
        """The columns of probabilities: that of the favorable label of two says all, several have their sum before."""
        good = len(favorable_labels(self.favorable_label))
        if len(self.classes) == 2 and good == 1:
            return ("probability",)
        each = tuple(f"probability_{label}" for label in self.classes)
        return ("probability", *each) if good > 1 else each

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the model makes of rows of shape (n, f): decision, probability and reasons, in the rows' order.

        Returns
        -------
        pandas.DataFrame
            ``decision``, the label; ``probability`` of the favorable label of two, or ``probability_LABEL`` of every
            label, between 0 and 1, and before them ``probability``, that of several favorable labels together;
            ``reason_1`` and so on, None where there is none.
        """
        chances, labels = self.inner.answer(rows)
        decided = labels.astype(self.classes.dtype)
        values: list[npt.NDArray[Any]] = [decided]
        told = self._probabilities
        if told[0] == "probability":
            values.append(chances[:, are_favorable(self.classes, self.favorable_label)].sum(axis=1))
        if len(told) > 1:
            values += list(chances.T)
        if self.explainer is not None:
            values += list(self._reasons(rows, decided).T)
        return pd.DataFrame(dict(zip(self.columns, values, strict=True)), index=rows.index)

    def _reasons(self, rows: pd.DataFrame, decided: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
        """Reasons of the rows that get some, shape (n, most_reasons)."""
        assert self.explainer is not None
        found = np.full((len(rows), self.most_reasons), None, dtype=object)
        favored, good = are_favorable(decided, self.favorable_label), favorable_labels(self.favorable_label)
        for group, against in ((~favored, good), (favored, ())):
            if not group.any() or (group is favored and self.explain == "denied"):
                continue
            made = self.explainer.attribute(rows.loc[group])
            asked: dict[str, Any] = {"against": [str(label) for label in against]}
            if not against:
                asked = {"towards": [str(label) for label in decided[group]]}
            found[group] = reason_texts(made, self.most_reasons, texts=self.texts, **asked)
        return found


def favorable_class(classes: Sequence[Any] | npt.NDArray[Any], label: Any) -> Any:
    """The model's own form of the favorable label: ``"1"`` and True find the label 1; of several a tuple of them.

    Raises
    ------
    ModelError
        When the model has no such label.

    Examples
    --------
    >>> favorable_class([0, 1], "1")
    1
    >>> favorable_class([0, 1, 2], ["2", 1])
    (1, 2)
    """
    known = np.asarray(classes).tolist()
    found = favorable_labels([_own_form(known, each) for each in favorable_labels(label)])
    return found if len(found) > 1 else next(iter(found), None)


def _own_form(known: list[Any], label: Any) -> Any:
    alike = [each for each in known if type(each) is type(label) and each == label]
    alike = alike or [each for each in known if value_text(each).casefold() == value_text(label).casefold()]
    if len(alike) != 1:
        shown = [value_text(each) for each in known]
        raise ModelError(f"the favorable label {shorten(label)} is none of the model's: {nearest(label, shown)}")
    return alike[0]
