"""`evenhand sync`: what MLflow has not got yet, delivered."""

import json
import os
import sys
from typing import TYPE_CHECKING

from rich.text import Text

from deployments.local import default_addresses, home_folder
from deployments.screen import console, plain
from evenhand.exceptions import ServiceError

if TYPE_CHECKING:
    from tasks.tracking import Delivery

__all__ = ["sync"]


def sync(*, elsewhere: bool, as_json: bool) -> int:
    """Deliver every outbox, and say of each what came of it; 5 when records still wait or were refused."""
    default_addresses(os.environ, home_folder())  # before Prefect and MLflow read their settings
    from tasks.tracking import Delivery, deliver_all

    out = console()

    def tell(found: Delivery) -> None:
        if not as_json:
            out.print(Text(plain(_sentence(found))), soft_wrap=True)

    results = deliver_all(elsewhere=elsewhere, tell=tell)
    if as_json:
        sys.stdout.write(json.dumps([found.to_dict() for found in results], indent=2) + "\n")
    elif not results:
        out.print("nothing waits: MLflow has every record of this folder")
    return ServiceError.exit_code if any(found.left or found.refused for found in results) else 0


def _sentence(found: "Delivery") -> str:
    version = f", version {found.receipts['version']}" if found.receipts.get("version") else ""
    name = f"{found.model}, run {(found.receipts.get('run_id') or found.key)[:8]}{version}"
    refused = "".join(f"; {reason}" for reason in found.refused)
    if refused:
        refused += f" (what was refused stays in {found.folder}: note it elsewhere and remove the folder)"
    if found.left:
        return f"{name}: {found.sent} records delivered, {found.left} wait in {found.folder}: {found.reason}{refused}"
    return f"{name}: {found.sent} records delivered{refused}"
