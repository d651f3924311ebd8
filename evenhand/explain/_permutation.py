"""Sampled SHAP values of any model."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from evenhand.explain._games import Game
from evenhand.explain._level import level_shift
from evenhand.explain._model import FloatArray, Inner, margin
from evenhand.explain._shap import check_additivity
from evenhand.explain.attributions import Attributions
from evenhand.explain.orientation import Orientation

__all__ = ["PermutationAttributor", "row_seeds"]


# Rows whose margin is made at once.
_CHUNK = 2_000


class PermutationAttributor:
    """Shapley values by sampled orders of the raw features, each walked forwards and backwards.

    A feature's contribution in an order is the change of the mean margin, over all background rows, when the feature
    takes the explained row's value after those before it in the order. Each walk adds up to the margin less the base,
    so the attributions do too, however few orders are drawn; a model without interactions is explained exactly.

    The level that an effect is measured from is that of many training rows: the mean of a hundred drawn ones is often
    further from the average row than a feature's effect is large (:func:`evenhand.explain._level.level_shift`).

    Sources: Strumbelj and Kononenko 2014, algorithm 1; the backward walk (antithetic sampling) Mitchell, Cooper, Frank
    and Holmes 2022, section 3.1.

    Parameters
    ----------
    background
        The rows that stand for the average case in every walk.
    level
        The training rows, or many of them, whose average row the effects are measured from.
    orders
        Orders drawn for each row.
    """

    method = "permutation"

    def __init__(
        self,
        inner: Inner,
        background: pd.DataFrame,
        features: tuple[str, ...],
        orientation: Orientation,
        *,
        level: pd.DataFrame | None = None,
        orders: int = 4,
        seed: int = 0,
    ) -> None:
        self._inner = inner
        self._background = background.loc[:, list(features)]
        self._level = None if level is None or len(level) <= len(background) else level.loc[:, list(features)]
        self._features = features
        self._orientation = orientation
        self._orders = orders
        self._seed = seed

    def attribute(self, rows: pd.DataFrame) -> Attributions:
        """Attributions of raw rows; a row's orders are drawn from its content, so they do not depend on the batch."""
        chosen = rows.loc[:, list(self._features)]
        game = Game(self._inner, pd.concat([self._background, chosen], ignore_index=True))
        size, count = len(self._background), len(self._features)
        base = game.margins(np.repeat(np.arange(size)[:, None], count, axis=1)).mean(axis=0)
        own = game.margins(np.repeat(np.arange(size, size + len(chosen))[:, None], count, axis=1))
        seeds = row_seeds(chosen, self._seed)
        values = (
            np.stack([self._row(game, size + i, base, own[i], seeds[i]) for i in range(len(chosen))])
            if len(chosen)
            else np.zeros((0, count, *base.shape))
        )
        if self._shift is not None:  # what the base gains the features lose, so that the sums stay exact
            values, base = values - self._shift, base + self._shift.sum(axis=0)
        made = self._orientation.attributions(values, base, self._features, self.method)
        check_additivity(made, self._orientation.turn(own))
        return made

    @cached_property
    def _shift(self) -> FloatArray | None:
        """How far the level lies from the mean of the drawn rows, for each feature, shape (f[, k])."""
        if self._level is None:
            return None
        parts = (self._level.iloc[start : start + _CHUNK] for start in range(0, len(self._level), _CHUNK))
        margins = np.concatenate([margin(self._inner.classifier, self._inner.encode(part)) for part in parts])
        return level_shift(self._level, margins, self._background)

    def _row(self, game: Game, place: int, base: FloatArray, own: FloatArray, seed: int) -> FloatArray:
        """The attributions of one row, shape (f[, k])."""
        rng = np.random.default_rng(seed)
        count, size = len(self._features), len(self._background)
        walks = [rng.permutation(count) for _ in range(self._orders)]
        orders = np.array([walk for order in walks for walk in (order, order[::-1])])
        # rank[w, j] is when feature j joins walk w; at step t the features of rank < t are the row's own.
        rank = np.argsort(orders, axis=1)
        joined = rank[:, None, :] < np.arange(1, count)[None, :, None]
        index = np.where(joined[:, :, None, :], place, np.arange(size)[None, None, :, None])
        inner = game.margins(index.reshape(-1, count)) if count > 1 else np.zeros((0, *base.shape))
        means = inner.reshape(len(orders), count - 1, size, *base.shape).mean(axis=2)
        ends = np.ones((len(orders), 1, *base.shape))
        steps = np.diff(np.concatenate([ends * base, means, ends * own], axis=1), axis=1)
        values: FloatArray = np.take_along_axis(steps, _like(rank, steps), axis=1).mean(axis=0)
        return values


def _like(rank: npt.NDArray[np.intp], steps: FloatArray) -> npt.NDArray[np.intp]:
    return rank if steps.ndim == 2 else rank[:, :, None]


def row_seeds(rows: pd.DataFrame, seed: int) -> list[int]:
    """A seed for each row, from its content and `seed`: the same row is explained alike in every batch and order."""
    hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy(dtype=np.uint64)
    return [int(np.random.SeedSequence([seed, int(value)]).generate_state(1)[0]) for value in hashes]
