"""A look at 10,000,000 rows beside reading them.

`make bench-monitor`. A Parquet file of 10,000,000 rows and 30 columns: 20 features (16 numbers, some with gaps, and 4
texts), two sensitive attributes, key, prediction, score, and five columns that nobody asked for. Ours is the whole
look: every column read once and counted in the cells of its reference, the data contract, predictions by group, the
rows' keys hashed, attributions of 2,000 drawn rows by the model, all tests, and the default policy's verdicts. The peer
is pyarrow: it reads all columns of the same file, part by part, and does nothing with them; no frame is made of them.
Both use one thread. The counts must be exact: they are compared with pandas' own on one column of each kind.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from evenhand.data.contract import contract_of
from evenhand.data.dataset import Dataset
from evenhand.data.sensitive import Sensitive
from evenhand.fairness import BiasDetector
from evenhand.modeling.preprocessing import make_preprocessor
from evenhand.monitoring import (
    Layout,
    Observation,
    Reference,
    assess_signals,
    attribution_values,
    build_reference,
    judge_fairness,
    make_watcher,
    observe,
    open_batch,
)

ROWS, PART, TRAINED, SAMPLE, BOUND = int(os.environ.get("ROWS", "10_000_000")), 500_000, 20_000, 2_000, 4.0
NUMBERS, TEXTS = [f"number_{at}" for at in range(16)], [f"text_{at}" for at in range(4)]
LAYOUT = Layout(
    sensitive={"race": Sensitive(column="race"), "sex": Sensitive(column="sex")},
    key="id",
    prediction="prediction",
    score="score",
)


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=n) for name in NUMBERS})
    for name in NUMBERS[:4]:
        frame.loc[rng.random(n) < 0.05, name] = np.nan
    for at, name in enumerate(TEXTS):
        frame[name] = rng.choice([f"value {each}" for each in range(4 + 6 * at)], n)
    frame["race"] = rng.choice(["black", "hispanic", "white"], n, p=[0.2, 0.2, 0.6])
    frame["sex"] = rng.choice(["female", "male"], n)
    frame["score"] = 1 / (1 + np.exp(-frame[NUMBERS[-1]] - rng.normal(size=n)))
    frame["prediction"] = (frame["score"] > 0.5).astype(np.int64)
    frame["id"] = np.arange(n) + n * seed
    for at in range(5):
        frame[f"other_{at}"] = rng.integers(0, 1000, n)
    return frame


def write(path: Path) -> None:
    writer = None
    for part in range(-(-ROWS // PART)):
        table = pa.Table.from_pandas(rows(min(PART, ROWS - part * PART), part + 1), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


class Model:
    """A real pipeline that explains; the data has its predictions."""

    def __init__(self, train: Dataset) -> None:
        from sklearn.pipeline import Pipeline

        steps = [("preprocess", make_preprocessor(train.X, scale=True)), ("classifier", LogisticRegression())]
        self.pipeline = Pipeline(steps).fit(train.X, train.y)
        self.explainer = make_watcher(self.pipeline, train.X, favorable_label=1)

    def predict(self, _X, _people):
        """Nothing is predicted: the batch brings its predictions."""
        raise AssertionError("the data has predictions")

    def attribute(self, X, _people):
        """What a linear model says of the sample."""
        return attribution_values(self.explainer.attribute(X), 1)


def prepared() -> tuple[Reference, Model, object]:
    frame = rows(TRAINED, 99)
    y = pd.Series((frame["score"] > np.random.default_rng(0).random(TRAINED)).astype(int), name="paid")
    train = Dataset(frame[NUMBERS + TEXTS], y, frame[["race", "sex"]], favorable_label=1)
    model = Model(train)
    made = model.explainer.attribute(train.X.iloc[:SAMPLE].reset_index(drop=True))
    proba = np.column_stack([1 - frame["score"], frame["score"]])
    reference = build_reference(train, train, frame["prediction"], proba, classes=[0, 1], attributions=made)
    return reference, model, contract_of(train)


def read(path: Path) -> int:
    """All columns, and nothing done with them."""
    seen = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1 << 18, use_threads=False):
            seen += batch.num_rows
    return seen


def look(path: Path, reference: Reference, model: Model, contract) -> Observation:
    with open_batch({"path": str(path)}) as batch:
        found = observe(
            batch,
            reference,
            LAYOUT,
            contract=contract,
            champion=model,
            attribution_rows=SAMPLE,
            keep=lambda _rows: None,
        )
    assess_signals(reference, found, alpha=0.001)
    detector = BiasDetector.from_counts(found.decisions, favorable_label="1")
    judge_fairness(detector, ["statistical"], looks=52, evidence="decisions")
    return found


def check(path: Path, reference: Reference, found: Observation) -> None:
    for name in (NUMBERS[0], TEXTS[3]):
        values = pd.read_parquet(path, columns=[name])[name]
        profile = reference.features[name]
        if profile.kind == "numeric":
            cells = pd.cut(values, [-np.inf, *profile.edges, np.inf], labels=False).value_counts().sort_index()
            assert (*cells.tolist(), int(values.isna().sum())) == found.features[name].counts, name
        else:
            assert values.value_counts()[list(profile.categories)].tolist() == list(found.features[name].counts[:-2])


def main() -> int:
    reference, model, contract = prepared()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "batch.parquet"
        write(path)
        size = path.stat().st_size / 1e9
        read(path)  # both find the file in the system's cache
        spent: dict[str, list[float]] = {"read": [], "look": []}
        for _ in range(3):
            began = time.perf_counter()
            assert read(path) == ROWS
            spent["read"].append(time.perf_counter() - began)
            began = time.perf_counter()
            found = look(path, reference, model, contract)
            spent["look"].append(time.perf_counter() - began)
        check(path, reference, found)
    reading, looking = min(spent["read"]), min(spent["look"])
    columns = len(rows(1, 0).columns)
    print(f"rows {ROWS:,}, {columns} columns, {size:.2f} GB of Parquet, best of 3 each")
    print(f"reading every column, one thread           {reading:8.2f} s")
    print(f"a look, {SAMPLE:,} rows explained, one thread  {looking:8.2f} s, {found.attribution_rows:,} explained")
    ratio = looking / reading
    print(f"monitor: {ratio:.2f} times the reading, bound {BOUND:g}")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
