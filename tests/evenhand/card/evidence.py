"""Inputs of a card as the steps leave them, small and made by hand, for two classes and for four."""

from copy import deepcopy

HUMAN = {
    "title": "Loan approval",
    "overview": "Says which applications are approved.",
    "owners": ["Risk team <risk@example.org>"],
    "license": "MIT",
    "intended_use": "Teaching.",
    "out_of_scope": "Real decisions.",
    "human_oversight": "A clerk can overrule it.",
    "risk_acceptance": "Nobody, since it decides nothing.",
    "ethical_considerations": "It imitates past decisions.",
    "limitations": "One city.",
    "data_collection": "By a bank.",
    "affected_people": "Applicants.",
    "contact": "risk@example.org",
    "references": ["https://example.org/paper", "A book"],
}


def metric(value, low=None, high=None, *, n=400, reason=""):
    return {"value": value, "low": low, "high": high, "n": n, "reason": reason, "method": "wilson"}


def group(name, n, rate, *, small=False):
    least, most = max(rate - 0.1, 0), min(rate + 0.1, 1)
    return {
        "group": name,
        "n": n,
        "small": small,
        "unknown": name == "unknown",
        "counts": {"tp": 123456789},
        "metrics": {
            "selection_rate": metric(rate, least, most, n=n),
            "true_positive_rate": metric(None, n=0, reason="no positives") if n < 5 else metric(0.8, 0.7, 0.9, n=n),
            "accuracy": metric(0.9, 0.8, 0.95, n=n),
        },
    }


def disparity(value, *, between, verdict=None, reason="", undefined=None):
    bounds = (None, None) if value is None else (max(value - 0.1, 0), min(value + 0.1, 1))
    found = {"value": value, "low": bounds[0], "high": bounds[1], "p_value": 0.01, "verdict": verdict, "reason": reason}
    return {**found, "between": list(between), "undefined": undefined or {}, "method": "between_groups"}


def category(name, n, rate, ratio):
    bounds = {"rate_low": rate - 0.1, "rate_high": rate + 0.1, "ratio_low": None, "ratio_high": None}
    if ratio != 1.0:
        bounds |= {"ratio_low": ratio - 0.1, "ratio_high": ratio + 0.1}
    marks = {"unknown": False, "may_leave_out": n < 8, "reason": ""}
    share, selected = n / 334, round(n * rate)
    found = {"name": name, "n": n, "selected": selected, "share": share, "rate": rate, "impact_ratio": ratio}
    return found | bounds | marks


def audited(groups, disparities, flag=None):
    found = dict(disparities)
    if flag is not None:
        found["four_fifths"] = flag
    return {"groups": groups, "disparities": found, "to_overall": {}, "to_reference": {}, "reference": None}


def audit():
    race = audited(
        [group("black", 40, 0.53), group("white", 330, 0.85), group("unknown", 4, 1.0, small=True)],
        {
            "demographic_parity_ratio": disparity(0.62, between=("black", "white"), verdict="FAIL", reason="shown"),
            "demographic_parity_difference": disparity(0.4711, between=("black", "unknown")),
            "equalized_odds_difference": disparity(0.2, between=("black", "white"), verdict="INCONCLUSIVE"),
            "accuracy_equality_difference": disparity(None, between=(), reason="nowhere defined", undefined={"x": "y"}),
        },
        {"ratio": 0.53, "flag": True, "group": "black", "reference": "unknown", "reason": ""},
    )
    sex = audited(
        [group("female", 180, 0.8), group("male", 194, 0.81)],
        {"demographic_parity_ratio": disparity(0.99, between=("female", "male"), verdict="PASS", reason="shown")},
        {"ratio": 0.99, "flag": False, "group": "female", "reference": "male", "reason": ""},
    )
    both = audited(
        [group("black & female", 20, 0.5, small=True), group("white & male", 170, 0.9)],
        {"demographic_parity_ratio": disparity(0.55, between=("black & female", "white & male"))},
    )
    policy = {
        "policy": {"name": "statistical", "title": "Plain limits", "source": "docs", "effective": "2025-01-01"},
        "rules": [
            {
                "metric": "demographic_parity_ratio",
                "attribute": "race",
                "kind": "ratio",
                "limit": 0.8,
                "verdict": "FAIL",
            }
            | {"value": 0.62, "low": 0.5, "high": 0.75, "reason": "beyond"}
        ],
        "tables": {"impact_ratio": {"race": [category("black", 4, 0.4242, 0.5), category("white", 330, 0.8484, 1.0)]}},
        "verdict": "FAIL",
        "reason": "one fails",
    }
    return {
        "task": "binary",
        "n": 374,
        "classes": [0, 1],
        "favorable_label": 1,
        "overall": group("all", 374, 0.8),
        "attributes": {"race": race, "sex": sex},
        "intersections": {"race & sex": both},
        "policies": [policy],
        "settings": {"confidence": 0.95, "min_group_size": 30},
    }


