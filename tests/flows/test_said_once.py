"""What a run's log says of wrong input, as Prefect's engine logs it."""

import logging
from collections.abc import Iterator

import pytest

from evenhand.exceptions import ConfigError, EvenhandError, ServiceError
from flows.said_once import SaidOnce


class Kept(logging.Handler):
    """What was logged, as a page shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger as those of the runs are, and what comes out of it."""
    logger, kept = logging.getLogger("said-once"), Kept()
    logger.addFilter(said := SaidOnce())
    logger.addHandler(kept)
    yield logger, kept.lines
    logger.removeFilter(said)
    logger.removeHandler(kept)


def fail(logger: logging.Logger, error: Exception) -> None:
    """As Prefect logs it when the run fails, and when its process ends."""
    words = repr(error)
    for said in ("Encountered exception during execution: %r", "Engine execution exited with unexpected exception"):
        try:
            raise error
        except type(error):
            logger.exception(said, *([words] if "%r" in said else []))


def test_wrong_input_is_said_once_and_without_a_traceback(logged: tuple[logging.Logger, list[str]]) -> None:
    logger, lines = logged
    fail(logger, ConfigError("search.space has no 'depht': did you mean 'depth'?"))
    assert len(lines) == 1
    assert "did you mean" in lines[0]
    assert "Traceback" not in lines[0]


@pytest.mark.parametrize("error", [EvenhandError("ours"), ServiceError("a server"), ValueError("a defect")])
def test_what_is_no_wrong_input_shows_where_it_arose(
    error: Exception, logged: tuple[logging.Logger, list[str]]
) -> None:
    logger, lines = logged
    fail(logger, error)
    assert [line.count("Traceback") for line in lines] == [1, 1]


def test_another_error_of_the_same_words_is_said_again(logged: tuple[logging.Logger, list[str]]) -> None:
    logger, lines = logged
    fail(logger, ConfigError("wrong"))
    fail(logger, ConfigError("wrong"))
    assert len(lines) == 2
