"""Batch predictions of a registered version, with the reasons of a row."""

from collections.abc import Callable
from typing import Any

from prefect import flow

from evenhand.config import ScoreConfig, SourceConfig
from evenhand.events import Event
from flows.session import watched
from tasks.score import score_rows

__all__ = ["run_score", "score"]


@flow(name="score", flow_run_name="{model} scores", validate_parameters=True, persist_result=False)
def score(
    model: str,
    source: SourceConfig,
    output: str,
    *,
    version: str = "",
    score: ScoreConfig | None = None,
    most_reasons: int | None = None,
    key: str | None = None,
    replace: bool = False,
) -> dict[str, Any]:
    """Score rows: probability, decision and top reasons of each, in a Parquet file.

    Args:
        model: The registered name.
        source: Where the rows come from.
        output: The Parquet file, a path or an address.
        version: A version's number; the champion when it is left out.
        score: How reasons are told; as the version's configuration has it when it is left out.
        most_reasons: At most so many reasons a row, whatever the configuration says; 0 for none.
        key: The column that names the rows.
        replace: Whether a file that is there may be replaced.
    """
    return score_rows(
        model, source, output, version=version, score=score, most_reasons=most_reasons, key=key, replace=replace
    )


def run_score(
    model: str,
    source: SourceConfig,
    output: str,
    *,
    version: str = "",
    score_config: ScoreConfig | None = None,
    most_reasons: int | None = None,
    key: str | None = None,
    replace: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Run the flow in this process.

    Parameters
    ----------
    model, source, output, version, most_reasons, key, replace
        As :func:`score` takes them.
    score_config
        How reasons are told; by default as the version's configuration has it.
    on_event
        Called with each event, in this thread.
    """
    with watched(on_event):
        found: dict[str, Any] = score(
            model,
            source,
            output,
            version=version,
            score=score_config,
            most_reasons=most_reasons,
            key=key,
            replace=replace,
        )
    return found