def explanation():
    label = {"label": "1", "mean": 0.1, "mean_abs": 0.5, "low": 0.4, "high": 0.6, "bands": []}
    features = [
        {
            "feature": name,
            "kind": "numeric",
            "mean_abs": size,
            "low": size - 0.1,
            "high": size + 0.1,
            "by_label": [label],
        }
        for name, size in (("income", 0.9), ("debt", 0.4))
    ]
    proxy = {"auc": 0.7, "low": 0.6, "high": 0.8, "reference": 0.55, "above_chance": True}
    return {
        "method": "linear",
        "unit": "log-odds",
        "labels": ["1"],
        "base": [0.2],
        "features": features,
        "groups": [
            {
                "attribute": "race",
                "group": "black",
                "n": 40,
                "mean": {},
                "mean_abs": {"1": {"income": 0.5, "debt": 0.6}},
            },
            {"attribute": "race", "group": "unknown", "n": None, "mean": None, "mean_abs": None, "reason": "few"},
        ],
        "importance": {
            "scorer": "roc_auc",
            "features": [{"feature": "income", "value": 0.1, "low": 0.05, "high": 0.15}],
        },
        "dependence": [
            {
                "feature": "income",
                "grid": [1, 2],
                "rows": 200,
                "curves": [{"label": "1", "mean": [0.2, 0.7]}],
                "reason": None,
            },
            {"feature": "debt", "grid": [], "rows": 0, "curves": [], "reason": "too few values"},
        ],
        "cases": [
            {
                "attribute": "race",
                "group": "black",
                "kind": "closest_denial",
                "predicted": "0",
                "actual": "1",
                "score": "0.4 to 0.5",
            }
            | {"features": [{"feature": "income", "band": "1 to 2", "attribution": -0.3, "rows": 12}], "reason": None},
            {"attribute": "race", "group": "unknown", "kind": "closest_denial", "features": [], "reason": "few rows"},
        ],
        "proxies": [
            {"attribute": "race", "together": {**proxy, "feature": None}, "features": [{**proxy, "feature": "income"}]},
            {"attribute": "sex", "together": None, "features": [], "reason": "one group"},
        ],
        "sizes": {"test": 374},
        "notes": ["A note."],
    }


def robustness():
    def found(check, value, **of):
        few = {**metric(None, n=4, reason="fewer than 10 rows")}
        by = {"race": {"black": metric(value, value - 0.2, value + 0.1, n=40), "unknown": few}}
        shown = metric(value, value - 0.1, value + 0.05)
        return {**shown, "check": check, "setting": "a tenth", "unit": "share", "groups": by, **of}

    undefined = {**metric(None, n=0, reason="no feature is a category"), "groups": {}}
    return {
        "noise_agreement": found("Noise on numbers", 0.9123),
        "unseen_agreement": {**undefined, "check": "Unseen categories", "setting": "", "unit": "share"},
        "flip_distance_median": found("Smallest change", 0.77, unit="standard deviations", reason="a lower bound"),
    }


def evaluation():
    return {
        "n": 374,
        "task": "binary",
        "classes": [0, 1],
        "positive_label": 1,
        "confidence": 0.95,
        "metrics": {
            "accuracy": metric(0.9, 0.86, 0.93),
            "roc_auc": metric(0.94, 0.7, 0.97),
            "f1": metric(None, reason="no row is predicted 1"),
            "brier_score": metric(0.06, 0.05, 0.08),
        },
        "per_class": [{"label": label, "n": 187, "metrics": {"precision": metric(0.9, 0.8, 0.95)}} for label in (0, 1)],
        "confusion": {"labels": [0, 1], "counts": [[40, 10], [30, 294]]},
    }


def search():
    trial = {"number": 1, "candidate": "logistic", "params": {"C": 1.0}, "mean": 0.94, "status": "complete"}
    row = {
        "candidate": "logistic",
        "mean": 0.94,
        "standard_error": 0.01,
        "cost": 0.0,
        "within_one_standard_error": True,
    }
    return {
        "scorer": "roc_auc",
        "method": "bayes",
        "prefer": "best",
        "folds": 5,
        "digest": "d" * 64,
        "n_trials": 2,
        "best": trial,
        "selected": trial,
        "preference": [{**row, "selected_by": ["best"]}],
        "trials": [trial, {**trial, "status": "pruned"}],
    }


