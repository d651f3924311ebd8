"""What only a person can say on the model card."""

from evenhand.config._base import Section

__all__ = ["CardConfig"]


class CardConfig(Section):
    """Statements of people; what is left empty shows as missing on the card."""

    title: str = ""
    """The card's title; by default the model's name."""

    overview: str = ""
    """What the model does, in one paragraph."""

    owners: list[str] = []
    """Who answers for the model: a name or a role with an address."""

    license: str = ""
    """The licence of the model, as an SPDX identifier where there is one."""

    intended_use: str = ""
    """What the model is for, and by whom it is used."""

    out_of_scope: str = ""
    """Uses that it was not made for."""

    human_oversight: str = ""
    """Who can overrule a decision, and how."""

    risk_acceptance: str = ""
    """Who accepted which residual risk, and when."""

    ethical_considerations: str = ""
    """Harms that were considered, and what was done about them."""

    limitations: str = ""
    """Limitations that the evidence does not show."""

    data_collection: str = ""
    """How the data was collected and labelled, and on what legal ground."""

    affected_people: str = ""
    """Whom the decisions affect."""

    contact: str = ""
    """Where an affected person can ask or object."""

    references: list[str] = []
    """Papers, regulations and documents behind the model."""

    citation: str = ""
    """How the model is cited."""

    instructions: str = ""
    """How it is used, through which interface."""

    deployment: str = ""
    """Where, and with which other systems, it runs."""

    metric_choice: str = ""
    """Why the figures on the card are the right ones here."""

    security: str = ""
    """Measures that protect the model and its data."""

    risk_management: str = ""
    """How risks are found and treated."""

    monitoring: str = ""
    """How the model is watched once it is live."""

    changes: str = ""
    """What may change without a new assessment."""

    standards: str = ""
    """Harmonised standards that were applied."""

    conformity: str = ""
    """Where the declaration of conformity is, if one is due."""
