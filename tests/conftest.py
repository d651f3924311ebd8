"""What every test needs: one thread for BLAS and OpenMP, no telemetry, and a home of its own."""

import os

import pytest

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.update(
    {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
)


@pytest.fixture(scope="module")
def browser():
    """A real browser; where there is none the test is skipped with its reason (.ci/run installs one)."""
    from tests.e2e.pages import browser as started

    with started() as running:
        yield running
