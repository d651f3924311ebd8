"""An audit as a page of its own: verdicts first, then every group; fetched from nowhere, every name escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from evenhand.fairness.policy_html import mark, policies_html
from evenhand.fairness.render import groups_html
from evenhand.fairness.report import AuditReport
from evenhand.fairness.tables import worst_verdict

__all__ = ["render_page"]

_CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #22262b; --muted: #59616b; --line: #d5dae0;
  --flag: #9c2f14; --flag-bg: #fbece6; --open: #7a5200; --open-bg: #fcf3dd; --good: #1a6241; --good-bg: #e6f4ec; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #16191d; --ink: #e3e6ea; --muted: #a0a8b2; --line: #3a4149;
    --flag: #f5a58c; --flag-bg: #41211a; --open: #eac06a; --open-bg: #3a2e14; --good: #8bd0aa; --good-bg: #18352a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: clamp(1rem, 4vw, 2.5rem); background: var(--paper); color: var(--ink);
  overflow-wrap: anywhere; font: 1rem/1.5 -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: 0 0 0.8rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 0.6rem; padding-top: 0.8rem; border-top: 2px solid var(--ink); }
h3, h4 { font-size: 1.05rem; margin: 1.6rem 0 0.4rem; }
p { max-width: 46rem; margin: 0 0 0.7rem; }
small, .muted { color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; margin: 0 0 1rem; }
dt { color: var(--muted); } dd { margin: 0; }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.35rem 0.9rem 0.35rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--muted); font-weight: 500; } td { min-width: 4.5rem; overflow-wrap: break-word; }
td.long { min-width: 16rem; }
.mark { display: inline-block; padding: 0.1rem 0.5rem; border-radius: 0.3rem; font-weight: 600; font-size: 0.85rem; }
.FAIL { color: var(--flag); background: var(--flag-bg); } .PASS { color: var(--good); background: var(--good-bg); }
.INCONCLUSIVE, .none { color: var(--open); background: var(--open-bg); }
figure { margin: 0; background: #fff; border-radius: 0.3rem; }
figure svg { max-width: 100%; height: auto; display: block; }
"""


def render_page(
    report: AuditReport, *, title: str, facts: Mapping[str, str], notes: Sequence[str] = (), picture: str = ""
) -> str:
    """The whole audit as HTML.

    Parameters
    ----------
    report
        What the audit found.
    title
        What was audited.
    facts
        Words and what they stand for, such as the version and the digest of the rows; shown in their order.
    notes
        Sentences that a reader must know before the figures.
    picture
        An ``<svg>`` element of ours, or "".

    Examples
    --------
    >>> import pandas as pd
    >>> from evenhand.fairness import BiasDetector
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    >>> given = {"sensitive_features": people, "favorable_label": 1}
    >>> report = BiasDetector.from_predictions([1, 0, 1, 0], [1, 0, 1, 1], **given).detect_bias()
    >>> "&lt;b&gt;" in render_page(report, title="<b>", facts={})
    True
    """
    found = report.to_dict()
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    drawn = f"<h2>Rates</h2><figure>{picture}</figure>" if picture else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body>"
        f"<h1>{escape(title)} {mark(worst_verdict(found))}</h1><dl>{listed}</dl>{said}"
        f"<h2>Verdicts</h2>{policies_html(found['policies'])}"
        f"{drawn}<h2>Groups</h2>{groups_html(report)}</body></html>\n"
    )
