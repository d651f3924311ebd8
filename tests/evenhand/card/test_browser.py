"""The page in a real browser: nothing fetched, nothing wider than a phone, legible in the dark and on paper."""

import pytest

from evenhand.card import build_card, render_html

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=["binary", "multiclass", "bare"])
def address(request, kinds, tmp_path_factory):
    given = kinds[request.param]()
    given["model"]["name"] = "averylongnamewithoutanyblankinit" * 4
    path = tmp_path_factory.mktemp("card") / "card.html"
    path.write_text(render_html(build_card(**given)), encoding="utf-8")
    return path.as_uri()


def _open(browser, address, **context):
    page = browser.new_page(**context)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    return page, asked, said


def test_nothing_is_requested_and_nothing_goes_wrong(browser, address):
    page, asked, said = _open(browser, address)
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert said == []
    page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(browser, address, width):
    page, _, _ = _open(browser, address, viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_phone_shows_every_verdict_before_a_table_is_moved(browser, address):
    page, _, _ = _open(browser, address, viewport={"width": 390, "height": 844})
    tables = page.locator("table", has=page.locator("thead th", has_text="Verdict")).all()
    for table in (each for each in tables if each.is_visible()):
        place = table.locator("thead th").all_inner_texts().index("Verdict")
        for row in table.locator("tbody tr").all():
            box = row.locator("th, td").nth(place).bounding_box()
            assert box is None or box["x"] + box["width"] <= 390
    page.close()


def test_no_words_of_a_figure_are_cut_off(browser, address):
    page, _, _ = _open(browser, address, viewport={"width": 1280, "height": 844})
    cut = page.evaluate(
        """[...document.querySelectorAll('svg')].flatMap(svg => {
            const whole = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.width > 0 && (box.left < whole.left - 1 || box.right > whole.right + 1
                    || box.top < whole.top - 1 || box.bottom > whole.bottom + 1);
            }).map(text => text.textContent);
        })"""
    )
    assert cut == []
    page.close()


def test_wide_tables_scroll_within_themselves(browser, address):
    page, _, _ = _open(browser, address, viewport={"width": 390, "height": 844})
    inside = "[...document.querySelectorAll('.scroll')].every(e => e.getBoundingClientRect().right <= innerWidth)"
    assert page.evaluate(inside)
    page.close()


CONTRAST = """() => {
  const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parse(c); return .2126*channel(r) + .7152*channel(g) + .0722*channel(b); };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (parse(c).length < 4 || parse(c)[3] > .99) return c; } return 'rgb(255,255,255)'; };
  return [...document.querySelectorAll('p, li, td, th, dt, dd, h1, h2, h3, small, .tag, a, figcaption, svg text')]
    .filter(e => e.textContent.trim() && !e.closest('.unseen, .skip'))
    .map(e => { const s = getComputedStyle(e), f = light(e.tagName === 'text' ? s.fill : s.color), b = light(behind(e));
      return [(Math.max(f, b) + .05) / (Math.min(f, b) + .05), e.textContent.trim().slice(0, 40)]; })
    .sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(browser, address, scheme):
    page, _, _ = _open(browser, address, color_scheme=scheme)
    ratio, text = page.evaluate(CONTRAST)
    assert ratio >= 4.5, text  # WCAG 2.2, success criterion 1.4.3
    page.close()


def test_the_dark_page_is_dark_and_paper_is_white(browser, address):
    page, _, _ = _open(browser, address, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(22, 25, 29)"
    page.emulate_media(media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.close()


def test_the_first_screen_answers_the_first_questions(browser, address):
    page, _, _ = _open(browser, address, viewport={"width": 1280, "height": 900})
    for name in ("What it is", "For whom", "On which data", "How good", "Who is treated differently", "Decision"):
        box = page.get_by_role("heading", name=name, exact=True, level=3).first.bounding_box()
        assert box is not None
        assert box["y"] < 900, name
    page.close()


def test_it_prints(browser, address, tmp_path):
    page, _, _ = _open(browser, address)
    target = tmp_path / "card.pdf"
    page.pdf(path=target, prefer_css_page_size=True)
    assert target.read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 900})  # A4 less its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    page.close()
