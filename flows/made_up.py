"""The names that Prefect makes up for runs which nobody named."""

from functools import lru_cache
from typing import Any

from coolname.data import config

__all__ = ["made_up"]

_OF_THE_PAGE = frozenset(
    [
        *("Awesome", "Ergonomic", "Fantastic", "Generic", "Gorgeous", "Handcrafted", "Handmade", "Incredible"),
        *("Intelligent", "Licensed", "Practical", "Refined", "Rustic", "Sleek", "Small", "Tasty", "Unbranded"),
    ]
)
"""What a name begins with that the form of its page makes up: faker's adjectives of products; an animal follows."""

_ANIMAL = 6
"""The most letters of that animal: the page of Prefect 3.8 asks for no more (``maxCharCount``)."""


def made_up(name: str) -> bool:
    """Whether Prefect made up a run's name: its server, for a schedule or a shell, or the form of its page.

    The server joins an adjective and an animal of the package coolname (``prefect.utilities.names.generate_slug``).
    Other names of two words are a person's.

    Parameters
    ----------
    name
        The name of a flow run.

    Examples
    --------
    >>> [made_up(name) for name in ("brave-otter", "Rustic-Walrus", "bug-hunt", "loan-approval", "otter-brave")]
    [True, True, False, False, False]
    """
    first, hyphen, second = name.partition("-")
    if not hyphen or not second.isalpha():
        return False
    of_the_page = first in _OF_THE_PAGE and second.istitle() and len(second) <= _ANIMAL
    return of_the_page or (first in _words("adj_any") and second in _words("subj"))


@lru_cache(maxsize=2)
def _words(kind: str) -> frozenset[str]:
    """Every word of one of coolname's lists, those of the lists that it names included."""
    about: Any = config[kind]
    return frozenset(about.get("words", ())).union(*(_words(name) for name in about.get("lists", ())))
