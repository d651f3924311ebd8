"""Versions and aliases of registered models: the one place that changes MLflow's registry."""

from tasks.registry.contracts import keep_contract, latest_contract
from tasks.registry.foreign import Foreign, load_foreign, read_foreign
from tasks.registry.storing import Version, log_model, model_signature, register_version
from tasks.registry.versions import (
    LEDGER,
    STAMP,
    alias_version,
    artifact_digest,
    delivered_run,
    find_version,
    has_version,
    ledger_stamps,
    load_registered,
    look_stamps,
    mark_model,
    move_alias,
    retrain_stamps,
    run_files,
    run_version,
    tag_version,
)

__all__ = [
    "LEDGER",
    "STAMP",
    "Foreign",
    "Version",
    "alias_version",
    "artifact_digest",
    "delivered_run",
    "find_version",
    "has_version",
    "keep_contract",
    "latest_contract",
    "ledger_stamps",
    "load_foreign",
    "load_registered",
    "log_model",
    "look_stamps",
    "mark_model",
    "model_signature",
    "move_alias",
    "read_foreign",
    "register_version",
    "retrain_stamps",
    "run_files",
    "run_version",
    "tag_version",
]
