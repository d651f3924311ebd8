"""Audit what is there already: a registered version on any rows, by whomever, or predictions. Nothing is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenhand.config import AuditConfig, Config
from evenhand.data.contract import Contract
from evenhand.data.contract_parts import ContractTally
from evenhand.data.dataset import Dataset
from evenhand.data.digest import row_digests
from evenhand.data.people import one_row_each
from evenhand.data.snapshot import read_dataset
from evenhand.exceptions import DataError, StoreError, nearest, shorten
from evenhand.fairness import BiasDetector
from evenhand.fairness.columns import PredictionColumns, detector_of
from evenhand.fairness.page import render_page
from evenhand.fairness.tables import audit_figures, audit_sentence, group_table, policy_table, worst_verdict
from evenhand.modeling.foreign import TAKEN, ForeignModel, typed_label
from evenhand.plotting import figure_to_svg
from evenhand.store import Ref, write_text
from tasks.ledger import Look, load_decided, take_look
from tasks.registry import Foreign, load_foreign
from tasks.step import load_part, markdown, note, read_json, step, store, table, write_json
from tasks.tracking import File, Metrics, RunRef, Table, Tags, log, metric_name
from tasks.tracking.reading import Registered

__all__ = ["ForeignOnRows", "PredictionFiles", "VersionOnRows", "assess"]


@dataclass(frozen=True)
class VersionOnRows:
    """A registered version, and the snapshot of the rows that it is audited on."""

    known: Registered
    rows: Ref


@dataclass(frozen=True)
class PredictionFiles:
    """Files of predictions, and what to call them."""

    name: str
    paths: tuple[Path, ...]
    columns: PredictionColumns


@dataclass(frozen=True)
class ForeignOnRows:
    """A registered version that others made, and the snapshot of the rows that it is audited on.

    Attributes
    ----------
    known
        The version.
    rows
        A snapshot that keeps the columns that it takes as they were read.
    config
        What the rows mean, and how looks share the error.
    weight, frequency
        The columns of sampling weights, and of how often a row was observed; "" without.
    classes
        Every label that there is, as text, where the model has no classes of its own.
    """

    known: Foreign
    rows: Ref
    config: Config
    weight: str = ""
    frequency: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Prepared:
    """What is audited: counted, described, and at which share of a policy's level it is judged."""

    detector: BiasDetector
    title: str
    facts: dict[str, str]
    notes: list[str] = field(default_factory=list)
    share: float = 1.0


@step("audit", "Compares decisions between groups and their intersections, and judges them by the declared policies.")
def assess(
    what: VersionOnRows | ForeignOnRows | PredictionFiles,
    audit: AuditConfig,
    folder: Path,
    *,
    seed: int = 0,
    run: RunRef | None = None,
) -> dict[str, Any]:
    """A page, the whole report as JSON and a table of every group, in a folder.

    Parameters
    ----------
    what
        What is audited.
    audit
        How: depth, policies, levels.
    folder
        Where the files go.
    seed
        Of replicates and permutations.
    run
        Where the figures are recorded; None records nothing.

    Returns
    -------
    dict
        The worst ``verdict`` of the policies (None without any), the verdicts, a sentence and the files.
    """
    ready = _prepared(what, audit)
    report = ready.detector.detect_bias(
        depth=audit.depth,
        min_group_size=audit.min_group_size,
        policies=audit.policies or None,
        share=ready.share,
        confidence=audit.confidence,
        replicates=audit.replicates,
        seed=seed,
    )
    found = report.to_dict()
    picture = figure_to_svg(report.plot())
    page = render_page(report, title=ready.title, facts=ready.facts, notes=ready.notes, picture=picture)
    _leave(folder, page, {**found, "facts": ready.facts, "notes": ready.notes}, found)
    _record(folder, found, run)
    note(audit_sentence(found))
    return {
        "title": ready.title,
        "verdict": worst_verdict(found),
        "policies": [
            {
                "policy": judged["policy"]["name"],
                "verdict": judged["verdict"],
                "reason": judged["reason"],
                "settles": [
                    f"{rule['metric']} by {rule['attribute']}, {rule['settles']}"
                    for rule in judged["rules"]
                    if rule["settles"] and judged["verdict"] == "INCONCLUSIVE"
                ],
            }
            for judged in found["policies"]
        ],
        "said": audit_sentence(found),
        "facts": ready.facts,
        "notes": ready.notes,
        "rows": found["n"],
        "page": str(folder / "audit.html"),
        "folder": str(folder),
    }


