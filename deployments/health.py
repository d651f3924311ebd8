"""Whether a server answers: asked of a service before it is used, and by a container of itself.

`python -m deployments.health ADDRESS` ends with 0 when it does; the image has no curl.
"""

import sys
import urllib.error
import urllib.request

__all__ = ["answers", "is_prefect", "main"]


def answers(address: str, *, seconds: float) -> bool:
    """Whether a request of `address` is answered with success within `seconds`."""
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:  # noqa: S310 (the user's own address)
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def is_prefect(address: str, *, seconds: float) -> bool:
    """Whether what answers at `address` is Prefect's API; MLflow's server, and Prefect's page, answer otherwise."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=seconds) as answer:  # noqa: S310 (the user's own address)
            return bool(answer.read(100).strip() == b"true")
    except (urllib.error.URLError, OSError, ValueError):
        return False


def main(address: str) -> int:
    """The exit code of a container's health check."""
    return int(not answers(address, seconds=5))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
