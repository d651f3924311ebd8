"""The headings of four sources that a model card must cover, each with where it was taken from.

The names are those of the sources; the items of Annex IV are whole sentences there and stand here in a few words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["SOURCES", "HeadingSource", "SourceName"]

SourceName = Literal["mitchell", "toolkit", "hugging_face", "annex_iv"]


@dataclass(frozen=True)
class HeadingSource:
    """A list of headings.

    Attributes
    ----------
    title
        What readers call the source.
    citation
        Where the list was taken from.
    headings
        In the order of the source; ``Section: part`` where it has two levels.
    """

    title: str
    citation: str
    headings: tuple[str, ...]


SOURCES: Mapping[SourceName, HeadingSource] = {
    "mitchell": HeadingSource(
        title="Model Cards for Model Reporting",
        citation="Mitchell et al., Model Cards for Model Reporting, FAT* 2019, figure 1 (arXiv:1810.03993)",
        headings=(
            "Model Details",
            "Intended Use",
            "Factors",
            "Metrics",
            "Evaluation Data",
            "Training Data",
            "Quantitative Analyses",
            "Ethical Considerations",
            "Caveats and Recommendations",
        ),
    ),
    "toolkit": HeadingSource(
        title="Model Card Toolkit",
        citation="Google, Model Card Toolkit, schema/v0.0.2/model_card.schema.json",
        headings=(
            "model_details: name",
            "model_details: overview",
            "model_details: documentation",
            "model_details: owners",
            "model_details: version",
            "model_details: licenses",
            "model_details: references",
            "model_details: citations",
            "model_details: path",
            "model_parameters: model_architecture",
            "model_parameters: data",
            "model_parameters: input_format",
            "model_parameters: output_format",
            "quantitative_analysis: performance_metrics",
            "quantitative_analysis: graphics",
            "considerations: users",
            "considerations: use_cases",
            "considerations: limitations",
            "considerations: tradeoffs",
            "considerations: ethical_considerations",
        ),
    ),
    "hugging_face": HeadingSource(
        title="Hugging Face model card template",
        citation="Hugging Face, huggingface_hub, templates/modelcard_template.md",
        headings=(
            "Model Details",
            "Model Description",
            "Model Sources",
            "Uses",
            "Direct Use",
            "Downstream Use",
            "Out-of-Scope Use",
            "Bias, Risks, and Limitations",
            "Recommendations",
            "How to Get Started with the Model",
            "Training Details",
            "Training Data",
            "Training Procedure",
            "Preprocessing",
            "Training Hyperparameters",
            "Speeds, Sizes, Times",
            "Evaluation",
            "Testing Data, Factors & Metrics",
            "Testing Data",
            "Factors",
            "Metrics",
            "Results",
            "Summary",
            "Model Examination",
            "Environmental Impact",
            "Technical Specifications",
            "Model Architecture and Objective",
            "Compute Infrastructure",
            "Hardware",
            "Software",
            "Citation",
            "Glossary",
            "More Information",
            "Model Card Authors",
            "Model Card Contact",
        ),
    ),
    "annex_iv": HeadingSource(
        title="EU AI Act, Annex IV",
        citation="Regulation (EU) 2024/1689, Annex IV: technical documentation referred to in Article 11(1)",
        headings=(
            "1(a) intended purpose, provider, version",
            "1(b) interaction with other hardware and software",
            "1(c) versions of relevant software",
            "1(d) forms in which it is put into service",
            "1(e) hardware it runs on",
            "1(f) product of which it is a component",
            "1(g) user interface",
            "1(h) instructions for use",
            "2(a) methods and steps of development",
            "2(b) design specifications and trade-offs",
            "2(c) architecture and computational resources",
            "2(d) data requirements and provenance",
            "2(e) human oversight measures",
            "2(f) pre-determined changes",
            "2(g) validation and testing, accuracy, robustness, discriminatory impacts",
            "2(h) cybersecurity measures",
            "3 monitoring, functioning and control",
            "4 appropriateness of the performance metrics",
            "5 risk management system",
            "6 changes through the lifecycle",
            "7 harmonised standards",
            "8 EU declaration of conformity",
            "9 post-market monitoring",
        ),
    ),
}
"""The four sources by short name."""
