from pathlib import Path

import pandas as pd
import pytest

from flows.outcome import GroupRow, Metric, Outcome, Summary


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """What a run leaves, with everything that a screen has to cope with."""
    summary = Summary(
        algorithm="histogram gradient boosting",
        metrics=(
            Metric("roc_auc", 0.78, 0.71, 0.84),
            Metric("balanced_accuracy", 0.701, 0.64, 0.76),
            Metric("brier", None, None, None, "no probabilities"),
        ),
        groups=(
            GroupRow("race", "white", 320, 0.9, 0.95, 1.0, four_fifths=False),
            GroupRow("race", "black", 41, 0.55, 0.7, 0.611, four_fifths=True),
            GroupRow("race", "[red]hispanic[/red]\x1b[31m", 20, 0.72, 0.8, 0.8, four_fifths=False, small=True),
            GroupRow("sex", "unknown", 3, 1.0, None, None, None, small=True, reason="no positives"),
        ),
        findings=("action alone predicts the target",),
        rows={"train": 1193, "validation": 398, "test": 398},
        trials=24,
        notes=("calibration sigmoid: it lowered the log-loss",),
        missing_statements=("owners", "human_oversight"),
    )
    folder = tmp_path / "home" / "runs" / "0123456789abcdef"
    return Outcome(
        run_id="0123456789abcdef",
        model_name="loan-approval",
        model_version="3",
        folder=str(folder),
        card_path=str(folder / "card.html"),
        summary=summary,
        run_url=f"sqlite:///{tmp_path}/mlflow.db#0123456789abcdef",
        flow_run_name="loan-approval",
        alias="challenger",
        seconds=83.2,
    )


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    """A small data file with a binary target."""
    rows = 200
    frame = pd.DataFrame(
        {
            "income": [20 + 7 * n % 83 for n in range(rows)],
            "purpose": ["home", "car", "other"] * (rows // 3) + ["home", "car"],
            "sex": ["female", "male", "male", None] * (rows // 4),
            "approved": ["yes" if (7 * n % 83 > 30) != (n % 6 == 0) else "no" for n in range(rows)],
        }
    )
    path = tmp_path / "loans.csv"
    frame.to_csv(path, index=False)
    return path
