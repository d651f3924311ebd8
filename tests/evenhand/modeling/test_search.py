"""The search: identity on any number of workers and after kills, what may be selected, what reaches a fit."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from evenhand.exceptions import ConfigError, DataError, SearchError, StoreError
from evenhand.modeling.candidates import Candidate
from evenhand.modeling.search import search
from evenhand.modeling.space import Choice, Range

SMALL = {"boosting": {"max_iter": {"low": 3, "high": 12}}, "perceptron": {"max_iter": {"low": 2, "high": 6}}}


def people(n=160, classes=("no", "yes"), seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"income": rng.normal(size=n), "job": rng.choice(["clerk", "smith", "nurse"], n)})
    X.loc[::9, "income"] = np.nan
    signal = X["income"].fillna(0) + (X["job"] == "smith") + rng.normal(scale=0.7, size=n)
    return X, pd.Series(np.array(classes, dtype=object)[pd.qcut(signal, len(classes), labels=False)])


def quick(X, y, **options):
    return search(X, y, **{"trials": 8, "folds": 4, "workers": 1, "space": SMALL, "seed": 1, **options})


@pytest.fixture(scope="module")
def uninterrupted():
    """Thirteen trials of a Bayesian search: the space-filling nine, and four that its models ask for."""
    return quick(*people(), trials=13)


@pytest.mark.parametrize("method", ["bayes", "random", "grid"])
def test_one_worker_and_two_give_the_same_result(method, uninterrupted):
    X, y = people()
    trials = 13 if method == "bayes" else 4
    one = uninterrupted if method == "bayes" else quick(X, y, method=method, trials=trials)
    two = quick(X, y, method=method, trials=trials, workers=2)
    assert one == two
    assert len(one.trials) == trials
    assert {trial.candidate for trial in one.trials} == {"logistic", "boosting", "perceptron"}
    keys = [json.dumps([trial.candidate, dict(trial.params)], sort_keys=True) for trial in one.trials]
    assert len(set(keys)) == trials


def test_another_seed_gives_another_search():
    X, y = people()
    assert quick(X, y, seed=1).trials != quick(X, y, seed=2).trials


_KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {root!r})
    from tests_search_data import people, SMALL
    from evenhand.modeling.search import search

    def stop(trial, done, total):
        if done == {after}:
            os.kill(os.getpid(), signal.SIGKILL)

    X, y = people()
    search(X, y, trials=13, folds=4, workers=2, space=SMALL, seed=1, log=Path({log!r}), on_trial=stop)
"""


@pytest.mark.parametrize("after", [3, 10])
def test_killed_search_goes_on_and_ends_the_same(tmp_path, after, uninterrupted):
    import inspect

    source = "import numpy as np\nimport pandas as pd\n" + f"SMALL = {SMALL!r}\n" + inspect.getsource(people)
    (tmp_path / "tests_search_data.py").write_text(source)
    log = tmp_path / "trials.jsonl"
    root = Path(__file__).parents[3]
    code = textwrap.dedent(_KILLED).format(root=str(tmp_path), after=after, log=str(log))
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert len(log.read_text().splitlines()) == 1 + after
    X, y = people()
    fresh = []
    resumed = quick(X, y, trials=13, log=log, on_trial=lambda trial, done, total: fresh.append(trial.number))
    assert fresh == list(range(after, 13))
    assert resumed == uninterrupted
    assert not list(tmp_path.glob("*.folds"))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A finished search's log and result: logistic regression only, which takes milliseconds."""
    log = tmp_path_factory.mktemp("log") / "trials.jsonl"
    X, y = people()
    result = quick(X, y, candidates=["logistic"], log=log, trials=6, batch_size=4)
    return log.read_bytes(), result


