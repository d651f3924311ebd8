"""Prefect's and MLflow's pages in a headless browser, as a person sees them."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE = 120_000
"""Milliseconds that a page may take; the machine computes beside it."""

_SEEN = {"mlflow.assistant.panelOpen": False, "mlflow.assistant.fab.autoOpenedOnFirstLoad": True}


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def new_page(started: Browser, *, width: int = 1280, height: int = 900) -> Page:
    """A page that reaches this machine only; the pages ask others for statistics."""
    page = started.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE)
    page.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    for name, value in _SEEN.items():
        for key in (name, f"{name}_v1"):
            page.add_init_script(f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))})")
    return page


def picture(page: Page, name: str) -> None:
    """Keep what the page shows in the folder that EVENHAND_PICTURES names: those of docs/images are made this way."""
    folder = os.environ.get("EVENHAND_PICTURES")
    if folder:
        page.wait_for_timeout(1500)  # pictures and panels fade in
        page.screenshot(path=Path(folder) / f"{name}.png")
