"""`evenhand show`: what runs left, read from the folder of the local mode."""

import json
import os
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from deployments.local import default_addresses, home_folder
from deployments.screen import console, plain, print_outcome
from evenhand.decision.ledger import LedgerError
from evenhand.decision.standing import answer_until, standing, told_answer
from evenhand.exceptions import ConfigError, ServiceError, StoreError, nearest, shorten
from flows.outcome import Outcome

__all__ = ["find_run", "list_runs", "print_json", "show_run"]

_FILE = "outcome.json"


def show_run(name: str | None, *, in_browser: bool, as_json: bool) -> int:
    """Print one run, or open its card."""
    outcome = _by_the_ledger(find_run(name))
    if as_json:
        print_json(outcome)
    else:
        print_outcome(outcome, console())
    if in_browser:
        _open(Path(outcome.card_path))
    return 0


def _by_the_ledger(outcome: Outcome) -> Outcome:
    """The outcome with what became of a held decision.

    Whoever answered may have been killed before the run's folder said so, or has answered on another machine.
    """
    kept = os.environ.get("EVENHAND_LEDGER") or (home_folder() / "ledger.db").is_file()
    if outcome.decision != "hold" or not outcome.decision_record or not kept:
        return outcome
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    from tasks.ledger import records

    try:
        mine = records(outcome.model_name)
    except (LedgerError, ServiceError) as error:
        unknown = f"whether it was answered since is not known: {error}"
        return replace(outcome, decision_reasons=(unknown, *outcome.decision_reasons))
    holds = standing(mine, outcome.model_name).holds
    hold = next((each for each in holds if each.decision.hash == outcome.decision_record), None)
    decision, said = told_answer(hold, mine) if hold is not None else ("hold", "")
    reasons = (said,) if said and said not in outcome.decision_reasons else ()
    over = hold is not None and hold.state in ("superseded", "expired")
    return replace(
        outcome,
        decision=decision,
        decision_reasons=(*reasons, *outcome.decision_reasons),
        answerable=not over,
        answer_until=answer_until(hold.decision) if hold is not None else outcome.answer_until,
    )


def print_json(outcome: Outcome) -> None:
    """The outcome for a program."""
    sys.stdout.write(json.dumps(outcome.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def list_runs(*, as_json: bool) -> int:
    """Print the runs, the latest first."""
    outcomes = [_read(path) for path in _files()]
    if as_json:
        sys.stdout.write(json.dumps([outcome.to_dict() for outcome in outcomes], indent=2, ensure_ascii=False) + "\n")
        return 0
    table = Table("run", "model", "version", "algorithm", "first metric", box=None, pad_edge=False, header_style="dim")
    for outcome in outcomes:
        first = next(iter(outcome.summary.metrics), None)
        value = "" if first is None or first.value is None else f"{first.name} {first.value:.3f}"
        cells = (outcome.run_id[:8], outcome.model_name, outcome.model_version, outcome.summary.algorithm, value)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    console().print(table if outcomes else Text(f"no runs in {plain(home_folder())}"))
    return 0


def find_run(name: str | None) -> Outcome:
    """The latest run, or the latest one that the name means.

    Raises
    ------
    ConfigError
        When there is no run, or none of that name.
    """
    left = {path.parent.name: _read(path) for path in _files()}
    outcomes = list(left.values())
    if not outcomes:
        raise ConfigError(
            f"there is no run that ended in {home_folder()}: start one, or again, by `evenhand train CONFIG`"
        )
    if name is None:
        return outcomes[0]
    found = [outcome for folder, outcome in left.items() if _means(name, outcome, folder)]
    if not found:
        known = [each for outcome in outcomes for each in (outcome.run_id[:8], outcome.model_name)]
        raise ConfigError(f"there is no run {shorten(name)} that ended: {nearest(name, set(known))}")
    distinct = {outcome.run_id for folder, outcome in left.items() if _begins(name, outcome, folder)}
    if len(distinct) > 1:
        raise ConfigError(f"{shorten(name)} is the start of {len(distinct)} runs: give more of it")
    return found[0]


def _means(name: str, outcome: Outcome, folder: str) -> bool:
    names = (outcome.model_name, f"{outcome.model_name}/{outcome.model_version}", outcome.flow_run_name)
    return name in names or _begins(name, outcome, folder)


def _begins(name: str, outcome: Outcome, folder: str) -> bool:
    """Whether a run's identifier begins so; a run that waited for MLflow keeps its key as the name of its folder."""
    return len(name) >= 4 and (outcome.run_id.startswith(name) or folder.startswith(name))


def _files() -> Iterator[Path]:
    """What runs left, the latest first."""
    paths = (home_folder() / "runs").glob(f"*/{_FILE}")
    return iter(sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True))


def _read(path: Path) -> Outcome:
    try:
        return Outcome.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read ({type(error).__name__}): remove it, and train again") from error


def _open(card: Path) -> None:
    if not card.is_file():
        raise ConfigError(f"the card {card} is gone: `evenhand train` writes it again")
    if not webbrowser.open(card.absolute().as_uri()):
        raise ConfigError(f"no browser could be started: open {card} yourself")
