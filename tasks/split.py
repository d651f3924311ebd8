"""Divide the rows; the test part is put away by itself, and only the steps of evidence open it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from evenhand.config import SplitConfig
from evenhand.data.contract import contract_of
from evenhand.data.dataset import Dataset
from evenhand.data.findings import find_all
from evenhand.data.frames import Decimal
from evenhand.data.labels import find_alike_labels
from evenhand.data.people import PeopleRows, evidence_rows, find_people
from evenhand.data.snapshot import read_dataset, write_dataset
from evenhand.data.splits import Split, split_dataset
from evenhand.store import Ref
from tasks.step import note, once, read_json, step, store, table, write_json

__all__ = ["split_rows"]

PARTS = {"train": "develop", "validation": "develop", "test": "holdout"}


@step("split", "Divides the rows into train, validation and test, and shows how each part represents each group.")
def split_rows(rows: Ref, split: SplitConfig, promised: dict[str, Any] | None, seed: int) -> dict[str, Ref]:
    """Three parts in two results, `develop` (train and validation) and `holdout` (test), and the model's `contract`.

    Parameters
    ----------
    rows
        The snapshot.
    split
        The configuration's section.
    promised
        The contract that the rows were held to, which stays the model's; None makes one of these rows.
    seed
        For `stratified`.
    """
    parts = {"rows": rows.digest, "split": split.model_dump(mode="json"), "seed": seed}
    source = store().folder(rows) / "rows.parquet"
    decimal = read_json(store().folder(rows) / "about.json").get("decimal")
    done: list[tuple[Dataset, Split]] = []

    def divided() -> tuple[Dataset, Split]:
        if not done:
            whole = read_dataset(source)
            done.append((whole, split_dataset(whole, **split.drawn_by(), seed=seed)))
        return done[0]

    holdout = once("holdout", parts, lambda folder: _write_holdout(folder, *divided(), split.people))
    develop = once("develop", parts, lambda folder: _write_develop(folder, *divided(), seed=seed, people=split.people))
    contract = once(
        "contract",
        {**parts, "promised": promised},
        lambda folder: write_json(folder / "contract.json", promised or _new_contract(*divided(), decimal)),
    )
    shown = read_json(store().folder(develop) / "split.json")
    table("split", _page_rows(shown["table"]), "Rows of each class and group in each part")
    note(", ".join(f"{part} {count:,}" for part, count in shown["counts"].items()))
    return {"develop": develop, "holdout": holdout, "contract": contract}


def _write_holdout(folder: Path, whole: Dataset, split: Split, people: PeopleRows) -> None:
    write_dataset(evidence_rows(whole, split, people), folder / "test.parquet")


def _write_develop(folder: Path, whole: Dataset, split: Split, *, seed: int, people: PeopleRows) -> None:
    train = whole.take(split.rows("train"))
    write_dataset(train, folder / "train.parquet")
    write_dataset(whole.take(split.rows("validation")), folder / "validation.parquet")
    found = (*find_alike_labels(whole), *find_people(whole, split, people), *find_all(train, seed=seed))
    write_json(folder / "findings.json", [finding.to_dict() for finding in found])
    write_json(folder / "split.json", _shown(split, whole))


def _new_contract(whole: Dataset, split: Split, decimal: Decimal | None) -> dict[str, Any]:
    """Ranges from the training rows, kinds and categories from all: the first data keep their own contract."""
    contract = contract_of(whole.take(split.rows("train")), schema=whole)
    return replace(contract, decimal=decimal).to_dict()


def _shown(split: Split, whole: Dataset) -> dict[str, Any]:
    rows = split.table(whole).astype(object)
    long = rows.where(rows.notna(), None).to_dict("records")
    return {"method": split.method, "counts": split.counts(), "table": long}


def _page_rows(long: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a class or group with a column for each part, as Prefect's page shows it."""
    wide: dict[tuple[str, str], dict[str, Any]] = {}
    for row in long:
        line = wide.setdefault((row["attribute"], row["value"]), {"of": row["attribute"], "value": row["value"]})
        line[row["part"]] = f"{row['n']:,} ({row['share']:.1%})" if row["share"] is not None else str(row["n"])
    return list(wide.values())