def data():
    split = [
        {"part": part, "attribute": attribute, "value": value, "target": attribute == "approve", "n": 100, "share": 0.5}
        for part in ("train", "validation", "test")
        for attribute, value in (("approve", "0"), ("approve", "1"), ("race", "black"), ("race", "white"))
    ]
    return {
        "name": "loans",
        "digest": "a" * 64,
        "rows": 1989,
        "task": "binary",
        "classes": ["0", "1"],
        "source": {"url": "postgresql://user:hunter2@host/db", "sql": "select *"},
        "description": "Applications.",
        "target": "approve",
        "features": ["income", "debt"],
        "sensitive": {"race": {"black": 40, "white": 330}},
        "excluded": ["action"],
        "split": {"method": "hash", "counts": {"train": 1200, "validation": 400, "test": 389}, "table": split},
        "contract": {
            "columns": [
                {"name": "income", "kind": "number", "nullable": True, "values": None, "low": 0.0, "high": 9.0},
                {
                    "name": "race",
                    "kind": "text",
                    "nullable": False,
                    "values": ["black", "white"],
                    "low": None,
                    "high": None,
                },
            ]
        },
        "findings": [{"kind": "leakage", "column": "action", "message": "predicts the target alone", "value": 0.99}],
    }


def inputs():
    """Everything that a run of two classes hands to the card."""
    return deepcopy(
        {
            "model": {
                "name": "loans",
                "version": "3",
                "algorithm": "logistic",
                "params": {"C": 1.0},
                "target": "approve",
            }
            | {"favorable_label": 1, "weighting": "reweighing"},
            "human": HUMAN,
            "data": data(),
            "search": search(),
            "evaluation": evaluation(),
            "costs": {"latency_median_seconds": 0.002, "latency_p99_seconds": 0.004, "rows_per_second": 1e5}
            | {
                "model_bytes": 4096.0,
                "search": {"wall_seconds": 41.0, "cpu_seconds": 80.0, "energy_kwh": None, "energy_reason": "no extra"},
                "training": {"wall_seconds": 2.0, "cpu_seconds": 3.0, "energy_kwh": None, "energy_reason": "no extra"},
            },
            "audit": audit(),
            "explanation": explanation(),
            "robustness": robustness(),
            "calibration": {
                "method": "none",
                "reason": "good as it is",
                "candidates": [{"method": "none", "log_loss": 0.2}],
            },
            "threshold": {
                "threshold": 0.44,
                "rule": "scorer",
                "scorer": "balanced_accuracy",
                "score": 0.8,
                "score_at_half": 0.7,
            }
            | {"positive_label": 1, "reason": "best"},
            "run": {"run_id": "run-1", "url": "http://127.0.0.1:5000/#/runs/1", "code_version": "c" * 64, "seed": 0}
            | {"machine": {"python": "3.11"}, "packages": {"numpy": "2.4.6"}},
            "decision": {
                "outcome": "hold",
                "reasons": [{"rule": "fairness", "status": "failed", "reason": "race fails"}],
            }
            | {"ledger_head": "e" * 64, "difference": [{"what": "accuracy", "champion": "0.8", "challenger": "0.9"}]},
            "figures": {
                "roc": '<svg viewBox="0 0 360 200"><text x="1" y="40" style="fill: #22262b">roc</text></svg>',
                "stray": {
                    "svg": '<svg width="10pt" height="10pt"><path d="M0 0"/></svg>',
                    "title": "Stray",
                    "alt": "A stray.",
                },
                "dot": {"png": b"\x89PNG\r\n", "title": "Dot", "alt": "A dot."},
            },
        }
    )


def multiclass():
    """The same of four classes with names, without a favorable label and without a threshold."""
    given = inputs()
    labels = ["A", "N", "U", "Y"]
    given["model"] |= {"favorable_label": None, "target": "vote"}
    given["data"] |= {"classes": labels, "target": "vote"}
    per_class = [{"label": label, "n": 90, "metrics": {"recall": metric(0.5, 0.4, 0.6)}} for label in labels]
    given["evaluation"] |= {"task": "multiclass", "classes": labels, "positive_label": None, "per_class": per_class}
    given["evaluation"]["confusion"] = {"labels": labels, "counts": [[9, 1, 2, 3]] * 4}
    given["evaluation"]["metrics"] = {"f1_macro": metric(0.5, 0.4, 0.6), "roc_auc_ovr": metric(0.8, 0.7, 0.9)}
    given["audit"] |= {"task": "multiclass", "classes": labels, "favorable_label": None}
    given["threshold"] = {"threshold": None, "reason": "four classes"}
    return given
