"""From a finished search to its result: both assessments, the changes, and what a reader has to know."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.exceptions import ModelError
from evenhand.fairness.answers import check_proba
from evenhand.fairness.compared import MOST_LABELS
from evenhand.fairness.detector import BiasDetector
from evenhand.fairness.inputs import model_inputs
from evenhand.fairness.methods import MitigationMethod
from evenhand.fairness.mitigation_alternatives import Alternative, Parts, predict_dataset
from evenhand.fairness.mitigation_changes import GroupChange, benefit_of, group_changes, levelled_down
from evenhand.fairness.mitigation_limits import Limit
from evenhand.fairness.mitigation_result import Assessment, MitigationResult
from evenhand.fairness.report import AuditReport, Disparity
from evenhand.modeling.evaluation import evaluate

__all__ = ["VERDICT", "assess_model", "build_result"]

VERDICT = "on the test part"
"""How the notes begin that say what a limit comes to."""


def assess_model(model: Any, parts: Parts, settings: Mapping[str, Any]) -> Assessment:
    """Performance and audit on the test part, with intervals, and verdicts on the limits."""
    test = parts.test
    calls = predict_dataset(model, test, parts.attributes)
    classes = getattr(model, "classes_", None)
    labels = list(parts.train.classes) if classes is None else np.asarray(classes).tolist()
    proba = None if classes is None else _probabilities(model, parts)
    precision = {name: settings[name] for name in ("confidence", "replicates", "seed")}
    evaluation = evaluate(
        test.y,
        calls,
        y_proba=proba,
        classes=labels,
        favorable_label=test.favorable_label if len(labels) == 2 else None,
        **precision,
    )
    score = None
    if proba is not None and len(labels) == 2 and test.favorable_label in labels:
        score = proba[:, labels.index(test.favorable_label)]
    return Assessment(evaluation, _audit(calls, score, len(labels), parts, depth=settings["depth"], **precision))


def _audit(calls: Any, score: Any, n_labels: int, parts: Parts, **options: Any) -> AuditReport:
    detector = BiasDetector.from_predictions(
        np.asarray(parts.test.y, dtype=object).tolist(),
        calls.tolist(),
        sensitive_features=parts.test.sensitive_features,
        favorable_label=parts.test.favorable_label,
        y_score=score,
        classes=parts.train.classes,
    )
    return detector.detect_bias(policies=[parts.policy] if n_labels <= MOST_LABELS else [], **options)


def _probabilities(model: Any, parts: Parts) -> Any:
    if not hasattr(model, "predict_proba"):
        return None
    attributes = parts.attributes if isinstance(model, MitigationMethod) else None
    X, groups = model_inputs(model, parts.test, attributes)
    try:
        proba = model.predict_proba(X, **groups)
    except ModelError:  # its inner classifier has none
        return None
    return check_proba(proba, len(parts.test), model.classes_)


def build_result(
    final: Sequence[Alternative],
    best: int,
    parts: Parts,
    *,
    before: Assessment,
    after: Assessment,
    met: bool,
    settings: Mapping[str, Any],
) -> MitigationResult:
    """The result with the changes of every group and the notes."""
    selected, given = final[best], final[0]
    changes = group_changes(
        parts.test,
        predict_dataset(given.model, parts.test, parts.attributes),
        predict_dataset(selected.model, parts.test, parts.attributes),
        _limited(parts),
        settings["confidence"],
    )
    levelled = () if best == 0 else _levelled(changes, before, after, parts)
    return MitigationResult(
        model=selected.model,
        selected=selected,
        alternatives=tuple(final),
        limits=parts.limits,
        met=met,
        attributes=parts.attributes,
        performance=parts.performance,
        before=before,
        after=after,
        changes=changes,
        levelling_down=tuple(dict.fromkeys(attribute for attribute, _ in levelled)),
        notes=_notes(final, best, after, met=met, levelled=levelled),
        rows={name: len(getattr(parts, name)) for name in ("train", "validation", "test")},
        settings=settings,
    )


def _limited(parts: Parts) -> tuple[str, ...]:
    """The attributes, and the intersections that a limit is about."""
    return tuple(dict.fromkeys([*parts.attributes, *(name for limit in parts.limits for name in limit.attributes)]))


def _levelled(
    changes: Sequence[GroupChange], before: Assessment, after: Assessment, parts: Parts
) -> tuple[tuple[str, str], ...]:
    """Each attribute of which a limited gap was closed by levelling down, with the rate that fell."""
    found = []
    for limit in parts.limits:
        benefit = benefit_of(limit.metric, parts.test.favorable_label)
        for attribute in _limited(parts):
            if attribute not in (limit.attributes or parts.attributes):
                continue
            old, new = (one.audit.disparity(limit.metric, attribute) for one in (before, after))
            own = levelled_down(changes, attribute, benefit, minimum_group=parts.policy.minimum_group)
            if own and _smaller(limit, old, new):
                found.append((attribute, benefit))
    return tuple(dict.fromkeys(found))


def _smaller(limit: Limit, old: Disparity, new: Disparity) -> bool:
    """Whether the rows show a smaller gap: inside the limit now, or each outside of the other's interval.

    The latter takes more than a test of their difference would, since both are of the same rows.
    """
    first, then = limit.gap(old.value), limit.gap(new.value)
    if then < first and limit.excess(new.value) == 0 < limit.excess(old.value):
        return True
    if old.interval is None or new.interval is None:
        return False
    return then < min(map(limit.gap, old.interval)) and max(map(limit.gap, new.interval)) < first


def _notes(
    final: Sequence[Alternative],
    best: int,
    after: Assessment,
    *,
    met: bool,
    levelled: Sequence[tuple[str, str]],
) -> tuple[str, ...]:
    selected = final[best]
    notes = []
    if not met:
        notes.append(f"no alternative keeps the limit on the validation part; {selected.label} comes nearest")
    elif best == 0:
        notes.append("the given model performs best inside the limit: it is not changed")
    notes += [
        f"the gap by {attribute} became smaller by levelling down: no group's {benefit} is shown to be better"
        for attribute, benefit in levelled
    ]
    notes += [f"{selected.label}: {note}" for note in selected.notes]
    notes += [f"the given model: {note}" for note in final[0].notes if best]
    notes += _verdicts(after)
    lost = [one.label for one in final if one.weights_reached_fit is False]
    if lost:
        notes.append(f"the training weights did not reach the fit of {', '.join(lost)}")
    return tuple(notes)


def _verdicts(after: Assessment) -> list[str]:
    """What the limits of this mitigation come to; no verdict of a gate, which has its own policies and levels."""
    return [
        f"{VERDICT} {rule['metric']} by {rule['attribute']}: {rule['verdict']} at level {rule['alpha']:.3g} "
        f"of this mitigation's limit ({rule['reason']})"
        for judged in after.audit.policies
        for rule in judged.to_dict()["rules"]
    ]