def _prepared(what: VersionOnRows | ForeignOnRows | PredictionFiles, audit: AuditConfig) -> _Prepared:
    if isinstance(what, VersionOnRows):
        return _version(what, audit)
    return _foreign(what, audit) if isinstance(what, ForeignOnRows) else _predictions(what)


def _predictions(what: PredictionFiles) -> _Prepared:
    columns = what.columns
    facts = {
        "files": ", ".join(path.name for path in what.paths),
        "label, decision": f"{columns.y_true}, {columns.y_pred}",
        "attributes": ", ".join(columns.sensitive_features),
    }
    notes = ["Nothing tells how often these rows were looked at: each policy is judged at its own level."]
    return _Prepared(detector_of(what.paths, columns), f"Audit of {what.name}", facts, notes)


def _version(what: VersionOnRows, audit: AuditConfig) -> _Prepared:
    known = what.known
    rows = read_dataset(store().folder(what.rows) / "rows.parquet")
    _hold(known, rows)
    rows, repeated = _independent(known.config, rows)
    model = load_decided(known.model, known.version)
    detector = BiasDetector(model, rows, legitimate_factors=audit.legitimate_factors)
    look = _look(known, known.config, known.tags["evenhand.file_digest"], rows, audit, detector)
    facts = _facts(known.name, rows, look)
    spent = [] if look.share else [_SPENT]
    return _Prepared(detector, f"Audit of {known.name}", facts, [*spent, *repeated, *_overlap(known, rows)], look.share)


def _facts(name: str, rows: Dataset, look: Look) -> dict[str, str]:
    by = f"{look.number} of the audits of this model, by the ledger"
    return {
        "model": name,
        "rows": f"{len(rows):,} of {rows.name}, digest {rows.digest[:12]}",
        "look": f"{by}; it may spend {look.share:.3g} of each policy's level",
    }


def _foreign(what: ForeignOnRows, audit: AuditConfig) -> _Prepared:
    known, config = what.known, what.config.model_dump(mode="json")
    folder = store().folder(what.rows)
    rows, repeated = _independent(config, read_dataset(folder / "rows.parquet"))
    factors = {TAKEN + name: name for name in audit.legitimate_factors}
    labels = [typed_label(label, rows.y) for label in what.classes]
    features = read_json(folder / "about.json")["features"]
    with load_foreign(known) as loaded:
        model = ForeignModel(loaded, known.name, inputs=known.inputs, features=features, labels=labels)
        detector = BiasDetector(
            model,
            replace(rows, X=rows.X.rename(columns=factors)),
            sample_weight=_weights(rows, what.weight),
            frequency_weight=_weights(rows, what.frequency),
            legitimate_factors=audit.legitimate_factors,
        )
    look = _look(known, config, known.digest, rows, audit, detector)
    scores = "labels and probabilities" if hasattr(model, "predict_proba") else "labels alone, so no scores are audited"
    facts = {
        **_facts(known.name, rows, look),
        "made by": f"others; loaded as {known.flavor} by running its code, as was asked for; it gives {scores}",
        "model files": f"digest {known.digest[:12]}",
    }
    spent = [] if look.share else [_SPENT]
    return _Prepared(detector, f"Audit of {known.name}", facts, [*spent, *repeated, _UNKNOWN_ROWS], look.share)


_UNKNOWN_ROWS = "Whether the model was trained on some of these rows is not known: others made it."


