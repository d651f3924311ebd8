"""What the model is, and what it is for."""

from evenhand.card.blocks import Block, Cell, Facts, Items, Link, Section, Text
from evenhand.card.inputs import Inputs
from evenhand.card.text import join, name_of, plain

__all__ = ["address", "details_section", "use_section"]


def address(text: str) -> Cell | Link:
    """A person's reference as a link where it is nothing but a web address, else as text.

    Examples
    --------
    >>> address("https://example.org/paper").url
    'https://example.org/paper'
    >>> address("javascript:alert(1)").text
    'javascript:alert(1)'
    """
    safe = text.startswith(("https://", "http://")) and not set(text) & set(" \t<>\"'`{}|\\^")
    return Link(text, text) if safe else Cell(text)


def _identity(inputs: Inputs) -> Facts:
    model, run = inputs.model, inputs.run
    favorable = model.get("favorable_label", inputs.audit.get("favorable_label"))
    classes = inputs.data.get("classes") or inputs.evaluation.get("classes") or ()
    named = {
        "Name": model.get("name"),
        "Version": model.get("version"),
        "Date": run.get("date") or run.get("time"),
        "Algorithm": name_of(model["algorithm"]) if model.get("algorithm") else None,
        "Predicts": model.get("target") or inputs.data.get("target"),
        "Classes": join(list(classes), 20) if classes else None,
        "Favorable outcome": favorable,
        "Model run": run.get("run_id"),
    }
    rows = [(name, Cell(plain(value))) for name, value in named.items() if value not in (None, "", [], ())]
    rows += [
        (
            "Owners",
            Cell(join(inputs.said("owners")) or "missing", tone="plain" if inputs.said("owners") else "missing"),
        ),
        (
            "Licence",
            Cell(join(inputs.said("license")) or "missing", tone="plain" if inputs.said("license") else "missing"),
        ),
    ]
    return Facts(tuple(rows))


def _version(inputs: Inputs) -> tuple[Block, ...]:
    """How to find the version that a card cannot name: it carries the card's digest, so the card comes first."""
    run = plain(inputs.run.get("run_id") or "")
    if inputs.model.get("version") or not run:
        return ()
    return (
        Text(
            f"The version was numbered after this card was written: the command evenhand show {run[:8]} and the model "
            "run in MLflow name it, and it names the run and the SHA-256 of card.json (its tag evenhand.card_digest).",
            tone="muted",
        ),
    )


def details_section(inputs: Inputs) -> Section:
    """Name, version, owners, licence, sources."""
    references = inputs.said("references")
    linked: tuple[Block, ...] = inputs.statement("references")
    if references:
        linked = (Items(tuple(address(text) for text in references)),)
    url = plain(inputs.run.get("url") or "")
    if url.startswith(("https://", "http://")):
        linked = (*linked, Items((Link("The run that made this model", url),)))
    return Section(
        "details",
        "Model details",
        (_identity(inputs), *_version(inputs)),
        (
            Section("description", "Description", inputs.statement("overview")),
            Section("contact", "Questions and objections", inputs.statement("contact")),
            Section("sources", "Sources and citation", (*linked, *inputs.statement("citation"))),
        ),
        covers={
            "mitchell": ("Model Details",),
            "toolkit": (
                "model_details: name",
                "model_details: overview",
                "model_details: documentation",
                "model_details: owners",
                "model_details: version",
                "model_details: licenses",
                "model_details: references",
                "model_details: citations",
                "model_details: path",
            ),
            "hugging_face": (
                "Model Details",
                "Model Description",
                "Model Sources",
                "Citation",
                "More Information",
                "Model Card Authors",
                "Model Card Contact",
            ),
        },
    )


def use_section(inputs: Inputs) -> Section:
    """What the model may and may not be used for, and whom it affects."""
    return Section(
        "use",
        "Intended use",
        inputs.statement("intended_use"),
        (
            Section("out-of-scope", "Out-of-scope use", inputs.statement("out_of_scope")),
            Section("affected", "People affected", inputs.statement("affected_people")),
            Section("instructions", "Instructions and interface", inputs.statement("instructions")),
            Section("deployment", "Where it runs", inputs.statement("deployment")),
        ),
        covers={
            "mitchell": ("Intended Use",),
            "toolkit": ("considerations: users", "considerations: use_cases"),
            "hugging_face": (
                "Uses",
                "Direct Use",
                "Downstream Use",
                "Out-of-Scope Use",
                "How to Get Started with the Model",
            ),
            "annex_iv": (
                "1(a) intended purpose, provider, version",
                "1(b) interaction with other hardware and software",
                "1(d) forms in which it is put into service",
                "1(f) product of which it is a component",
                "1(g) user interface",
                "1(h) instructions for use",
            ),
        },
    )
