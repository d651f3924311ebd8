"""Compare the model's decisions between groups on the test part."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evenhand.config import AuditConfig, Config
from evenhand.data.dataset import Dataset
from evenhand.decision.selection import selected_by
from evenhand.fairness import AuditReport, BiasDetector
from evenhand.fairness.page import render_page
from evenhand.fairness.tables import audit_figures, audit_sentence, group_table, policy_table
from evenhand.plotting import figure_to_svg
from evenhand.store import Ref, digest_file
from tasks.ledger import take_look
from tasks.step import keep_figure, load_part, note, once, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, log, metric_name
from tasks.tracking.reading import read_artifact

__all__ = ["audit_groups"]


@step("audit", "Compares the model's decisions between groups and their intersections on the test part.")
def audit_groups(evidence: Ref, holdout: Ref, config: Config, *, run: RunRef, repeats: str = "") -> Ref:
    """Every group's figures, the disparities between groups, and the verdicts that the decision rests on.

    Parameters
    ----------
    evidence, holdout
        Results of earlier steps: the predictions, and the sensitive columns of the same rows.
    config
        The whole configuration. Prefect's page, which more people read than the audit itself, tells nothing that rests
        on fewer rows than ``explain.min_cell``.
    run
        Where the figures are recorded, and who looks.
    repeats
        The run that this one repeats: it is no look of its own, and is judged as that one was.
    """
    look = _look_of(repeats) if repeats else _look(evidence, config, run)
    audit, seed, min_cell = config.audit, config.seed, config.explain.min_cell
    parts = {
        "evidence": evidence.digest,
        "holdout": holdout.digest,
        "audit": audit.model_dump(mode="json"),
        "policies": [digest_file(Path(name)) for name in audit.policies if Path(name).is_file()],
        "look": look,
        "seed": seed,
    }
    ref = once("audit", parts, lambda folder: _write(folder, evidence, holdout, audit, look, seed))
    folder = store().folder(ref)
    found = read_json(folder / "audit.json")
    groups = pd.read_csv(folder / "groups.csv", keep_default_na=False, dtype=str)
    shown = group_table(found, min_cell)
    table("groups", shown.to_dict("records"), f"Every group on the test part; withheld: fewer than {min_cell} rows")
    asked = policy_table(found)
    table("policy-tables", asked.to_dict("records"), "Tables that the policies ask for, on the test part")
    log(run, _items(folder, found, groups, asked))
    note(audit_sentence(found))
    return ref


def _look(evidence: Ref, config: Config, run: RunRef) -> dict[str, Any]:
    """The look at the test set that this run takes, kept in the ledger before anything is judged."""
    whole = config.model_dump(mode="json")
    predictions = digest_file(store().folder(evidence) / "predictions.parquet")
    rows, policies = selected_by(whole), config.audit.policies
    by = {"run": run.key}
    return take_look(config.model, whole, rows=rows, seen=predictions, policies=policies, by=by)._asdict()


def _look_of(run_id: str) -> dict[str, Any]:
    """The look that another run took; an audit that did not record one was judged at the policies' own levels."""
    found: dict[str, Any] | None = read_artifact(run_id, "audit/audit.json").get("look")
    return found or {"number": None, "share": 1.0, "elsewhere": False}


def _write(folder: Path, evidence: Ref, holdout: Ref, audit: AuditConfig, look: Mapping[str, Any], seed: int) -> None:
    test = load_part(holdout, "test")
    predictions = pd.read_parquet(store().folder(evidence) / "predictions.parquet")
    scores = predictions[[name for name in predictions.columns if name.startswith("probability_")]].to_numpy()
    classes = read_json(store().folder(evidence) / "evaluation.json")["classes"]
    detector = BiasDetector.from_predictions(
        predictions["y_true"],
        predictions["y_pred"],
        sensitive_features=test.sensitive_features,
        favorable_label=test.favorable_label,
        y_score=_scores(scores, classes, test.favorable_label),
        legitimate_factors=_factors(test, audit.legitimate_factors),
        classes=classes,
    )
    report = detector.detect_bias(
        depth=audit.depth,
        min_group_size=audit.min_group_size,
        policies=audit.policies or None,
        share=look["share"],
        confidence=audit.confidence,
        replicates=audit.replicates,
        seed=seed,
    )
    _leave(folder, report, test, look)


def _leave(folder: Path, report: AuditReport, test: Dataset, look: Mapping[str, Any]) -> None:
    """The report as JSON, as a page and as a table, and its figure for the card."""
    found, figure = {**report.to_dict(), "look": dict(look)}, report.plot()
    write_json(folder / "audit.json", found)
    facts = {"rows": f"{len(test):,} of the test part"}
    if look["number"] is not None:
        spends = f"it may spend {look['share']:.3g} of each policy's level, and the decision rests on these verdicts"
        facts["look"] = f"{look['number']} at this test set, by the ledger; {spends}"
    page = render_page(report, title=f"Audit of {test.name}", facts=facts, picture=figure_to_svg(figure))
    (folder / "report.html").write_text(page, encoding="utf-8")
    group_table(found).to_csv(folder / "groups.csv", index=False)
    keep_figure(folder, "groups", figure, title="Rates of each group with intervals", alt=audit_sentence(found))


def _scores(scores: Any, classes: list[Any], favorable_label: Any) -> Any:
    """The favorable label's probability of two labels, of more every label's."""
    if len(classes) > 2:
        return pd.DataFrame(scores, columns=classes)
    return scores[:, classes.index(favorable_label)] if favorable_label in classes else None


def _factors(test: Dataset, names: Sequence[str]) -> pd.DataFrame | None:
    """The columns that may explain a difference."""
    return test.X[list(names)] if names else None


def _items(folder: Path, found: dict[str, Any], groups: pd.DataFrame, asked: pd.DataFrame) -> list[Any]:
    return [
        Metrics({metric_name(*parts): value for parts, value in audit_figures(found)}),
        Table("audit/groups.json", groups),
        *([] if asked.empty else [Table("audit/policy-tables.json", asked)]),
        File(folder / "audit.json", "audit"),
        File(folder / "report.html", "audit"),
        File(folder / "figures" / "groups.png", "audit"),
    ]
