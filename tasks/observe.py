"""Look at new data with the model that is live: one pass, counts only."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.config import DataConfig, MonitorConfig, SourceConfig
from evenhand.data.contract import Contract
from evenhand.data.dataset import favorable_labels
from evenhand.data.frames import Known, value_text
from evenhand.data.reading import known_kinds
from evenhand.data.sensitive import Sensitive
from evenhand.data.snapshot import read_dataset
from evenhand.exceptions import DataError, ModelError, ServiceError, StoreError
from evenhand.fairness.inputs import SENSITIVE_PREFIX, sensitive_columns_of
from evenhand.fairness.served import as_taken
from evenhand.monitoring import (
    Layout,
    Observation,
    Reference,
    attribution_values,
    favorable_score,
    make_watcher,
    observe,
    open_batch,
)
from evenhand.monitoring.batches import Batch
from evenhand.store import Ref, digest_json
from tasks.ledger import live_version, load_decided, refuse_altered
from tasks.registry import Version, find_version, run_files
from tasks.step import note, once, read_json, reading, step, store, write_json

__all__ = ["kinds_of", "live_model", "observe_batch"]

_LEFT = ("monitor/reference.json", "data/contract.json", "provenance/provenance.json")


def live_model(model: str, wanted: str = "") -> tuple[Version, dict[str, Any]]:
    """The version to watch, and what it left of its data: ``reference``, ``contract`` and ``provenance``.

    Parameters
    ----------
    model
        The registered model's name.
    wanted
        A version's number or an alias; by default the champion, as the ledger has it.

    Raises
    ------
    ModelError
        When there is no such version, or it was registered without a reference.
    ServiceError
        When MLflow or the ledger does not answer.
    """
    chosen = wanted or live_version(model)
    if chosen is None:
        raise ModelError(f"no version of {model} is live: approve one, or name a version or an alias to watch")
    found = find_version(model, chosen)
    about = run_files(found.tags.get("evenhand.run_id") or found.run_id, _LEFT)
    refuse_altered(model, str(found.version), about)
    if "reference" not in about:
        raise ModelError(f"version {found.version} of {model} left no reference to compare with: train it again")
    alias = "" if chosen.isdigit() else chosen
    return Version(model, str(found.version), alias, f"models:/{model}/{found.version}"), about


@step("observe", "Reads the new data once, lets the model predict, and counts what is watched.")
def observe_batch(
    version: Version,
    about: dict[str, Any],
    new: SourceConfig,
    data: DataConfig,
    monitor: MonitorConfig,
    *,
    seed: int,
) -> Ref:
    """Counts of the new data in the cells of the model's reference, and the rows that outcomes may come for.

    Parameters
    ----------
    version
        The version that is watched.
    about
        What it left: its ``reference``, ``contract`` and ``provenance``.
    new
        Where the new rows come from.
    data
        The configuration's section: what their columns mean.
    monitor
        The configuration's section.
    seed
        Of the sample that is explained.
    """
    with reading(new) as given, open_batch({**given, "known": kinds_of(about, data)}) as batch:
        digest = batch.digest()
        parts = {
            "version": version.to_dict() | {"alias": ""},
            "reference": digest_json(about["reference"]),
            "data": digest,
            "layout": data.model_dump(mode="json", include={"target", "target_above", "sensitive", "key", "group"}),
            "monitor": monitor.model_dump(mode="json", include={"prediction", "score", "attribution_rows", "min_cell"}),
            "seed": seed,
        }
        asked = (about, data, monitor, seed)
        ref = once("observe", parts, lambda folder: _write(folder, version, batch, digest, *asked))
    found = read_json(store().folder(ref) / "observation.json")
    note(f"{found['n']:,} rows, digest {digest[:12]}; {len(found['schema'])} violations of the contract")
    return ref


def _write(
    folder: Path,
    version: Version,
    batch: Batch,
    digest: str,
    about: dict[str, Any],
    data: DataConfig,
    monitor: MonitorConfig,
    seed: int,
) -> None:
    reference = Reference.from_dict(about["reference"])
    made_already = monitor.prediction is not None and monitor.prediction in batch.columns
    champion = None
    if not made_already or (monitor.attribution_rows and reference.attributions):
        champion = _Live(load_decided(version.model, version.version), reference, about.get("provenance"), seed)
    rows = _Rows(folder / "rows.parquet")
    try:
        found = observe(
            batch,
            reference,
            _layout(data, monitor, reference),
            contract=Contract.from_dict(about["contract"]) if "contract" in about else None,
            champion=champion,
            attribution_rows=monitor.attribution_rows,
            keep=rows.add,
            min_cell=monitor.min_cell,
            seed=seed,
        )
    finally:
        rows.close()
    write_json(folder / "observation.json", {**_with_notes(found, champion), "digest": digest})


def _with_notes(found: Observation, champion: "_Live | None") -> dict[str, Any]:
    value = found.to_dict()
    if champion is not None and champion.silence:
        value["notes"].append(champion.silence)
    return value


def kinds_of(about: Mapping[str, Any], data: DataConfig) -> Known:
    """How the columns of new rows, and of their outcomes, are read: as the contract of the version says.

    Parameters
    ----------
    about
        What the version left.
    data
        The configuration's section.
    """
    contract = Contract.from_dict(about["contract"]) if "contract" in about else None
    number = data.target if data.target_above is not None else None
    return known_kinds(contract, _sensitive(data), number=number)


def _sensitive(data: DataConfig) -> dict[str, Sensitive]:
    return {name: Sensitive.described(name, **each.model_dump()) for name, each in data.sensitive.items()}


def _layout(data: DataConfig, monitor: MonitorConfig, reference: Reference) -> Layout:
    return Layout(
        sensitive=_sensitive(data),
        target=data.target,
        key=data.key,
        person=data.group if reference.people == "one" else None,
        target_above=data.target_above,
        prediction=monitor.prediction,
        score=monitor.score,
    )


class _Rows:
    """Predictions, groups and outcomes of the rows, in the store of this installation only; no feature."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def add(self, part: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        plain = part.astype({name: "str" for name in part.columns if name not in ("key", "person", "score")})
        table = pa.Table.from_pandas(plain, preserve_index=False)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _Live:
    """The registered model behind the monitor's interface."""

    def __init__(self, model: Any, reference: Reference, provenance: dict[str, Any] | None, seed: int) -> None:
        self._model, self._reference, self._provenance, self._seed = model, reference, provenance, seed
        self.silence = ""

    def predict(self, X: pd.DataFrame, people: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None]:
        """Labels and favorable scores."""
        taken = self._taken(X, people)
        labels = np.asarray(self._model.predict(taken))
        if not hasattr(self._model, "predict_proba") or self._reference.score is None:
            return labels, None
        proba = np.asarray(self._model.predict_proba(taken))
        return labels, favorable_score(proba, list(self._model.classes_), self._reference.favorable_label)

    def attribute(self, X: pd.DataFrame, people: pd.DataFrame) -> npt.NDArray[np.float64] | None:
        """Attributions of a sample, where the model's training rows are at hand."""
        background, taken = self._background(), self._taken(X, people)
        if background is None or set(background.columns) != set(taken.columns):
            self.silence = "attributions are not watched: the model's training rows are not in this store"
            return None
        explainer = make_watcher(
            self._model, background, favorable_label=self._favorable(), seed=self._provenance_seed()
        )
        made = explainer.attribute(taken[list(background.columns)])
        return attribution_values(made, self._reference.favorable_label)

    def _taken(self, X: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
        """With the sensitive attributes among the columns where the model takes them."""
        wanted = sensitive_columns_of(self._model)
        absent = [name for name in wanted if name not in people.columns]
        if absent:
            raise DataError(f"the model decides by {', '.join(absent)}, for which the new data has no column")
        return X.assign(**{SENSITIVE_PREFIX + name: people[name] for name in wanted}) if wanted else X

    def _background(self) -> pd.DataFrame | None:
        develop = ((self._provenance or {}).get("results") or {}).get("develop")
        if develop is None:
            return None
        with suppress(StoreError, ServiceError):
            return as_taken(self._model, read_dataset(store().folder(Ref.from_dict(develop)) / "train.parquet")).X
        return None

    def _favorable(self) -> Any:
        """The favorable labels as the model has them."""
        wanted = favorable_labels(self._reference.favorable_label)
        return [label for label in self._model.classes_ if value_text(label) in wanted]

    def _provenance_seed(self) -> int:
        """That of the retrain, so that a background is drawn as it was then."""
        return int((self._provenance or {}).get("seed", self._seed))
