"""On a phone the tables of a notebook's output scroll, and the page does not."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from evenhand import BiasDetector


@pytest.fixture
def html():
    generator = np.random.default_rng(0)
    y, people = generator.integers(0, 3, 400), pd.DataFrame({"a" * 90: generator.choice(["n" * 60, "south"], 400)})
    report = BiasDetector.from_predictions(y, y[::-1], sensitive_features=people, favorable_label=1)
    return report.detect_bias()._repr_html_()


def test_every_table_stands_in_a_box_of_its_own_that_scrolls(html):
    boxes = re.findall(r'<div class="scroll" tabindex="0" style="overflow-x:auto[^"]*"><table>', html)
    assert len(boxes) == html.count("<table>") > 2
    assert html.startswith('<div style="overflow-wrap:anywhere">')


def test_a_page_as_wide_as_a_phone_does_not_scroll_sideways(html, tmp_path):
    sync = pytest.importorskip("playwright.sync_api")
    (tmp_path / "page.html").write_text(f"<meta charset=utf-8><meta name=viewport content='width=device-width'>{html}")
    found = shutil.which("chromium")
    if not found:
        pytest.skip("there is no chromium on this machine")
    with sync.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto((tmp_path / "page.html").as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert width == 390
