"""Methods against published values, against Fairlearn's own parts and against exact optima."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, linprog
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evenhand.exceptions import DataError, ModelError
from evenhand.fairness import methods
from evenhand.fairness.methods._problem import Problem, fixed_draws
from evenhand.fairness.methods.group_thresholds import shift_objective
from evenhand.fairness.methods.penalized import event_shares, penalized_loss
from evenhand.fairness.methods.preprocessing import balanced_rows


class Keeper(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what reached its fit and answers the first class."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.X_, self.y_, self.weights_ = np.asarray(X), np.asarray(y), sample_weight
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def make_problem(cells, codes, weights=None):
    cells, codes = np.asarray(cells), np.asarray(codes)
    groups, classes = np.unique(cells), np.unique(codes)
    return Problem(np.zeros((len(cells), 1)), codes, codes, classes, cells, groups, weights, 0)


def test_reweighing_is_the_table_of_kamiran_and_calders():
    # Kamiran and Calders 2012, section 5.2, the ten applicants of their table 1: five men, four of them hired, five
    # women, two of them hired. Weights: .75 for hired men, 2 for rejected men, 1.5 for hired women, .67 for the others.
    sex = pd.Series(["m"] * 5 + ["f"] * 5)
    hired = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0])
    X = pd.DataFrame({"x": np.arange(10.0)})
    model = methods.Reweighing(Keeper()).fit(X, hired, sensitive_features=sex)
    np.testing.assert_allclose(model.model_.weights_, [0.75] * 4 + [2.0] + [1.5] * 2 + [2 / 3] * 3)


def test_reweighing_multiplies_the_given_weights_and_says_when_none_arrive():
    sex, y = pd.Series(list("mmff")), np.array([0, 1, 0, 1])
    X = pd.DataFrame({"x": [0.0, 1, 2, 3]})
    model = methods.Reweighing(Keeper()).fit(X, y, sensitive_features=sex, sample_weight=[1, 2, 3, 2])
    np.testing.assert_allclose(model.model_.weights_, [0.5, 1, 1.5, 1])
    assert model.weights_reached_fit_
    neighbours = methods.Reweighing(KNeighborsClassifier(1)).fit(X, y, sensitive_features=sex)
    assert not neighbours.weights_reached_fit_


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=12, max_size=80), st.integers(0, 5))
def test_balanced_rows_have_equal_cells_and_keep_every_row_before_one_repeats(rows, seed):
    cells, codes = zip(*[(0, 0), (1, 1), (2, 2), (0, 3), *rows], strict=True)
    problem = make_problem(cells, codes)
    drawn = balanced_rows(problem, "balanced", np.random.default_rng(seed))
    cell = problem.cells * 4 + problem.codes
    sizes = np.bincount(cell[drawn], minlength=12)[np.unique(cell)]
    assert sizes.min() == sizes.max() >= 1
    for at in np.unique(cell):
        often = np.bincount(drawn, minlength=len(cell))[cell == at]
        assert often.max() - often.min() <= 1


def test_independent_rows_have_the_cells_of_independence():
    # 5.3.1 of Kamiran and Calders 2012 on the same table: expected sizes 3, 2, 3, 2 in place of 4, 1, 2, 3.
    problem = make_problem([0] * 5 + [1] * 5, [1, 1, 1, 1, 0, 1, 1, 0, 0, 0])
    drawn = balanced_rows(problem, "independent", np.random.default_rng(0))
    assert np.bincount((problem.cells * 2 + problem.codes)[drawn]).tolist() == [2, 3, 2, 3]


def test_correlation_removal_leaves_no_correlation(people):
    model = methods.CorrelationRemoval(Keeper()).fit(people.X, people.y, sensitive_features=people.sensitive)
    indicators = pd.get_dummies(people.sensitive["race"]).to_numpy(dtype=float)
    features = model.model_.X_
    crossed = (features - features.mean(axis=0)).T @ (indicators - indicators.mean(axis=0))
    assert np.abs(crossed).max() < 1e-8 * len(features)
    raw = model.encoder_.transform(people.X)
    assert np.abs((raw - raw.mean(axis=0)).T @ (indicators - indicators.mean(axis=0))).max() > 1


@pytest.mark.parametrize("constraint", methods.CONSTRAINTS)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_penalty_has_its_exact_gradient(constraint, classes):
    rng = np.random.default_rng(0)
    problem = make_problem(rng.integers(0, 3, 40), rng.integers(0, classes, 40), rng.uniform(0.5, 1.5, 40))
    shares = event_shares(problem, constraint, 1)
    Z = rng.normal(size=(40, 4))
    arguments = (Z, problem.codes, problem.weights, shares, 7.0, 0.1)
    at = rng.normal(size=5 * classes)
    numeric = approx_fprime(at, lambda p: penalized_loss(p, *arguments)[0], 1e-7)
    np.testing.assert_allclose(penalized_loss(at, *arguments)[1], numeric, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_without_a_penalty_it_is_softmax_regression(classes, many_people):
    y = many_people.y if classes == 2 else many_people.y4
    X = many_people.X[["income", "owner"]].astype(float).to_numpy()
    ours = methods.PenalizedRegression(strength=0.0, C=1.0, tol=1e-9).fit(
        X, y, sensitive_features=many_people.sensitive
    )
    theirs = LogisticRegression(C=1.0, tol=1e-9, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-4)


def test_a_stronger_penalty_leaves_a_smaller_gap(many_people):
    gaps = []
    for strength in (0.0, 1.0, 10.0, 100.0):
        model = methods.PenalizedRegression(strength=strength)
        model.fit(many_people.X, many_people.y4, sensitive_features=many_people.sensitive)
        means = pd.DataFrame(model.predict_proba(many_people.X)).groupby(many_people.sensitive["race"]).mean()
        gaps.append(float(np.ptp(means.to_numpy(), axis=0).max()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.2 * gaps[0]


def test_the_penalty_by_default_takes_a_good_part_of_a_gap_away(many_people):
    def gap(**options):
        model = methods.PenalizedRegression(**options)
        model.fit(many_people.X, many_people.y, sensitive_features=many_people.sensitive)
        scores = pd.Series(model.predict_proba(many_people.X)[:, 1])
        return np.ptp(scores.groupby(many_people.sensitive["race"]).mean())

    assert gap() < 0.7 * gap(strength=0.0)


def test_a_reduction_reaches_its_bound_and_says_when_it_misses_it(many_people):
    p = many_people
    plain = p.base().fit(p.X, p.y).predict(p.X) == "approved"
    assert np.ptp(pd.Series(plain).groupby(p.sensitive["race"]).mean()) > 0.3
    wide = methods.ExponentiatedGradientReduction(p.base(), tolerance=0.3).fit(p.X, p.y, sensitive_features=p.sensitive)
    assert wide.bound_met_
    assert wide.training_gap_ <= 0.3
    hasty = methods.ExponentiatedGradientReduction(p.base(), tolerance=0.01, max_iter=1)
    hasty.fit(p.X, p.y, sensitive_features=p.sensitive)
    assert not hasty.bound_met_
    assert hasty.training_gap_ > 0.2


# Fairlearn fills Series by .at, which pandas announces to change; our own use of it silences this alone.
@pytest.mark.filterwarnings("ignore:Setting an? (value|item) o:DeprecationWarning")
def test_the_mixture_is_fairlearns(people):
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    Z = people.base().named_steps["preprocess"].fit_transform(people.X)
    ours = methods.ExponentiatedGradientReduction(LogisticRegression(), tolerance=0.1, max_iter=8)
    ours.fit(Z, people.y == "denied", sensitive_features=people.sensitive)
    theirs = ExponentiatedGradient(LogisticRegression(), DemographicParity(difference_bound=0.05), max_iter=8)
    theirs.fit(Z, (people.y == "denied").astype(int), sensitive_features=people.sensitive["race"])
    np.testing.assert_allclose(ours.predict_proba(Z), theirs._pmf_predict(Z), atol=1e-12)


def test_the_draws_follow_the_mixture(many_people):
    p = many_people
    model = methods.ExponentiatedGradientReduction(p.base(), tolerance=0.05, max_iter=10)
    model.fit(p.X, p.y, sensitive_features=p.sensitive)
    positive = model.predict_proba(p.X)[:, 1]
    assert ((positive > 0.05) & (positive < 0.95)).sum() > 20  # something is drawn
    drawn = (model.predict(p.X) == "denied").mean()
    assert abs(drawn - positive.mean()) < 4 * np.sqrt((positive * (1 - positive)).sum()) / len(positive)


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds", "equal_opportunity"])
def test_acceptance_is_that_of_fairlearns_threshold_optimizer(constraint, people):
    from fairlearn.postprocessing import ThresholdOptimizer

    base = people.base().fit(people.X, people.y == "approved")
    names = {"equal_opportunity": "true_positive_rate_parity"}
    theirs = ThresholdOptimizer(
        estimator=base, constraints=names.get(constraint, constraint), prefit=True, predict_method="predict_proba"
    ).fit(people.X, (people.y == "approved").astype(int), sensitive_features=people.sensitive["race"])
    ours = methods.RandomizedThresholds(FrozenEstimator(base), constraint=constraint)
    ours.fit(people.X, people.y == "approved", sensitive_features=people.sensitive)
    expected = theirs._pmf_predict(people.X, sensitive_features=people.sensitive["race"])[:, 1]
    given_ = ours.acceptance(people.X, sensitive_features=people.sensitive)
    np.testing.assert_allclose(given_, expected, atol=1e-12)


def test_the_dual_has_its_exact_gradient():
    rng = np.random.default_rng(1)
    n, shape = 50, (3, 2, 4)
    arguments = (
        shape,
        rng.dirichlet(np.ones(4), n),
        rng.uniform(0.5, 2, (n, 2)),
        rng.integers(0, 3, n),
        np.full(n, 1 / n),
        0.05,
    )
    at = rng.normal(size=24) * 0.02
    numeric = approx_fprime(at, lambda p: shift_objective(p, *arguments)[0], 1e-8)
    np.testing.assert_allclose(shift_objective(at, *arguments)[1], numeric, atol=1e-4)


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted model whose features are its probabilities."""

    def __init__(self, classes):
        self.classes = classes
        self.classes_ = np.array(classes)

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        return np.asarray(X)

    def predict(self, X):
        return self.classes_[np.asarray(X).argmax(axis=1)]