def _weights(rows: Dataset, column: str) -> pd.Series | None:
    if not column:
        return None
    if TAKEN + column not in rows.X:
        names = [str(name).removeprefix(TAKEN) for name in rows.X.columns]
        raise DataError(f"the rows have no column {shorten(column)} of weights: {nearest(column, names)}")
    return rows.X[TAKEN + column]


def _independent(config: Mapping[str, Any], rows: Dataset) -> tuple[Dataset, list[str]]:
    """One row of each person, as the model's own evidence was made, and what to say of the others."""
    alone = one_row_each(rows)
    others = int((~alone).sum())
    if not others or config["split"].get("people", "one") == "all":
        return rows, []
    said = f"{others:,} further rows of people of whom one row is judged: rows of one person depend on one another."
    return rows.take(alone), [said]


def _hold(known: Registered, rows: Dataset) -> None:
    """Hold the columns that the model takes to its contract; which groups and labels occur is what is audited."""
    promises = [each for each in Contract.from_dict(known.contract).columns if each.name in known.inputs]
    present = [str(name) for name in rows.X.columns]
    tally = ContractTally([promise for promise in promises if promise.name in present])
    tally.add(rows.X)
    tally.check([promise.name for promise in promises if promise.name not in present], present)


_SPENT = (
    "The error that audits of this model share is spent, so no policy is judged: only one of another name has its own."
)
_ANY_ROWS = {"audit": "any rows"}
"""Audits of one model share one error, whatever rows they are of: the data of every week are others."""


def _look(
    known: Registered | Foreign,
    config: Mapping[str, Any],
    digest: str,
    rows: Dataset,
    audit: AuditConfig,
    detector: BiasDetector,
) -> Look:
    """The look, kept in the ledger before anything is seen: its number and its share of alpha."""
    seen = {"rows": rows.digest, "model": digest, "counted": int(detector.counts.n)}
    by = {"audit": known.version}
    return take_look(known.model, config, rows=_ANY_ROWS, seen=seen, policies=audit.policies, by=by)


def _overlap(known: Registered, rows: Dataset) -> list[str]:
    """Whether the model has learned from rows that it is audited on."""
    try:
        train = load_part(Ref.from_dict(known.provenance["results"]["develop"]), "train")
    except StoreError:
        return [
            "Whether the model was trained on some of these rows is not known: its training rows are not in this store."
        ]
    if list(train.X.columns) != list(rows.X.columns):
        return []
    shared = int(np.isin(row_digests(rows.X), row_digests(train.X)).sum())
    if not shared:
        return []
    return [
        f"{shared:,} of {len(rows):,} rows have the features of a row that the model was trained on: that flatters it."
    ]


def _leave(folder: Path, page: str, whole: dict[str, Any], found: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "audit.html", page)
    write_json(folder / "audit.json", whole)
    group_table(found).to_csv(folder / "groups.csv", index=False)


def _record(folder: Path, found: dict[str, Any], run: RunRef | None) -> None:
    groups = group_table(found)
    table("groups", groups.to_dict("records"), "Every group of the audited rows")
    verdicts = [
        f"- {judged['policy']['name']}: **{judged['verdict'] or 'no verdict'}**" for judged in found["policies"]
    ]
    asked = policy_table(found)
    table("policy-tables", asked.to_dict("records"), "Tables that the policies ask for, on the audited rows")
    markdown("audit-verdicts", "\n".join(verdicts) or "No policy was asked.", "What the policies say")
    if run is None:
        return
    log(
        run,
        [
            Metrics({metric_name(*parts): value for parts, value in audit_figures(found)}),
            Table("audit/groups.json", groups),
            *([] if asked.empty else [Table("audit/policy-tables.json", asked)]),
            Tags({"evenhand.verdict": worst_verdict(found) or "none"}),
            *(File(folder / name, "audit") for name in ("audit.html", "audit.json")),
        ],
    )
