"""The reasons of single decisions as texts: what adverse-action notices call principal reasons."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evenhand.exceptions import ConfigError, Problem, nearest, shorten
from evenhand.explain.attributions import Attributions

__all__ = ["check_texts", "reason_texts"]


def check_texts(texts: Mapping[str, str], features: Sequence[str]) -> None:
    """Refuse texts for columns that are no features.

    Raises
    ------
    ConfigError
        With every such column and the nearest feature.
    """
    problems = [
        Problem(f"score.reasons.{name}", "is no feature of the model", nearest(name, features))
        for name in texts
        if name not in features
    ]
    if problems:
        raise ConfigError("the texts of reasons do not fit the model", problems)


def reason_texts(
    attributions: Attributions,
    most: int = 4,
    *,
    texts: Mapping[str, str] | None = None,
    against: str | Sequence[str] | None = None,
    towards: Sequence[str] | None = None,
) -> npt.NDArray[np.object_]:
    """The texts of the features that count most in each row, strongest first, shape (n, most); None fills a short row.

    Features with the same text are one reason: their attributions are summed before they are ranked. What did not move
    the row in the direction that is asked about is no reason, so a row may have fewer than `most`.

    Parameters
    ----------
    attributions
        Of n rows.
    most
        At most so many reasons a row. The commentary to US Regulation B (12 CFR 1002.9(b)(2)-1) thinks more than four
        unlikely to help an applicant; 1002.9(b)(2)-2 wants the reasons that were actually scored.
    texts
        What to call a feature; one that is not named is called as it is.
    against
        The label that the row was denied: reasons are what lowered its margin. Of several labels, each of which would
        have been no denial, what lowered the sum of their margins.
    towards
        For each row the label that it got: reasons are what raised that label's margin. Exactly one of `against` and
        `towards` is given.

    Examples
    --------
    >>> values, names = np.array([[-1.0, -1.5, 2.0, -2.0]]), ("rent", "loans", "income", "age")
    >>> made = Attributions(values, np.zeros(1), names, ("yes",), "log-odds of 'yes'", "linear")
    >>> reason_texts(made, 2, texts={"rent": "debts", "loans": "debts"}, against="yes").tolist()
    [['debts', 'age']]
    """
    if (against is None) == (towards is None):
        raise ValueError("give either `against` or `towards`")
    moved = _moved(attributions, against, towards)
    named = [(texts or {}).get(feature, feature) for feature in attributions.features]
    names = np.array(list(dict.fromkeys(named)), dtype=object)
    place = {name: at for at, name in enumerate(names)}
    together = np.zeros((len(named), len(names)))
    together[np.arange(len(named)), [place[name] for name in named]] = 1.0
    strength = moved @ together
    # A stable sort keeps the order of the columns among equals.
    order = np.argsort(-strength, axis=1, kind="stable")[:, :most]
    found = names[order]
    found[np.take_along_axis(strength, order, axis=1) <= 0] = None
    empty = np.full((len(found), max(0, most - found.shape[1])), None, dtype=object)
    return np.concatenate([found, empty], axis=1)


def _moved(
    attributions: Attributions, against: str | Sequence[str] | None, towards: Sequence[str] | None
) -> npt.NDArray[np.float64]:
    """How far each feature moved each row in the direction that is asked about, shape (n, f)."""
    labels = list(attributions.labels)
    if against is not None:
        denied = [against] if isinstance(against, str) else against
        for label in denied:
            if label not in labels:
                raise ConfigError(f"label {shorten(label)} is not explained: {nearest(label, labels)}")
        return -attributions.of(denied)
    assert towards is not None
    if len(labels) == 1:  # two classes: what raises one lowers the other
        sign = np.where(np.asarray(towards, dtype=object) == labels[0], 1.0, -1.0)
        return attributions.by_label[:, :, 0] * sign[:, None]
    places = np.array([labels.index(label) for label in towards], dtype=np.intp)
    return attributions.by_label[np.arange(len(places)), :, places]