def test_group_thresholds_come_near_the_exact_optimum():
    """The linear program over all randomised decisions with equal rates bounds every rule from above."""
    rng = np.random.default_rng(4)
    n, k = 400, 3
    cells = np.arange(n) % 2
    p = np.array([rng.dirichlet([3, 1, 1] if g else [1, 1, 3]) for g in cells])
    rows = np.array([[(1 / (n / 2)) * (1 if g == 0 else -1) for g in cells for _ in [0]]]).ravel()
    parity = np.zeros((k, n * k))
    for label in range(k):
        parity[label, label::k] = rows
    one_each = np.kron(np.eye(n), np.ones(k))
    best = linprog(
        -p.ravel() / n,
        A_eq=np.vstack([parity, one_each]),
        b_eq=np.concatenate([np.zeros(k), np.ones(n)]),
        bounds=(0, 1),
    )
    y = np.array([rng.choice(k, p=row) for row in p])
    model = methods.GroupThresholds(FrozenEstimator(Scores([0, 1, 2]))).fit(p, y, sensitive_features=pd.Series(cells))
    chosen = model.predict(p, sensitive_features=pd.Series(cells))
    shares = np.stack([np.bincount(chosen[cells == g], minlength=k) / (n / 2) for g in (0, 1)])
    assert 0.5 * np.abs(shares[0] - shares[1]).sum() < 0.03
    expected = p[np.arange(n), chosen].mean()
    assert -best.fun - 0.01 < expected < -best.fun + 0.01
    before = p.argmax(axis=1)
    unequal = np.stack([np.bincount(before[cells == g], minlength=k) / (n / 2) for g in (0, 1)])
    assert 0.5 * np.abs(unequal[0] - unequal[1]).sum() > 0.4