@given(share=st.floats(0, 1))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_log_cut_at_any_byte_resumes_to_the_same(logged, tmp_path, share):
    content, result = logged
    log = tmp_path / "cut.jsonl"
    log.write_bytes(content[: int(share * len(content))])
    X, y = people()
    assert quick(X, y, candidates=["logistic"], log=log, trials=6) == result
    assert [untimed(line) for line in log.read_bytes().splitlines()] == [untimed(line) for line in content.splitlines()]


def untimed(line):
    return {name: value for name, value in json.loads(line).items() if name not in {"seconds", "elapsed"}}


def test_finished_log_is_read_not_computed_and_a_larger_budget_goes_on(logged, tmp_path):
    content, result = logged
    log = tmp_path / "trials.jsonl"
    log.write_bytes(content)
    X, y = people()
    called = []
    options = {"candidates": ["logistic"], "log": log, "on_trial": lambda *a: called.append(a)}
    assert quick(X, y, trials=6, **options) == result
    assert not called
    assert quick(X, y, trials=3, **options).trials == result.trials[:3]
    longer = quick(X, y, trials=9, **options)
    assert len(called) == 3
    assert longer == quick(X, y, trials=9, candidates=["logistic"])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"scorer": "accuracy"},
        {"folds": 3},
        {"sample_weight": np.linspace(1, 2, 160)},
        {"space": {"logistic": {"C": [1.0]}}},
        {"batch_size": 2},
        {"prune": False},
        {"method": "random"},
    ],
)
def test_log_of_another_search_is_refused_by_name(logged, tmp_path, change):
    log = tmp_path / "mine.jsonl"
    log.write_bytes(logged[0])
    X, y = people()
    with pytest.raises(SearchError, match=r"mine\.jsonl is of another search"):
        quick(X, y, **{"candidates": ["logistic"], "log": log, "trials": 6, **change})
    assert log.read_bytes() == logged[0]


def test_log_of_other_data_is_refused_and_a_damaged_line_named(logged, tmp_path):
    log = tmp_path / "mine.jsonl"
    log.write_bytes(logged[0])
    X, y = people(seed=5)
    with pytest.raises(SearchError, match="another search"):
        quick(X, y, candidates=["logistic"], log=log, trials=6)
    lines = logged[0].splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0], b"{]\n", *lines[2:]]))
    X, y = people()
    with pytest.raises(StoreError, match="line 2"):
        quick(X, y, candidates=["logistic"], log=log, trials=6)
    log.write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(StoreError, match="misses trial 0"):
        quick(X, y, candidates=["logistic"], log=log, trials=6)


FITS: list[dict[str, np.ndarray]] = []


class Recorder(ClassifierMixin, BaseEstimator):
    """Notes the rows (by their number in the first column) and the weights of each fit, and the rows of each test."""

    def __init__(self, level=0.0, random_state=None):
        self.level = level
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        FITS.append({"rows": X[:, 0].astype(int), "y": np.asarray(y), "weights": sample_weight})
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        FITS[-1]["test"] = X[:, 0].astype(int)
        return np.full(len(X), self.classes_[0])


RECORDER = Candidate("recorder", 0, False, {"level": Range(0.0, 1.0)}, {"level": 0.5}, Recorder)


def recorded(y, **options):
    FITS.clear()
    X = pd.DataFrame({"row": np.arange(len(y), dtype=float)})
    search(X, y, candidates=[RECORDER], scorer="accuracy", trials=2, folds=4, workers=1, **options)
    assert len(FITS) == 2 * 4
    return FITS


def test_weights_are_split_with_their_folds_and_reach_every_fit():
    weights = np.random.default_rng(0).uniform(0.5, 2, 40)
    for fit in recorded([0, 1] * 20, sample_weight=weights):
        np.testing.assert_array_equal(fit["weights"], weights[fit["rows"]])
        assert sorted([*fit["rows"], *fit["test"]]) == list(range(40))


def test_no_weights_are_made_up():
    assert all(fit["weights"] is None for fit in recorded([0, 1] * 20))


