"""What a run's log says of wrong input: its one message, without the places in the code where it was found."""

import logging

from evenhand.exceptions import ConfigError, EvenhandError

__all__ = ["SaidOnce", "say_errors_once"]

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class SaidOnce(logging.Filter):
    """Takes the traceback off an error of input, which says itself what is wrong and what would be right.

    Prefect logs an error as the run fails and once more as its process ends; the second is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, EvenhandError) or error.exit_code != ConfigError.exit_code:
            return True
        record.exc_info = record.exc_text = None
        again, self._said = error is self._said, error
        return not again


def say_errors_once() -> None:
    """Let the logs of this process's runs say an error of input once, without a traceback."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, SaidOnce) for each in logger.filters):
            logger.addFilter(SaidOnce())
