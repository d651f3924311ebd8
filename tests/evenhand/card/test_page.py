"""The page stands alone and can be read by machines that read for people."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from evenhand.card import build_card, render_html

VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Headings in order, ids, links to ids, tables' heads, drawings' names, and whether tags balance."""

    def __init__(self, page):
        super().__init__()
        self.headings, self.ids, self.anchors, self.drawings, self.heads, self.open = [], [], [], [], [], []
        self.labels = []
        self.feed(page)

    def handle_starttag(self, tag, attrs, *, closed=False):
        found = dict(attrs)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if "id" in found:
            self.ids.append(found["id"])
        self.labels += (found.get("aria-labelledby") or "").split()
        if tag == "a" and found.get("href", "").startswith("#"):
            self.anchors.append(found["href"][1:])
        if tag in ("svg", "img"):
            self.drawings.append(found)
        if tag == "th":
            self.heads.append(found.get("scope"))
        if not closed and tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs, closed=True)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=["binary", "multiclass", "bare"])
def page(request, kinds):
    return render_html(build_card(**kinds[request.param]()))


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r"<(script|link|iframe|object|embed|base|form|video|audio|source)\b", page)
    assert "@import" not in page
    assert all(found == "#" for found in re.findall(r"url\(\s*['\"]?(.)", page))
    assert all(address.startswith("data:image/png;base64,") for address in re.findall(r'\ssrc="([^"]*)"', page))
    assert "default-src 'none'" in page


def test_headings_go_down_one_step_at_a_time(page):
    levels = Outline(page).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_tags_balance_and_ids_are_unique(page):
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))


def test_every_entry_of_the_contents_leads_somewhere(any_inputs):
    card = build_card(**any_inputs)
    outline = Outline(render_html(card))
    assert set(outline.anchors) <= set(outline.ids)
    assert outline.anchors[1:] == [section.id for section in card.sections]  # the first anchor skips


def test_every_label_exists(page):
    outline = Outline(page)
    assert set(outline.labels) <= set(outline.ids)


def test_every_drawing_has_a_name_and_words(inputs):
    page = render_html(build_card(**inputs))
    drawings = Outline(page).drawings
    assert len(drawings) > 5
    for found in drawings:
        if "src" in found:
            assert found["alt"]
        else:
            assert found["role"] == "img"
            assert len(found["aria-labelledby"].split()) == 2
    assert "<desc" in page
    assert "Accuracy 0.900 (0.860 to 0.930)" in page  # words made from the numbers


def test_every_head_of_a_table_says_what_it_heads(page):
    assert set(Outline(page).heads) <= {"col", "row"}


def test_the_page_says_its_language_and_fits_any_screen(page):
    assert '<html lang="en">' in page
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in page
    for rule in ("prefers-color-scheme: dark", "@media print", "@page", "overflow-x: auto"):
        assert rule in page


def test_two_drawings_of_one_kind_share_no_id(inputs):
    inputs["figures"]["precision_recall"] = inputs["figures"]["roc"] = (
        '<svg viewBox="0 0 9 9"><g id="axes_1"><path id="p" d="M0 0"/><use href="#p"/></g></svg>'
    )
    ids = Outline(render_html(build_card(**inputs))).ids
    assert sum(name.endswith("-axes_1") for name in ids) >= 2
    assert len(ids) == len(set(ids))
