"""The made-up inputs by fixture, since test folders are no packages here."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("card_evidence", Path(__file__).with_name("evidence.py"))
evidence = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(evidence)


@pytest.fixture
def inputs():
    return evidence.inputs()


@pytest.fixture
def multiclass():
    return evidence.multiclass()


@pytest.fixture(scope="session")
def kinds():
    """Makers of inputs: of two classes, of four, and of nothing but a name."""
    return {"binary": evidence.inputs, "multiclass": evidence.multiclass, "bare": lambda: {"model": {"name": "loans"}}}


@pytest.fixture(params=["binary", "multiclass", "bare"])
def any_inputs(request, kinds):
    return kinds[request.param]()