def test_a_tolerance_leaves_a_gap_of_its_size(many_people):
    p = many_people
    two = p.sensitive["race"] != "unknown"
    X, y, race = p.X[two], p.y[two], p.sensitive["race"][two]
    gaps = []
    for tolerance in (0.0, 0.1, 0.2):
        model = methods.GroupThresholds(p.base(), tolerance=tolerance).fit(X, y, sensitive_features=race)
        chosen = model.predict(X, sensitive_features=race) == "approved"
        gaps.append(abs(chosen[race == "a"].mean() - chosen[race == "b"].mean()))
    np.testing.assert_allclose(gaps, [0.0, 0.1, 0.2], atol=0.05)


def planted(n, labels, seed):
    """A group that moves the label and is no feature: probabilities are right over all rows and wrong in each group."""
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(n) < 0.4, "f", "m")
    X = np.column_stack([rng.normal(size=n) + 1.2 * (group == "m"), rng.normal(size=n)])
    score = X.sum(axis=1) + 0.5 * (group == "m") + 0.8 * rng.normal(size=n)
    return X, np.digitize(score, {2: [0.9], 3: [0.4, 1.7]}[labels]), pd.Series(group, name="group")


@pytest.mark.parametrize("constraint", ["equal_opportunity", "equalized_odds"])
@pytest.mark.parametrize("labels", [2, 3])
def test_group_thresholds_close_the_gap_on_labels_when_the_model_does_not_know_the_group(labels, constraint):
    X, y, group = planted(6000, labels, seed=1)
    X_new, y_new, group_new = planted(20_000, labels, seed=2)

    def gap(chosen):
        right = [chosen[(y_new == labels - 1) & (group_new == name)] == labels - 1 for name in ("f", "m")]
        return abs(right[0].mean() - right[1].mean())

    model = methods.GroupThresholds(LogisticRegression(), constraint=constraint, favorable_label=labels - 1)
    model.fit(X, y, sensitive_features=group)
    before = LogisticRegression().fit(X, y).predict(X_new)
    after = model.predict(X_new, sensitive_features=group_new)
    assert model.moved_
    assert model.gap_ < model.gap_before_
    assert gap(after) < 0.5 * gap(before)
    assert (after == y_new).mean() > (before == y_new).mean() - 0.03


