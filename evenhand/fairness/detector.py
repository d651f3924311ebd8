"""Detect disparities of a model, of predictions, of counts, or of files that do not fit in memory."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from evenhand.data.alignment import refuse_reordered
from evenhand.data.dataset import Dataset, favorable_labels
from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.assess import Estimate, View, audit_view, build_views, group_results, join_reference
from evenhand.fairness.compared import Audited
from evenhand.fairness.conditional import with_conditional
from evenhand.fairness.counts import CountTable, Marginal
from evenhand.fairness.group_estimates import estimates_with_intervals
from evenhand.fairness.inference import infer
from evenhand.fairness.inputs import (
    Predictor,
    as_frame,
    check_whole,
    order_labels,
    predict,
    predict_score,
    present_labels,
    refuse_design,
    refuse_empty,
    refuse_other_scores,
)
from evenhand.fairness.intake import Given, ScoredLabel, count_given
from evenhand.fairness.judging import JudgedPolicy, Wanted, judge_policies, wanted_policies, with_verdicts
from evenhand.fairness.labels import known_labels
from evenhand.fairness.options import Options
from evenhand.fairness.report import AuditReport
from evenhand.fairness.score_estimates import Ranked, ScoredRows, score_estimates

__all__ = ["BiasDetector"]


class BiasDetector:
    """Audit a model's predictions by group.

    Parameters
    ----------
    model
        Anything with ``predict(X)`` (a scikit-learn estimator, an MLflow pyfunc), or a callable that takes the
        features and gives labels. With ``predict_proba`` its scores are audited, too.
    dataset
        The rows to audit it on, with their sensitive columns and the favorable label.
    sample_weight
        Sampling weights, shape (n,): how many people of the population a row stands for. Training weights do not
        belong here.
    frequency_weight
        Whole numbers, shape (n,): how often a row was observed.
    bins
        Edges of bands for continuous sensitive columns, ``{"age": [25, 40, 62]}``.
    legitimate_factors
        Columns of the features (or a frame of them) that conditional demographic disparity is given.
    clusters, strata
        Refused: the design of a survey needs variances that counts do not hold.
    score_bins
        None keeps the scores and makes areas exact, those of weighted rows too. A number, a multiple of ten, counts
        them into a histogram: it adds up across tables, and its area says how far from the exact one it can be.

    Raises
    ------
    DataError
        A binary target without a favorable label, or one that no row has.
    ModelError
        The model can neither predict nor be called.

    Examples
    --------
    >>> import pandas as pd
    >>> from evenhand.data.dataset import Dataset
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> data = Dataset(pd.DataFrame({"x": [1, 0, 1, 1]}), pd.Series([1, 0, 1, 0]), people, favorable_label=1)
    >>> report = BiasDetector(lambda X: X["x"], data).detect_bias()
    >>> report.disparity("equalized_odds_difference", "sex").value
    1.0
    """

    def __init__(
        self,
        model: Predictor | Callable[[pd.DataFrame], Any],
        dataset: Dataset,
        *,
        sample_weight: npt.ArrayLike | None = None,
        frequency_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        legitimate_factors: Sequence[str] = (),
        score_bins: int | None = None,
        clusters: None = None,
        strata: None = None,
    ) -> None:
        refuse_design(clusters=clusters, strata=strata)
        for name in legitimate_factors:
            if name not in dataset.X.columns:
                raise DataError(f"legitimate_factors names {shorten(name)}: {nearest(name, dataset.X.columns)}")
        refuse_reordered({"y": dataset.y, "sample_weight": sample_weight, "frequency_weight": frequency_weight})
        y_pred = predict(model, dataset)
        given = Given(
            dataset.y,
            y_pred,
            dataset.sensitive_features,
            sample_weight=sample_weight,
            frequency_weight=frequency_weight,
            bins=bins,
            y_score=predict_score(model, dataset),
            score_bins=score_bins,
            factors=dataset.X[list(legitimate_factors)],
        )
        known = known_labels(model)
        self._count(given, dataset.favorable_label, known, kept=known or ())

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        sensitive_features: pd.DataFrame | pd.Series,
        favorable_label: Any = None,
        y_score: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        frequency_weight: npt.ArrayLike | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        legitimate_factors: pd.DataFrame | pd.Series | None = None,
        score_bins: int | None = None,
        classes: Sequence[Any] | None = None,
        clusters: None = None,
        strata: None = None,
    ) -> "BiasDetector":
        """Audit predictions that exist already.

        Parameters
        ----------
        y_true, y_pred
            Labels and predicted labels, shape (n,): integers, booleans or strings.
        sensitive_features
            Shape (n, a): one column for each attribute. Rows are matched by position, whatever the index; two indexes
            of the same labels in another order are refused.
        favorable_label
            The label that is good for the person: required for two labels; for more, one label, several, or None.
        y_score
            Scores that rise with the favorable label, shape (n,), for two labels; probabilities give calibration, too.
            For more labels a frame with a column for each, or shape (n, k) in the order of the sorted labels: each
            label is then audited against the rest.
        classes
            The labels that may be predicted although no row of `y_true` has them; any other is refused. Without them
            numbers with fractions are, and a third label where `y_true` has two and one is favorable.
        legitimate_factors
            Columns that conditional demographic disparity is given, shape (n, f).
        sample_weight, frequency_weight, bins, score_bins, clusters, strata
            As in the constructor.
        """
        refuse_design(clusters=clusters, strata=strata)
        self = cls.__new__(cls)
        given = Given(
            y_true,
            y_pred,
            as_frame(sensitive_features),
            sample_weight=sample_weight,
            frequency_weight=frequency_weight,
            bins=bins,
            y_score=y_score,
            score_bins=score_bins,
            factors=None if legitimate_factors is None else as_frame(legitimate_factors),
        )
        refuse_reordered(vars(given))
        self._count(given, favorable_label, classes)
        return self

    @classmethod
    def from_counts(
        cls,
        table: CountTable,
        *,
        favorable_label: Any = None,
        legitimate_factors: Sequence[str] = (),
        classes: Sequence[Any] | None = None,
    ) -> "BiasDetector":
        """Audit a table of counts, such as the sum of tables that several workers counted.

        `legitimate_factors` names the axes of the table that are no sensitive attributes; `classes` is as in
        :meth:`from_predictions`.
        """
        for name in legitimate_factors:
            if name not in table.attributes:
                raise DataError(f"legitimate_factors names {shorten(name)}: {nearest(name, table.attributes)}")
        self = cls.__new__(cls)
        attributes = tuple(name for name in table.attributes if name not in legitimate_factors)
        self._set(table, favorable_label, attributes, classes)
        return self

    @classmethod
    def from_parquet(
        cls,
        paths: str | Path | Sequence[str | Path],
        *,
        y_true: str,
        y_pred: str,
        sensitive_features: Sequence[str],
        favorable_label: Any = None,
        legitimate_factors: Sequence[str] = (),
        classes: Sequence[Any] | None = None,
        **columns: Any,
    ) -> "BiasDetector":
        """Audit Parquet files that need not fit in memory; columns are named.

        Further keywords are those of :func:`evenhand.fairness.streaming.count_parquet`: ``y_score``,
        ``sample_weight``, ``frequency_weight``, ``bins``, ``score_bins``, ``batch_rows``.
        """
        from evenhand.fairness.streaming import count_parquet

        table = count_parquet(
            paths,
            y_true=y_true,
            y_pred=y_pred,
            sensitive_features=sensitive_features,
            favorable_label=favorable_label,
            legitimate_factors=legitimate_factors,
            **columns,
        )
        return cls.from_counts(
            table, favorable_label=favorable_label, legitimate_factors=legitimate_factors, classes=classes
        )

    def _count(self, given: Given, favorable_label: Any, known: Any = None, *, kept: Sequence[Any] = ()) -> None:
        counted = count_given(given, favorable_label, kept or None)
        self._rows, self._labels, self._ranked = counted.rows, counted.by_label, counted.ranked
        self._set(counted.table, favorable_label, counted.attributes, known, kept=kept)

    _rows: ScoredRows | None = None
    _ranked: Ranked | None = None
    _labels: Mapping[str, ScoredLabel] = {}

    def _set(
        self,
        table: CountTable,
        favorable_label: Any,
        attributes: tuple[str, ...],
        known: Sequence[Any] | None = None,
        *,
        kept: Sequence[Any] = (),
    ) -> None:
        refuse_empty(table)
        # A favorable label that may be predicted is one though no row here has it.
        kept = [*kept, *(label for label in favorable_labels(favorable_label) if known is not None and label in known)]
        present = present_labels(table, favorable_label, known, kept=kept)
        labels, self._task, self._favorable = order_labels(present, favorable_label)
        refuse_other_scores(table, favorable_label, labels)
        self._table = table.with_classes(labels)
        self._attributes = attributes
        self._factors = tuple(name for name in table.attributes if name not in attributes)

    @property
    def counts(self) -> CountTable:
        """The table of counts that the audit rests on: add those of several workers and audit the sum."""
        return self._table

    def detect_bias(
        self,
        *,
        depth: int = 2,
        reference: Mapping[str, Any] | None = None,
        min_group_size: int = 30,
        policies: Wanted = None,
        share: float = 1.0,
        alpha: float = 0.05,
        confidence: float = 0.95,
        replicates: int = 1000,
        seed: int = 0,
        intervals: bool = True,
    ) -> AuditReport:
        """Metrics of every group and intersection, and the disparities between them.

        Parameters
        ----------
        depth
            The most attributes that an intersection crosses; 1 for none.
        reference
            A reference group for attributes, ``{"race": "white"}``.
        min_group_size
            Groups of fewer rows are shown and marked.
        policies
            Whose rules give verdicts: names of shipped policies, or policies of your own as paths of their files or as
            :class:`~evenhand.fairness.policies.Policy`. The plain statistical one by default; an empty list for none.
        share
            The share of each rule's level that this look may spend, from 0 to 1, where the same rows or the same model
            are looked at again and again; see :func:`~evenhand.decision.spending.share_of_error`. At 0 every verdict is
            INCONCLUSIVE.
        alpha
            Level of the permutation tests of equality, which sets how many draws they need. Verdicts have the level of
            their policy or rule, not this one.
        confidence
            Of the intervals of groups' metrics and of disparities without a verdict; an interval beside a verdict has
            the level of its rule.
        replicates, seed
            Draws where there is no closed form.
        intervals
            False leaves intervals, p-values and verdicts out: a search over many models needs estimates only.
        """
        for name in reference or {}:
            if not set(name.split(" & ")) <= set(self._attributes):
                raise DataError(f"reference names {shorten(name)}, no attribute: {nearest(name, self._attributes)}")
        found = build_views(self._table, self._attributes, depth=depth, task=self._task, favorable=self._favorable)
        check_whole("min_group_size", min_group_size)
        options = Options(alpha, confidence, replicates, seed, intervals=intervals)
        everybody = self._estimates(found[0], found[0].overall, options)
        audited = []
        for view in found:
            estimates = self._estimates(view, view.marginal, options)
            referred = join_reference(view.marginal.attributes, reference or {})
            audit = audit_view(view, estimates, everybody, small=min_group_size, reference=referred)
            audited.append(Audited(view, audit, estimates))
        done = infer(audited, options) if intervals else [one.audit for one in audited]
        audits = {
            audit.name: with_conditional(audit, self._table, view, self._factors, options)
            for view, audit in zip(found, done, strict=True)
        }
        wanted = wanted_policies(policies, len(self._table.classes)) if intervals else ()
        judged = judge_policies(wanted, found, self._rows, self._median(), share=share)
        audits = with_verdicts(audits, judged, self._task)
        settings = {
            "depth": depth,
            "min_group_size": min_group_size,
            "share": share,
            "alpha": alpha,
            "confidence": confidence,
            "replicates": replicates,
            "seed": seed,
            "intervals": intervals,
        }
        return self._report(found[0], everybody, audits, judged, settings)

    def judge(self, *, depth: int = 2, policies: Wanted = None, share: float = 1.0) -> tuple[JudgedPolicy, ...]:
        """The verdicts of policies alone, which take no longer than the counting.

        Parameters
        ----------
        depth, policies, share
            As in :meth:`detect_bias`.
        """
        found = build_views(self._table, self._attributes, depth=depth, task=self._task, favorable=self._favorable)
        wanted = wanted_policies(policies, len(self._table.classes))
        return judge_policies(wanted, found, self._rows, self._median(), share=share)

    def _median(self) -> Ranked:
        return Ranked.of_counts(self._table.scores) if self._ranked is None else self._ranked

    def _estimates(self, view: View, marginal: Marginal, options: Options) -> dict[str, Estimate]:
        found = estimates_with_intervals(view, marginal, options) | score_estimates(marginal, self._rows, options)
        for label, scored in self._labels.items():
            found |= scored.estimates(label, marginal.attributes, options)
        return found

    def _report(
        self, view: View, everybody: Any, audits: Any, judged: tuple[JudgedPolicy, ...], settings: dict[str, Any]
    ) -> AuditReport:
        labels = self._table.classes
        chosen = tuple(labels[i] for i in self._favorable)
        (overall,) = group_results(view, everybody, view.overall, 0).values()
        return AuditReport(
            task=self._task,
            n=self._table.n,
            classes=labels,
            favorable_label=chosen[0] if self._task == "binary" else chosen,
            overall=overall,
            audits=audits,
            policies=judged,
            settings=settings,
        )
