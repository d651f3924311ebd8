"""Who decides about the model, how it is watched and changed, where it comes from, and what this card answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.card.blocks import Block, Cell, Facts, Section, Table, Text, Tone
from evenhand.card.headings import SOURCES, SourceName
from evenhand.card.inputs import Inputs
from evenhand.card.text import plain, words

__all__ = ["OUTCOMES", "appendix_section", "decision_of", "governance_section"]

OUTCOMES: Mapping[str, tuple[str, Tone]] = {
    "promote": ("Promoted", "good"),
    "hold": ("Held for a person", "open"),
    "block": ("Blocked", "flag"),
    "undecided": ("Not yet decided", "muted"),
}

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Selection rate", "The share of a group that is given the favorable outcome."),
    ("Demographic parity", "Difference or ratio of selection rates between groups."),
    ("Equal opportunity", "Difference of true positive rates: among those for whom the favorable outcome was right."),
    ("Equalized odds", "The larger of the differences of true and of false positive rates."),
    ("Interval", "The values that are compatible with the rows seen, at the stated confidence."),
    ("PASS, FAIL, INCONCLUSIVE", "Shown to lie inside a declared limit; shown to lie beyond it; neither."),
    ("Undefined", "A figure that these rows cannot give, such as a true positive rate without positives."),
    ("Withheld", "Computed but not shown, because so few people stand behind it that they could be recognised."),
    ("Proxy", "A feature from which a sensitive attribute can be guessed."),
)

WITHOUT_FAVORABLE: Mapping[str, str] = {
    "Selection rate": "The share of a group that is given a class. No class of this model is declared favorable.",
    "Demographic parity": (
        "Between groups, the largest total variation of the shares of all classes (difference), or the smallest ratio "
        "of the shares of any one class (ratio)."
    ),
    "Equal opportunity": "Not defined here: no class is declared favorable.",
    "Equalized odds": "As demographic parity, among the people of one true class: the class where it is worst.",
}


def decision_of(inputs: Inputs) -> str:
    """The decision's outcome: ``promote``, ``hold``, ``block`` or ``undecided``."""
    found = str(inputs.decision.get("outcome") or inputs.decision.get("decision") or "undecided").lower()
    return found if found in OUTCOMES else "undecided"


def _decision(inputs: Inputs) -> tuple[Block, ...]:
    decision = inputs.decision
    if not decision:
        return (Text("No decision about this model has been recorded.", tone="absent"),)
    label, tone = OUTCOMES[decision_of(inputs)]
    named = {
        "Decided by": decision.get("decider"),
        "Time": decision.get("time"),
        "Champion compared with": decision.get("champion"),
        "Head of the ledger": decision.get("ledger_head"),
    }
    facts = tuple((name, Cell(plain(value))) for name, value in named.items() if value)
    rows = tuple(
        (Cell(plain(r.get("rule", "?"))), _status(r.get("status", "?")), Cell(plain(r.get("reason") or "")))
        for r in decision.get("reasons") or ()
        if isinstance(r, Mapping)
    )
    plain_reasons = [*(decision.get("summary") or ()), *(decision.get("reasons") or ())]
    said = tuple(Text(plain(r)) for r in plain_reasons if not isinstance(r, Mapping))
    table = (Table("Rules of the decision", ("Rule", "Result", "Reason"), rows),) if rows else ()
    return (Text(label, tone=tone), *((Facts(facts),) if facts else ()), *said, *table, *_difference(decision))


def _status(status: str) -> Cell:
    tones: Mapping[str, Tone] = {"PASS": "good", "FAIL": "flag", "NOT APPLICABLE": "muted"}
    return Cell(status if status.isupper() else words(status), tone=tones.get(status, "open"))


def _difference(decision: Mapping[str, Any]) -> tuple[Block, ...]:
    """The comparison with the champion: rows of what, champion, challenger."""
    rows = tuple(
        tuple(Cell(plain(row.get(key))) for key in ("what", "champion", "challenger"))
        for row in decision.get("difference") or ()
        if row.get("changed", True)
    )
    return (Table("Changes against the champion", ("What", "Champion", "This model"), rows),) if rows else ()


def _provenance(inputs: Inputs) -> tuple[Block, ...]:
    run = inputs.run
    named = {
        "Run": run.get("run_id"),
        "Version of the code": run.get("code_version"),
        "Commit": run.get("git_commit"),
        "Seed": run.get("seed"),
        "Digest of the data": inputs.data.get("digest"),
        "Digest of the search": inputs.search.get("digest"),
    }
    rows = tuple((name, Cell(plain(value))) for name, value in named.items() if value not in (None, ""))
    if not rows:
        return (Text("Where the model comes from was not recorded.", tone="absent"),)
    return (Facts(rows),)


def governance_section(inputs: Inputs) -> Section:
    """Oversight, risk, decision, changes, monitoring, conformity, provenance."""
    return Section(
        "governance",
        "Oversight and accountability",
        (),
        (
            Section("oversight", "Human oversight", inputs.statement("human_oversight")),
            Section("risk", "Acceptance of residual risk", inputs.statement("risk_acceptance")),
            Section("decision", "Decision", _decision(inputs)),
            Section("risk-management", "Risk management", inputs.statement("risk_management")),
            Section("monitoring", "Monitoring after release", inputs.statement("monitoring")),
            Section("changes", "Changes", inputs.statement("changes")),
            Section("security", "Cybersecurity", inputs.statement("security")),
            Section("standards", "Standards applied", inputs.statement("standards")),
            Section("conformity", "Declaration of conformity", inputs.statement("conformity")),
            Section("provenance", "Where it comes from", _provenance(inputs)),
        ),
        covers={
            "annex_iv": (
                "2(e) human oversight measures",
                "2(f) pre-determined changes",
                "2(h) cybersecurity measures",
                "5 risk management system",
                "6 changes through the lifecycle",
                "7 harmonised standards",
                "8 EU declaration of conformity",
                "9 post-market monitoring",
            ),
        },
    )


def appendix_section(inputs: Inputs, sections: Sequence[Section]) -> Section:
    """Glossary, and where each heading of each source is answered."""
    own = Section("appendix", "Appendix", covers={"hugging_face": ("Glossary",)})
    numbered = list(enumerate((*sections, own)))
    tables = tuple(
        Table(
            f"{source.title}: where each heading is answered",
            ("Heading", "Section"),
            tuple((Cell(heading), Cell(_answers(name, heading, numbered))) for heading in source.headings),
            note=source.citation,
        )
        for name, source in SOURCES.items()
    )
    others = WITHOUT_FAVORABLE if _is_without_favorable(inputs.audit) else {}
    glossary = Facts(tuple((term, Cell(others.get(term, meaning))) for term, meaning in GLOSSARY))
    further = inputs.drawn([name for name in inputs.pictures if name.startswith("further:")])
    parts = (
        *((Section("further", "Further figures", further),) if further else ()),
        Section("glossary", "Glossary", (glossary,)),
        Section("coverage", "What this card answers", tables),
    )
    return Section(own.id, own.title, (), parts, own.covers)


def _is_without_favorable(audit: Mapping[str, Any]) -> bool:
    return audit.get("task") == "multiclass" and audit.get("favorable_label") in (None, [], ())


def _answers(source: SourceName, heading: str, numbered: Sequence[tuple[int, Section]]) -> str:
    found = [f"{k} {section.title}" for k, section in numbered if heading in (section.covers.get(source) or ())]
    return ", ".join(found)