def test_decisions_stay_the_models_own_where_moving_them_would_widen_the_gap():
    """A group whose probabilities are constant cannot be moved but as a whole."""
    p = np.array([[0.45, 0.55]] * 40 + [[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 40 + [[0.8, 0.2]] * 10)
    group = pd.Series(["a"] * 50 + ["b"] * 50)
    y = np.array([1] * 24 + [0] * 16 + [1] + [0] * 9 + [1] * 25 + [0] * 15 + [1] + [0] * 9)
    for constraint in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        model = methods.GroupThresholds(FrozenEstimator(Scores([0, 1])), constraint=constraint, favorable_label=1)
        model.fit(p, y, sensitive_features=group)
        chosen = model.predict(p, sensitive_features=group)
        assert model.gap_ <= model.gap_before_
        if not model.moved_:
            assert (chosen == p.argmax(axis=1)).all()


def test_a_guard_leaves_the_model_as_it_was(monkeypatch):
    from evenhand.fairness.methods import group_thresholds

    def wrong(scores, problem):
        return np.tile([0.0, 2.0, -2.0], (len(problem.groups), 1)) * np.array([[1.0], [-1.0]])

    monkeypatch.setattr(group_thresholds, "recalibration", wrong)
    monkeypatch.setattr(group_thresholds, "_STEPS", 0)
    X, y, group = planted(2000, 2, seed=3)
    model = methods.GroupThresholds(LogisticRegression(), constraint="equal_opportunity")
    model.fit(X, y, sensitive_features=group)
    assert not model.moved_
    assert model.gap_ == model.gap_before_
    expected = LogisticRegression().fit(X, y).predict(X)
    assert (model.predict(X, sensitive_features=group) == expected).all()


def test_balanced_thresholds_serve_the_rare_label():
    rng = np.random.default_rng(2)
    n = 2000
    positive = rng.beta(1, 9, n)
    p = np.column_stack([1 - positive, positive])
    y = (rng.random(n) < positive).astype(int)
    groups = pd.Series(np.arange(n) % 2)
    recalls = {}
    for objective in ("accuracy_score", "balanced_accuracy_score"):
        model = methods.GroupThresholds(FrozenEstimator(Scores([0, 1])), objective=objective)
        chosen = model.fit(p, y, sensitive_features=groups).predict(p, sensitive_features=groups)
        recalls[objective] = (chosen[y == 1] == 1).mean()
    assert recalls["accuracy_score"] < 0.2 < 0.5 < recalls["balanced_accuracy_score"]


def test_draws_are_uniform_and_depend_on_content_alone():
    frame = pd.DataFrame({"a": np.arange(4000), "b": ["x"] * 4000})
    draws = fixed_draws(frame, None, 0)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert np.abs(np.histogram(draws, 10, (0, 1))[0] - 400).max() < 5 * 20
    np.testing.assert_array_equal(draws, fixed_draws(frame[["b", "a"]].astype({"a": float}), None, 0))
    assert (fixed_draws(frame, None, 1) != draws).mean() > 0.99


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (methods.BalancedResampling(Keeper(), target="all"), "target 'all' is not known"),
        (methods.BalancedBagging(Keeper(), n_estimators=0), "n_estimators is 0"),
        (methods.PenalizedRegression(strength=-1), "strength is -1"),
        (methods.PenalizedRegression(constraint="parity"), "constraint 'parity' is not known"),
        (methods.PenalizedRegression(constraint="equal_opportunity", favorable_label="x"), "is not a class"),
        (methods.ExponentiatedGradientReduction(LogisticRegression(), combine="mean"), "combine 'mean' is not known"),
        (methods.ExponentiatedGradientReduction(LogisticRegression(), tolerance=2), "tolerance is 2"),
        (methods.GridSearchReduction(KNeighborsClassifier()), "takes no sample_weight"),
        (methods.GridSearchReduction(LogisticRegression(), grid_size=3), "too coarse for 2 dimensions"),
        (methods.GroupThresholds(Keeper()), "gives no probabilities"),
        (methods.GroupThresholds(LogisticRegression(), objective="f1"), "objective 'f1' is not known"),
        (methods.GroupThresholds(LogisticRegression(), tolerance=1), "tolerance is 1"),
        (methods.GroupThresholds(LogisticRegression(), cv=1), "cv is 1"),
        (methods.RandomizedThresholds(LogisticRegression(), constraint="x"), "constraint 'x' is not known"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_wrong_setting_is_refused_by_name(model, message, people):
    with pytest.raises(ModelError, match=message):
        model.fit(people.X, people.y, sensitive_features=people.sensitive)


def lone_stranger(labels=2, unknown=1, n=1500):
    """Two groups with a gap, and so few rows of unknown sex that their rates are 0 or 1."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], n).astype(object)
    X = pd.DataFrame({"x": rng.normal(size=n) + (sex == "m"), "z": rng.normal(size=n)})
    score = X["x"] + X["z"] + rng.normal(size=n)
    y = np.digitize(score, np.quantile(score, np.linspace(0, 1, labels + 1)[1:-1]))
    sex[:unknown] = None
    return X, y, pd.DataFrame({"sex": sex})


MINDFUL = {
    "balanced_resampling": methods.BalancedResampling,
    "correlation_removal": methods.CorrelationRemoval,
    "penalized_regression": lambda base, **how: methods.PenalizedRegression(strength=100.0, **how),
    "exponentiated_gradient": methods.ExponentiatedGradientReduction,
    "grid_search": methods.GridSearchReduction,
    "balanced_bagging": methods.BalancedBagging,
    "group_thresholds": methods.GroupThresholds,
    "randomized_thresholds": methods.RandomizedThresholds,
}


@pytest.mark.parametrize("name", MINDFUL)
def test_a_group_of_one_row_decides_for_nobody(name):
    X, y, sex = lone_stranger()
    how = {} if name in ("balanced_resampling", "correlation_removal", "balanced_bagging") else {"tolerance": 0.02}
    if name == "penalized_regression":
        how = {"constraint": "equalized_odds"}
    elif how:
        how["constraint"] = "equalized_odds"
    with_it = MINDFUL[name](LogisticRegression(), minimum_group=20, **how).fit(X, y, sensitive_features=sex)
    without = MINDFUL[name](LogisticRegression(), **how).fit(X[1:], y[1:], sensitive_features=sex[1:])
    both = [model.predict(X[1:], sensitive_features=sex[1:]) for model in (with_it, without)]
    assert (both[0] != both[1]).mean() < 0.05  # a fold more or less, and no more
    assert (both[0] == y[1:]).mean() > 0.7
    if with_it.needs_sensitive_features:
        answer = with_it.predict(X[:1], sensitive_features=sex[:1])
        assert answer[0] == LogisticRegression().fit(X, y).predict(X[:1])[0], "nor for itself"


def test_small_groups_keep_their_rows_and_their_features():
    problem = replace(make_problem([0] * 6 + [1] * 5 + [2] * 2, [0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1]), least=3)
    for target in ("balanced", "independent"):
        drawn = balanced_rows(problem, target, np.random.default_rng(0))
        assert drawn[drawn >= 11].tolist() == [11, 12]
    assert [share.shape for share in event_shares(problem, "equalized_odds", 1)] == [(2, 13)] * 2
    X, y, sex = lone_stranger(unknown=3)
    model = methods.CorrelationRemoval(Keeper(), minimum_group=20).fit(X.to_numpy(), y, sensitive_features=sex)
    np.testing.assert_allclose(model.model_.X_[:3], X[:3])
    assert not np.allclose(model.model_.X_[3:], X[3:])


def test_values_that_never_came_together_are_a_small_group_and_new_values_are_refused():
    X, y, sex = lone_stranger(unknown=0)
    people = sex.assign(race=np.where(np.arange(len(y)) % 3, "a", "b"))
    people.loc[people["sex"] == "m", "race"] = "a"
    strangers = pd.DataFrame({"sex": ["m"], "race": ["b"]})
    for name in ("group_thresholds", "randomized_thresholds", "correlation_removal"):
        model = MINDFUL[name](LogisticRegression(), minimum_group=20).fit(X, y, sensitive_features=people)
        answer = model.predict(X[:1], sensitive_features=strangers)
        assert answer[0] == LogisticRegression().fit(X, y).predict(X[:1])[0]
        with pytest.raises(DataError, match="not fitted on: 'm & c'"):
            model.predict(X[:1], sensitive_features=strangers.assign(race="c"))
        strict = MINDFUL[name](LogisticRegression()).fit(X, y, sensitive_features=people)
        with pytest.raises(DataError, match="not fitted on: 'm & b'"):
            strict.predict(X[:1], sensitive_features=strangers)


def test_a_column_that_is_no_feature_changes_no_draw():
    X, y, sex = lone_stranger(unknown=0)
    base = make_pipeline(make_column_transformer((StandardScaler(), ["x", "z"])), LogisticRegression())
    for name in ("exponentiated_gradient", "randomized_thresholds"):
        model = MINDFUL[name](base).fit(X, y, sensitive_features=sex)
        wider = X.assign(more=1.0)[["more", "z", "x"]]
        both = (model.predict(rows, sensitive_features=sex).tolist() for rows in (X, wider))
        assert next(both) == next(both)


def test_without_two_groups_of_enough_rows_there_is_nothing_to_equalise():
    X, y, sex = lone_stranger()
    with pytest.raises(DataError, match="fewer than two groups have 1000 rows: give more rows, or lower minimum_group"):
        methods.GroupThresholds(LogisticRegression(), minimum_group=1000).fit(X, y, sensitive_features=sex)


def test_a_group_of_one_label_is_named():
    X, y, sex = lone_stranger(unknown=30)
    y[:30] = 1
    with pytest.raises(ModelError, match="all rows of 'unknown' have one label"):
        methods.RandomizedThresholds(LogisticRegression()).fit(X, y, sensitive_features=sex)