@pytest.mark.parametrize("resample", ["over", "under"])
def test_resampling_stays_inside_the_training_rows(resample):
    y, weights = [0] * 32 + [1] * 8, np.arange(1.0, 41.0)
    for fit in recorded(y, resample=resample, sample_weight=weights):
        assert np.bincount(fit["y"]).tolist() == ([24, 24] if resample == "over" else [6, 6])
        assert not set(fit["rows"]) & set(fit["test"])
        assert len(fit["test"]) == len(set(fit["test"])) == 10
        np.testing.assert_array_equal(fit["weights"], weights[fit["rows"]])


def test_a_group_never_stands_on_both_sides():
    groups = np.repeat([f"p{i}" for i in range(10)], 4)
    for fit in recorded([0, 1] * 20, groups=groups):
        assert not set(groups[fit["rows"]]) & set(groups[fit["test"]])


def test_weights_change_what_the_search_finds():
    X, y = people()
    heavy = np.where(y == "yes", 20.0, 0.05)
    options = {"candidates": ["logistic"], "scorer": "recall", "favorable_label": "yes", "trials": 3}
    assert quick(X, y, sample_weight=heavy, **options).best.mean > quick(X, y, **options).best.mean


GUESS = Candidate(
    "guess",
    0,
    False,
    {"strategy": Choice(("stratified", "uniform", "most_frequent", "prior"))},
    {"strategy": "prior"},
    DummyClassifier,
)


def test_hopeless_trials_are_stopped_flagged_and_never_selected():
    X, y = people()
    options = {"candidates": [GUESS, "logistic"], "batch_size": 1, "prefer": "simplest", "method": "random"}
    result = quick(X, y, **options)
    pruned = [trial for trial in result.trials if trial.status == "pruned"]
    assert pruned
    for trial in pruned:
        assert len(trial.scores) == 2
        assert "below trial" in trial.reason
        assert trial.told < result.best.mean
        assert trial not in (result.best, result.selected)
    assert {row.candidate for row in result.preference} == {"guess", "logistic"}
    whole = quick(X, y, prune=False, **options)
    assert {trial.status for trial in whole.trials} == {"complete"}
    assert whole.best.mean == result.best.mean


def test_a_failing_trial_keeps_its_reason_and_the_search_goes_on():
    X, y = people()
    result = quick(X, y, method="grid", candidates=["logistic"], space={"logistic": {"C": [-1.0, 1.0]}})
    assert sorted(trial.status for trial in result.trials) == ["complete", "failed"]
    failed = next(trial for trial in result.trials if trial.status == "failed")
    assert failed.told is None
    assert "InvalidParameterError" in failed.reason
    assert result.best.params == {"C": 1.0}
    json.dumps(result.to_dict(), allow_nan=False)


class Undefined(LogisticRegression):
    """Finite at C above 1 only: below, its probabilities are NaN."""

    def decision_function(self, X):
        return super().decision_function(X) * (1.0 if self.C > 1 else np.nan)


def test_nan_folds_are_a_failed_trial_for_every_method():
    X, y = people()
    candidate = Candidate("odd", 0, True, {"C": Range(0.01, 100.0, log=True)}, {"C": 0.5}, Undefined)
    for method in ("bayes", "random"):
        result = quick(X, y, candidates=[candidate], method=method, trials=8)
        assert {"failed", "complete"} <= {trial.status for trial in result.trials}
        assert all((trial.status == "failed") == (trial.params["C"] <= 1) for trial in result.trials)
        assert result.best.params["C"] > 1


def test_a_search_without_any_complete_trial_says_why():
    X, y = people()
    with pytest.raises(SearchError, match=r"none of 1 trials.*InvalidParameterError"):
        quick(X, y, method="grid", candidates=["logistic"], space={"logistic": {"C": -1.0}})


