"""A world with people in it, for looks at a model: it can stay as it is, or change."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evenhand.data.dataset import Dataset
from evenhand.monitoring import Layout, Observation, Outcomes, Reference, build_reference, observe
from evenhand.monitoring.batches import Batch


@dataclass(frozen=True)
class World:
    """Rows with related features, a model's score and decision, and what became of them.

    Attributes
    ----------
    shift
        How far the first feature moves, in standard deviations.
    noise
        The share of outcomes that no longer follow the score.
    gap
        How much less often one group is selected.
    """

    shift: float = 0.0
    noise: float = 0.0
    gap: float = 0.0

    def frame(self, n: int, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        common = rng.normal(size=n)
        frame = pd.DataFrame(
            {f"x{number}": common * 0.5 + rng.normal(size=n) for number in range(6)}
            | {"count": rng.poisson(2.0, n), "region": rng.choice(["n", "e", "s", "w"], n, p=[0.5, 0.3, 0.15, 0.05])}
            | {"sex": rng.choice(["f", "m", "unknown"], n, p=[0.5, 0.47, 0.03]), "id": np.arange(n) + n * seed}
        )
        frame["x0"] += self.shift
        frame.loc[rng.random(n) < 0.08, "x5"] = np.nan
        score = 1 / (1 + np.exp(-(common + 0.3 * rng.normal(size=n))))
        score = np.clip(score - self.gap * (frame["sex"] == "f"), 0.0, 1.0)
        followed = rng.random(n) >= self.noise
        outcome = np.where(followed, rng.random(n) < score, rng.random(n) < 0.5).astype(int)
        return frame.assign(score=score, prediction=(score > 0.5).astype(int), paid=outcome)

    def reference(self, n: int, seed: int, **options: int) -> Reference:
        frame = self.frame(n, seed)
        features = [name for name in frame.columns if name.startswith("x")] + ["count", "region"]
        data = Dataset(frame[features], frame["paid"], frame[["sex"]], favorable_label=1)
        proba = np.column_stack([1 - frame["score"], frame["score"]])
        return build_reference(data, data, frame["prediction"], proba, classes=[0, 1], **options)

    def look(self, n: int, seed: int, reference: Reference) -> tuple[Observation, Outcomes]:
        frame = self.frame(n, seed)
        observation = observe(as_batch(frame), reference, LAYOUT)
        people, labels = frame[["sex"]], frame[["paid", "prediction"]].astype(str)
        return observation, Outcomes(labels["paid"], labels["prediction"], frame["score"], people)

    def quick_look(self, n: int, seed: int, reference: Reference) -> tuple[Observation, Outcomes]:
        """The same counts without the pass over parts: thousands of looks in seconds."""
        frame = self.frame(n, seed)
        observation = Observation(
            n,
            features={name: profile.count(frame[name]) for name, profile in reference.features.items()},
            groups={"sex": reference.groups["sex"].count(frame["sex"])},
            prediction=reference.prediction.count(frame["prediction"]),
            score=reference.score.count(frame["score"]) if reference.score is not None else None,
            target=reference.target.count(frame["paid"]),
        )
        labels = frame[["paid", "prediction"]].astype(str)
        return observation, Outcomes(labels["paid"], labels["prediction"], frame["score"], frame[["sex"]])


def as_batch(frame: pd.DataFrame) -> Batch:
    """A frame as new data."""
    return Batch(len(frame), tuple(frame.columns), _frame=frame)


def layout() -> Layout:
    from evenhand.data.sensitive import Sensitive

    return Layout(
        sensitive={"sex": Sensitive(column="sex")}, target="paid", key="id", prediction="prediction", score="score"
    )


LAYOUT = layout()
