"""Prefect's server as a child of one command: `python -m deployments.local_server PORT`.

It ends when its standard input closes, so that it never outlives its parent, however that one ended.
"""

import os
import sys
import threading

__all__ = ["main"]


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(port: int) -> None:
    """Serve Prefect's API on 127.0.0.1 until standard input closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