@pytest.mark.parametrize(
    "scorer",
    ["roc_auc", "f1", "average_precision", "neg_log_loss", "balanced_accuracy", "neg_brier_score", "precision"],
)
@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c", "d")])
def test_scorers_of_labels_and_of_probabilities(scorer, classes):
    X, y = people(classes=classes)
    result = quick(X, y, candidates=["logistic"], trials=2, scorer=scorer, favorable_label=classes[0])
    assert np.isfinite(result.best.mean)
    mapped = {"roc_auc": "roc_auc_ovr_weighted", "f1": "f1_weighted", "precision": "precision_weighted"}
    assert result.scorer == (mapped.get(scorer, scorer) if len(classes) > 2 else scorer)


def test_scores_are_scikit_learns_on_the_same_folds():
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.model_selection import cross_val_score

    from evenhand.modeling.candidates import CANDIDATES
    from evenhand.modeling.fit import make_preprocessor
    from evenhand.modeling.folds import make_folds

    X, y = people()
    parts = make_folds(pd.factorize(y, sort=True)[0], 4, seed=1)
    for name in ("logistic", "boosting", "perceptron"):
        result = quick(X, y, candidates=[name], trials=1, scorer="f1", favorable_label="no")
        candidate = CANDIDATES[name]
        from sklearn.pipeline import make_pipeline

        model = make_pipeline(make_preprocessor(X, scale=candidate.scale), candidate.make(result.best.params, 1))
        with pytest.warns() if name == "perceptron" else _nothing():
            expected = cross_val_score(model, X, y, cv=parts, scoring=make_scorer(f1_score, pos_label="no"))
        np.testing.assert_allclose(result.best.scores, expected, rtol=1e-9)


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_seconds_are_a_budget_whose_trials_can_be_repeated():
    X, y = people()
    timed = quick(X, y, trials=None, seconds=1.0, workers=2)
    assert 1 <= len(timed.trials) < 500
    assert quick(X, y, trials=len(timed.trials)) == timed
    assert len(quick(X, y, trials=None, seconds=1e-6).trials) >= 1
    assert len(quick(X, y, trials=2, seconds=1000).trials) == 2


def test_elapsed_seconds_of_a_log_count(tmp_path):
    X, y = people()
    log = tmp_path / "t.jsonl"
    first = quick(X, y, candidates=["logistic"], trials=2, log=log)
    again = quick(X, y, candidates=["logistic"], trials=9, seconds=first.seconds / 2, log=log)
    assert again.trials == first.trials


def test_grid_ends_with_its_points_and_small_spaces_with_theirs():
    X, y = people()
    space = {"logistic": {"C": [0.1, 1.0, 10.0], "fit_intercept": [True, False]}}
    for method, trials in (("grid", None), ("random", 50), ("bayes", 50)):
        result = quick(X, y, candidates=["logistic"], space=space, method=method, trials=trials)
        assert len(result.trials) == 6
        assert len({tuple(trial.params.values()) for trial in result.trials}) == 6
        assert all(isinstance(trial.params["fit_intercept"], bool) for trial in result.trials)


def test_progress_is_told_in_order():
    X, y = people()
    seen = []
    quick(X, y, candidates=["logistic"], trials=5, on_trial=lambda *told: seen.append(told), workers=2)
    assert [(trial.number, done, total) for trial, done, total in seen] == [(i, i + 1, 5) for i in range(5)]


