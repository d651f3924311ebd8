"""On a phone the tables of a notebook's output scroll, and the page does not."""

import re

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


def test_a_page_as_wide_as_a_phone_does_not_scroll_sideways(html, browser, tmp_path):
    (tmp_path / "page.html").write_text(f"<meta charset=utf-8><meta name=viewport content='width=device-width'>{html}")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
