"""How a model comes to its answers: attributions, importances, dependence, cases and proxies.

:func:`explain` makes all of them; what is about single people stays in :attr:`Explanation.local`.
"""

from evenhand.explain.attributions import Attributions, LocalExplainer, Reason, top_reasons
from evenhand.explain.engine import explain
from evenhand.explain.explainers import make_explainer
from evenhand.explain.explanation import Explanation, LocalExplanation
from evenhand.explain.proxies import find_proxies

__all__ = [
    "Attributions",
    "Explanation",
    "LocalExplainer",
    "LocalExplanation",
    "Reason",
    "explain",
    "find_proxies",
    "make_explainer",
    "top_reasons",
]