def test_bayes_finds_the_best_of_a_known_landscape():
    class Landscape(Recorder):
        pass

    from evenhand.modeling.search_proposers import make_proposer
    from evenhand.modeling.search_results import Trial

    space = {"a": Range(0.0, 1.0), "b": Range(1e-3, 1e3, log=True), "c": Choice(("u", "v"))}
    hill = Candidate("hill", 0, False, space, {"a": 0.9, "b": 1e-3, "c": "u"}, Landscape)
    flat = Candidate("flat", 1, False, {"a": Range(0.0, 1.0)}, {"a": 0.5}, Landscape)
    proposer = make_proposer("bayes", [hill, flat], 0)
    history: list[Trial] = []
    for number in range(30):
        (proposal,) = proposer.propose(history, [], 1)
        p = proposal.params
        score = -1.0
        if proposal.candidate is hill:
            score = -((p["a"] - 0.3) ** 2) - (np.log10(p["b"]) / 6) ** 2 - 0.2 * (p["c"] == "u")
        history.append(Trial(number, proposal.candidate.name, p, (score,), told=score))
    best = max(history, key=lambda trial: trial.told)
    assert best.told > -0.005
    assert sum(trial.candidate == "hill" for trial in history) > 20


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "bayess"}, ConfigError, "did you mean 'bayes'"),
        ({"prefer": "simple"}, ConfigError, "did you mean 'simplest'"),
        ({"scorer": "roc_acu"}, ConfigError, "did you mean 'roc_auc'"),
        ({"scorer": "r2"}, ConfigError, "no scorer of classes 'r2'"),
        ({"trials": None}, ConfigError, "no budget"),
        ({"trials": 0}, ConfigError, "trials: 0"),
        ({"seconds": -1}, ConfigError, "seconds: -1"),
        ({"candidates": []}, ConfigError, "none is given"),
        ({"folds": 1}, DataError, "at least 2"),
        ({"folds": 90}, DataError, "80 rows, fewer than 90 folds"),
        ({"groups": ["a"] * 160}, DataError, "1 groups"),
        ({"groups": ["a"] * 3}, DataError, "3 rows"),
    ],
)
def test_one_clear_error(change, error, message):
    X, y = people()
    with pytest.raises(error, match=message):
        quick(X, y, **change)


def test_inputs_stay_as_they_were():
    X, y = people()
    weights = np.linspace(1, 2, 160)
    before = X.copy(deep=True), y.copy(deep=True), weights.copy()
    quick(X, y, candidates=["logistic"], trials=2, sample_weight=weights, resample="under")
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_series_equal(y, before[1])
    np.testing.assert_array_equal(weights, before[2])


def test_no_process_and_no_file_is_left(tmp_path, monkeypatch):
    import psutil

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    def stop(*_):
        raise KeyboardInterrupt

    X, y = people()
    with pytest.raises(KeyboardInterrupt):
        quick(X, y, workers=2, on_trial=stop)
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    assert not [child for child in left if "popen_loky" in " ".join(child.cmdline())]
    assert not list(tmp_path.glob("evenhand-folds-*"))


def test_helpers_end_with_a_killed_caller(tmp_path):
    code = """
import os, signal, sys
from evenhand.modeling.search_worker import open_pool
if __name__ == "__main__":
    with open_pool(2) as pool:
        helper = pool._executor.submit(os.getpid).result()
        print(helper, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL
    import psutil

    helper = int(ended.stdout)
    for _ in range(100):
        if not psutil.pid_exists(helper) or psutil.Process(helper).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the helper still runs ten seconds after its caller was killed")


@pytest.mark.parametrize(("seconds", "cancelled"), [(0.01, 0), (30, 1)])
def test_an_interrupted_pool_ends_its_helpers_and_says_nothing(monkeypatch, seconds, cancelled):
    """What waited was looked up after it had been forgotten: a traceback on the screen, and helpers that went on."""
    import psutil

    from evenhand.modeling.search_worker import open_pool

    raised = []
    monkeypatch.setattr("threading.excepthook", lambda fault: raised.append(fault.exc_value))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    waiting = []

    def interrupt(after):
        with open_pool(2) as pool:
            time.sleep(after)
            waiting.extend(pool._executor.submit(time.sleep, seconds) for _ in range(6))
            for future in waiting[len(waiting) - cancelled :]:
                future.cancel()
            raise KeyboardInterrupt

    for pause in (0.0, 0.2, 0.4, 0.6):
        with pytest.raises(KeyboardInterrupt):
            interrupt(pause)
        assert all(future.done() for future in waiting)
    assert raised == []
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    assert not [child for child in left if "LokyProcess" in " ".join(child.cmdline())]
