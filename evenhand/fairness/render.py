"""How an audit reads: as tables, as a page in a notebook, as a figure."""

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evenhand.exceptions import DataError, nearest, shorten
from evenhand.fairness.policy_html import policies_html
from evenhand.fairness.report import AttributeAudit, AuditReport, Disparity, MetricValue
from evenhand.fairness.scrolled import narrow, scrolled
from evenhand.fairness.statistics.reasons import SETTLING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["disparities_frame", "groups_frame", "groups_html", "plot_rates", "render_html"]


def groups_frame(report: AuditReport) -> pd.DataFrame:
    """One row for each group: its names, n, marks, and every metric with its interval's ends."""
    rows = []
    for audit in report.audits.values():
        for group in audit.groups.values():
            row: dict[str, Any] = {
                "attribute": audit.name,
                "group": group.group,
                "n": group.n,
                "small": group.small,
                "unknown": group.unknown,
            }
            for name, value in group.metrics.items():
                row |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
            rows.append(row)
    frame = pd.DataFrame(rows)
    ends = [name for name in frame.columns if name.endswith(("_low", "_high"))]
    return frame.astype(dict.fromkeys(ends, float))


def disparities_frame(report: AuditReport) -> pd.DataFrame:
    """One row for each disparity of each attribute and intersection."""
    rows = [
        {
            "attribute": audit.name,
            "disparity": found.name,
            "method": found.method,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "p_value": found.p_value,
            "verdict": found.verdict,
            "between": " / ".join(found.between or ()),
            "reason": found.reason,
        }
        for audit in report.audits.values()
        for table in (audit.disparities, audit.to_overall, audit.to_reference)
        for found in table.values()
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(("value", "low", "high", "p_value"), float))


def _shown(value: MetricValue | Disparity) -> str:
    """A value with its interval, or why there is none; escaped."""
    if np.isnan(value.value):
        return f'<span title="{escape(value.reason, quote=True)}">undefined</span>'
    text = f"{value.value:.3f}"
    if value.interval is None:
        return text
    return f"{text} <small>[{value.interval[0]:.3f}, {value.interval[1]:.3f}]</small>"


_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")


def _metrics_shown(report: AuditReport) -> list[str]:
    return [name for name in (*_RATES, "balanced_accuracy", "roc_auc") if name in report.overall.metrics]


def render_html(report: AuditReport) -> str:
    """The audit as HTML for a notebook, groups and what the policies say: fetched from nowhere, every name escaped."""
    policies = report.to_dict()["policies"]
    return narrow(groups_html(report) + (policies_html(policies) if policies else ""))


def groups_html(report: AuditReport) -> str:
    """Every group of the audit and the disparities between them as HTML, every name escaped."""
    favorable = escape(str(report.favorable_label)) if report.favorable_label != () else "none declared"
    head = f"<p><b>Audit</b> of {report.n:,} rows, {report.task}; favorable: {favorable}.</p>"
    return head + "".join(_section(report, audit) for audit in report.audits.values())


