"""Record the model with everything that belongs to it, and register it as a version."""

import json
import tempfile
from pathlib import Path
from typing import Any

from evenhand.config import RecordConfig
from evenhand.decision.rule_files import rule_files
from evenhand.fairness.served import as_taken
from evenhand.provenance import code_version, machine, packages
from evenhand.store import Ref, digest_file
from tasks.registry import Version, keep_contract, log_model, model_signature, register_version
from tasks.step import load_fitted, load_part, note, read_json, step, store, write_json
from tasks.tracking import File, RunRef, Tags, log, log_dataset

__all__ = ["register_model"]


@step("register", "Stores the model with its data contract, card and provenance, and registers it as a new version.")
def register_model(
    rows: Ref,
    parts: dict[str, Ref],
    fitted: Ref,
    page: Ref,
    record: RecordConfig,
    *,
    config: dict[str, Any],
    run: RunRef,
) -> Version:
    """A registered version with the configured alias.

    Parameters
    ----------
    rows, parts, fitted, page
        Results of earlier steps: the snapshot, its parts and contract, the model, the card.
    record
        The configuration's section.
    config
        The whole configuration, to be kept beside the model.
    run
        The run that the model belongs to.
    """
    file = store().folder(fitted) / "model.skops"
    about = read_json(store().folder(rows) / "about.json")
    tags = {
        **record.tags,
        "evenhand.model_digest": digest_file(file),
        "evenhand.data_digest": about["digest"],
        "evenhand.card_digest": digest_file(store().folder(page) / "card.json"),
        "evenhand.code_version": code_version(),
        "evenhand.run_key": run.key,
    }
    _log_provenance(run, rows, parts, page, config, tags)
    train = load_part(parts["develop"], "train")
    log_dataset(run, about["name"], about["digest"], json.dumps(about["source"]), train)
    tags["evenhand.file_digest"] = tags["evenhand.model_digest"]  # what is stored is the very file that was assessed
    model = load_fitted(fitted)
    # A model that needs the sensitive attributes says so in its signature: they are columns of its frame.
    taken = as_taken(model, train)
    log_model(run, file, signature=model_signature(taken.X, train.y), tags=tags)
    version = register_version(run, alias=record.alias, tags=tags, description=_describe(about))
    keep_contract(run.model, read_json(store().folder(parts["contract"]) / "contract.json"))
    number = f"version {version.version} is {version.alias}" if version.version else "waits for MLflow"
    note(f"{version.model} {number}")
    return version


def _log_provenance(
    run: RunRef, rows: Ref, parts: dict[str, Ref], page: Ref, config: dict[str, Any], tags: dict[str, str]
) -> None:
    develop, contract, card = (store().folder(ref) for ref in (parts["develop"], parts["contract"], page))
    provenance = {
        "config.json": config,
        "packages.json": packages(),
        "about.json": read_json(store().folder(rows) / "about.json"),
        "provenance.json": {
            "code_version": code_version(),
            "machine": machine(),
            "seed": config["seed"],
            "rule_files": rule_files(config),
            "results": {name: ref.to_dict() for name, ref in {"rows": rows, **parts, "card": page}.items()},
        },
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, value in provenance.items():
            write_json(folder / name, value)
        log(
            run,
            [
                File(folder, "provenance"),
                File(contract / "contract.json", "data"),
                *(File(develop / f"{name}.json", "data") for name in ("split", "findings")),
                *(File(path, "card") for path in sorted(card.glob("card.*"))),
                Tags(tags),
            ],
        )


def _describe(about: dict[str, Any]) -> str:
    """What it was trained on; where its card is follows when MLflow has given the run its identifier."""
    return f"Trained on {about['name']}, {about['rows']:,} rows, digest {about['digest'][:12]}."
