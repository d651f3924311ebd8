"""The sections of a card, in the order in which a reader needs them."""

from dataclasses import replace

from evenhand.card.blocks import Section
from evenhand.card.inputs import Inputs
from evenhand.card.sections.data import data_section
from evenhand.card.sections.details import details_section, use_section
from evenhand.card.sections.governance import appendix_section, governance_section
from evenhand.card.sections.groups import groups_section
from evenhand.card.sections.limits import limits_section
from evenhand.card.sections.mitigation import mitigation_part
from evenhand.card.sections.performance import performance_section
from evenhand.card.sections.policies import policy_parts
from evenhand.card.sections.reasons import reasons_section
from evenhand.card.sections.robustness import robustness_section
from evenhand.card.sections.summary import summary_section
from evenhand.card.sections.training import training_section

__all__ = ["build_sections"]


def _groups(inputs: Inputs) -> Section:
    """The section on groups, with the policies' verdicts and what was done about the differences."""
    section = groups_section(inputs)
    if not inputs.audit:
        return section
    return replace(section, sections=(*section.sections, *policy_parts(inputs), mitigation_part(inputs)))


def build_sections(inputs: Inputs) -> tuple[Section, ...]:
    """Every section; the last one says which headings of which source each of the others answers."""
    sections = (
        summary_section(inputs),
        details_section(inputs),
        use_section(inputs),
        data_section(inputs),
        training_section(inputs),
        performance_section(inputs),
        _groups(inputs),
        robustness_section(inputs),
        reasons_section(inputs),
        limits_section(inputs),
        governance_section(inputs),
    )
    return (*sections, appendix_section(inputs, sections))