def _section(report: AuditReport, audit: AttributeAudit) -> str:
    names = _metrics_shown(report)
    header = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in ("group", "n", *names))
    rows = "".join(
        f"<tr><td>{escape(group.group)}{' (few rows)' if group.small else ''}</td><td>{group.n:,}</td>"
        + "".join(f"<td>{_shown(group[name])}</td>" for name in names)
        + "</tr>"
        for group in audit.groups.values()
    )
    labels = "".join(_by_label(report, audit, *each) for each in _OF_LABELS) if report.task == "multiclass" else ""
    flag = audit.four_fifths
    warning = ""
    if flag is not None and flag.flag:
        warning = (
            f"<p>Four-fifths flag: the selection rate of {escape(str(flag.group))} is {flag.ratio:.2f} "
            f"of that of {escape(str(flag.reference))}.</p>"
        )
    table = scrolled(f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>")
    return f"<h4>{escape(audit.name)}</h4>{table}{labels}{warning}{_disparity_table(audit)}"


_OF_LABELS = (("selection_rate", "Share that is given each label"), ("true_positive_rate", "Recall of each label"))
_MOST_SHOWN = 20


def _by_label(report: AuditReport, audit: AttributeAudit, rate: str, title: str) -> str:
    """One of many labels' rates by group, which the disparities of whole distributions are made of."""
    if len(report.classes) > _MOST_SHOWN:
        return f"<p>{title}: {len(report.classes)} labels, in <code>to_frame()</code>.</p>"
    header = "".join(f"<th>{escape(str(name))}</th>" for name in ("group", "n", *report.classes))
    rows = "".join(
        f"<tr><td>{escape(group.group)}{' (few rows)' if group.small else ''}</td><td>{group.n:,}</td>"
        + "".join(f"<td>{_shown(group[f'{rate}/{label}'])}</td>" for label in report.classes)
        + "</tr>"
        for group in audit.groups.values()
    )
    return f"<p>{title}:</p>" + scrolled(f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>")


_SHOWN = ("demographic_parity", "equal_opportunity", "predictive_equality", "equalized_odds", "accuracy_equality")


def _disparity_table(audit: AttributeAudit) -> str:
    rows = "".join(
        f"<tr><td>{escape(found.name.replace('_', ' '))}</td><td>{_shown(found)}</td>"
        f"<td>{'' if found.p_value is None else f'{found.p_value:.3g}'}</td><td>{escape(found.verdict or '')}</td>"
        f"<td>{escape(' / '.join(found.between or ()))}</td><td>{escape(_why(found))}</td></tr>"
        for found in audit.disparities.values()
        if found.name.startswith(_SHOWN) or found.verdict
    )
    names = ("disparity", "value", "p", "verdict", "between")
    header = "".join(f"<th>{name}</th>" for name in names) + '<th style="min-width:16rem">reason</th>'
    return scrolled(f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>")


def _why(found: Disparity) -> str:
    """The reason; what would settle it stands with the policy's rule."""
    return found.reason.partition(f"; {SETTLING}")[0]


def plot_rates(
    report: AuditReport, metric: str | None = None, attribute: str | None = None, limit: float | None = None
) -> "Figure":
    """Rates by group with intervals; a dashed line at everybody's rate, a dotted one at the limit."""
    from evenhand.plotting import figure_style, new_figure

    known = report.overall.metrics
    name = metric or ("selection_rate" if "selection_rate" in known else "accuracy")
    if name not in report.overall:
        raise DataError(f"there is no metric {shorten(name)}: {nearest(name, known)}")
    singles = [audit for audit in report.audits.values() if len(audit.attributes) == 1]
    shown = singles if attribute is None else [report.audit(attribute)]
    height = 0.8 + sum(0.35 * len(audit.groups) + 0.6 for audit in shown)
    ratios = [len(audit.groups) + 1 for audit in shown]
    figure, axes = new_figure(
        width=6.4,
        height=height,
        nrows=len(shown),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": ratios},
    )
    column: list[Any] = list(axes[:, 0])  # type: ignore[index]  # matplotlib gives an array where squeeze is False
    with figure_style():
        for axis, audit in zip(column, shown, strict=True):
            _draw(axis, audit, report.overall[name].value, name, limit)
        column[0].legend(loc="best")
        column[-1].set_xlabel(name.replace("_", " "))
    return figure


def _draw(axis: Any, audit: AttributeAudit, everybody: float, name: str, limit: float | None) -> None:
    from evenhand.plotting import INK, MUTED, PALETTE, plain_label

    groups = list(audit.groups.values())
    values = np.array([group[name].value for group in groups])
    for at, group in enumerate(groups):
        found = group[name]
        if np.isnan(found.value):
            axis.annotate(f"undefined: {found.reason}", (0.01, at), xycoords=("axes fraction", "data"), va="center")
            continue
        if found.interval is not None:
            axis.plot(found.interval, (at, at), color=INK, linewidth=1.5, solid_capstyle="butt")
        axis.plot([found.value], [at], "o", color=PALETTE[0], markerfacecolor="white" if group.small else PALETTE[0])
    if np.isfinite(everybody):
        axis.axvline(everybody, linestyle="--", color=MUTED, linewidth=1, label="everybody")
    if limit is not None and np.isfinite(values).any():
        label = f"{limit:g} of the highest"
        axis.axvline(limit * np.nanmax(values), linestyle=":", color=PALETTE[1], linewidth=1.5, label=label)
    axis.set_yticks(range(len(groups)), [f"{plain_label(group.group)} (n={group.n:,})" for group in groups])
    axis.set_ylim(len(groups) - 0.5, -0.5)
    axis.set_title(plain_label(audit.name))
