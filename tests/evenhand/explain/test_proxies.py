"""Proxies: known answers at both ends, and chance in between."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from evenhand.explain import find_proxies
from evenhand.explain.proxies import _areas, _counts, _labellings, _shares


def frame(n=400, seed=0, groups=("f", "m")):
    rng = np.random.default_rng(seed)
    group = pd.Series(rng.choice(groups, n), name="sex")
    X = pd.DataFrame(
        {
            "copy": group.map(dict(zip(groups, "xyz", strict=False))).astype("str"),
            "height": group.map(dict(zip(groups, (165.0, 178.0, 171.0), strict=False))) + rng.normal(0, 7, n),
            "noise": rng.normal(size=n),
        }
    )
    X.loc[::10, "height"] = np.nan
    return X, group


@pytest.mark.parametrize("groups", [("f", "m"), ("f", "m", "x")])
def test_a_copy_gives_the_group_away_and_noise_does_not(groups):
    X, group = frame(groups=groups)
    report = find_proxies(X, group)
    found = {proxy.feature: proxy for proxy in report.features}
    assert report.features[0].feature == "copy"
    assert found["copy"].auc == 1
    assert found["copy"].low > 0.95
    assert found["height"].above_chance
    assert 0.6 < found["height"].auc < 0.95
    assert not found["noise"].above_chance
    assert found["noise"].low < 0.5 < found["noise"].high
    assert report.together.auc > 0.99
    assert report.accuracy > report.majority


def test_noise_alone_is_chance():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(600, 4)), columns=list("abcd"))
    report = find_proxies(X, pd.Series(rng.choice(["f", "m"], 600), name="sex"))
    assert not report.together.above_chance
    assert report.together.low < 0.5 < report.together.high


def test_noise_is_rarely_taken_for_a_proxy():
    # The reference alone errs in 5% of features, the interval alone in 2.5%.
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(120, 60)), columns=[f"x{i}" for i in range(60)])
    report = find_proxies(X, pd.Series(rng.choice(["f", "m"], 120), name="sex"))
    assert sum(proxy.above_chance for proxy in report.features) <= 5
    # Out-of-fold areas of noise lie around one half, not below it, as fold priors would have them.
    assert np.mean([proxy.auc for proxy in report.features]) == pytest.approx(0.5, abs=0.02)


def test_unknown_and_small_groups_are_left_out_and_counted():
    X, group = frame()
    group[:15] = "unknown"
    group[15:18] = "tiny"
    report = find_proxies(X, group)
    assert (report.rows, report.unknown, report.left_out) == (382, 15, 3)
    assert set(report.groups) == {"f", "m"}
    rest = find_proxies(X[18:].reset_index(drop=True), group[18:].reset_index(drop=True))
    assert rest.features == report.features


def test_one_group_alone_is_undefined_with_its_reason():
    X, _ = frame()
    report = find_proxies(X, pd.Series(["f"] * 400, name="sex"))
    assert report.together is None
    assert report.features == ()
    assert "fewer than two groups" in report.reason


@pytest.mark.parametrize("k", [2, 4])
def test_the_areas_of_cells_are_those_of_scikit_learn(k):
    rng = np.random.default_rng(k)
    y, folds, codes = rng.integers(0, k, 300), np.arange(300) % 5, rng.integers(0, 7, 300)
    labellings = _labellings(y, folds, seed=0)
    counts = _counts(codes, labellings, folds, 7)
    shares = np.round(_shares(counts), 1)  # rounded, so that cells tie
    weights = np.bincount(y)
    for place, found in enumerate(_areas(counts, shares)):
        scores, z = shares[place][folds, codes], labellings[place]
        expected = np.average([roc_auc_score(z == g, scores[:, g]) for g in range(k)], weights=weights)
        assert found == pytest.approx(expected)


def test_shuffles_keep_every_fold_as_it_is():
    y, folds = np.random.default_rng(0).integers(0, 3, 200), np.arange(200) % 5
    made = _labellings(y, folds, seed=1)
    np.testing.assert_array_equal(made[0], y)
    for fold in range(5):
        assert (np.sort(made[:, folds == fold], axis=1) == np.sort(y[folds == fold])).all()
    assert len({row.tobytes() for row in made}) == 20
