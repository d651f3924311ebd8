"""Other people's text is text: in the page, in Markdown, in the front matter and in figures."""

import re
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evenhand.card import build_card, render_html, render_json, render_markdown
from evenhand.card.render_markdown import escape_markdown
from evenhand.card.sections.details import address
from evenhand.card.svg import clean_svg
from evenhand.exceptions import DataError

PAYLOADS = (
    "<xss-tag onload=alert(1)>",
    "</script><xss-tag>",
    "\"'><xss-tag autofocus onfocus=alert(1)>",
    "</title></style><xss-tag>",
    "--><xss-tag>",
    "&lt;xss-tag&gt;<xss-tag>",
    "[x](javascript:alert(1)) ![x](https://evil.example/a.png) <https://evil.example>",
    "https://evil.example www.evil.example `x` **b** | a | b |\n\n# evil heading\n\n- item\n\n---\n",
    "{{ 7*7 }} {% raw %} ${x} $x_{1$ \\frac",
    "---\nlicense: evil\n---\n!!python/object/apply:os.system ['x']",
    "=1+1\x00\x1b[31m\u202eevil\u2066",
)
STRUCTURE = {"part", "kind", "verdict", "status", "prefer", "selected_by", "algorithm", "outcome", "svg", "png", "url"}
NAMED = {"attributes", "intersections", "sensitive", "impact_ratio", "params"}


def poison(value, payload, key=""):
    """The same inputs with the payload before every text and before every name that comes from data."""
    if isinstance(value, dict):
        names = {name: f"{payload}{name}" if key in NAMED else name for name in value}
        return {names[name]: poison(item, payload, str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return value if key in STRUCTURE else [poison(item, payload, key) for item in value]
    return f"{payload}{value}" if isinstance(value, str) and value and key not in STRUCTURE else value


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of style."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "footer", "div", "span"),
    *("h1", "h2", "h3", "p", "ol", "ul", "li", "dl", "dt", "dd", "a", "strong", "em", "small", "code"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "img"),
    *("svg", "g", "defs", "desc", "path", "rect", "clippath", "use", "text", "tspan", "circle", "line", "polyline"),
}


def assert_harmless(page):
    for tag, attributes in page.tags:
        assert tag in ALLOWED, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "xlink:href", "src", "action", "srcset", "data"):
                fine = value.startswith(("#", "data:image/png;base64,")) or value in (
                    "https://example.org/paper",
                    "http://127.0.0.1:5000/#/runs/1",
                )
                assert fine, (tag, name, value)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_page_holds_no_element_of_other_peoples(payload, inputs):
    figures = inputs.pop("figures")
    page = Page(render_html(build_card(**poison(inputs, payload), figures=figures)))
    assert_harmless(page)
    visible = re.sub(r"[\x00\x1b\u202e\u2066]", "", payload)
    assert " ".join(visible.split())[:20] in " ".join(page.text.split())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_holds_no_markup_of_other_peoples(payload, inputs):
    clean = _markdown_tags(render_markdown(build_card(**inputs)))
    text = render_markdown(build_card(**poison(inputs, payload)))
    poisoned = _markdown_tags(text)
    assert poisoned.keys() <= clean.keys()
    # References turn from links into text once something stands before their address, and a blank line in what a
    # person said begins a paragraph.
    free = {"a", "p"} if "\n\n" in payload else {"a"}
    assert {tag: n for tag, n in poisoned.items() if tag not in free} == {
        tag: n for tag, n in clean.items() if tag not in free
    }
    assert poisoned.get("a", 0) <= clean["a"]


def _markdown_tags(text):
    body = text.split("\n---\n", 1)[1]
    html = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).render(body)
    page = Page(html)
    assert_harmless(page)
    counts = {}
    for tag, _ in page.tags:
        counts[tag] = counts.get(tag, 0) + 1
    return counts


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_front_matter_is_the_metadata_and_nothing_else(payload, inputs):
    card = build_card(**poison(inputs, payload))
    text = render_markdown(card)
    assert text.startswith("---\n")
    front = text.split("\n---\n", 1)[0].removeprefix("---\n")
    found = yaml.safe_load(front)
    assert found == card.metadata
    assert set(found) <= {"license", "license_name", "library_name", "pipeline_tag", "tags", "metrics", "model-index"}
    assert found["license"] == "other"


def test_a_known_licence_is_an_identifier_and_an_absent_one_is_left_out(inputs):
    assert build_card(**inputs).metadata["license"] == "mit"
    inputs["human"]["license"] = ""
    assert "license" not in build_card(**inputs).metadata


@example("- a")
@example("---")
@example("- - -")
@example("1. a")
@example("1)")
@example("+ a")
@example("    code")
@example("> quote")
@example("===")
@example("~~~ a")
@example("a  ")
@example("&amp; &#35;")
@example("-0.5")
@given(st.text(max_size=60) | st.text(alphabet="-+=*_~#`[]()<>|!&;:.\\\"' 1ab\n", max_size=20))
@settings(max_examples=150, deadline=None)
def test_escaped_markdown_shows_exactly_the_text(text):
    html = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(f"{escape_markdown(text)}\n")
    )
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= {"p"}
    assert " ".join(page.text.split()) == " ".join(text.replace("\x00", "\ufffd").split())


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://a b",
        'https://a"onx=1',
        "HTTPS://x",
        "//x.org",
        "https://x`y",
    ],
)
def test_only_a_plain_web_address_becomes_a_link(text):
    assert not hasattr(address(text), "url")


class TestDrawings:
    @pytest.mark.parametrize(
        "svg",
        [
            "<svg><script>alert(1)</script></svg>",
            '<svg onload="alert(1)"/>',
            "<svg><style>*{color:red}</style></svg>",
            '<svg><image href="https://evil.example/a.png"/></svg>',
            '<svg><image href="data:image/svg+xml;base64,AAAA"/></svg>',
            '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><use xlink:href="https://evil.example/#a"/></svg>',
            '<svg><path style="fill: url(https://evil.example/a)"/></svg>',
            '<svg><path fill="url(https://evil.example/a)"/></svg>',
            '<svg><a href="javascript:alert(1)"><text>x</text></a></svg>',
            "<svg><foreignObject><iframe/></foreignObject></svg>",
            '<svg><animate attributeName="href" values="javascript:x"/></svg>',
            '<svg><path style="background: \\75rl(https://evil.example)"/></svg>',
        ],
    )
    def test_a_drawing_can_only_draw(self, svg):
        cleaned = clean_svg(svg, prefix="f")
        for unwanted in ("evil", "alert", "script", "onload", "<style", "iframe", "animate", "<a ", "svg+xml"):
            assert unwanted not in cleaned

    @pytest.mark.parametrize(
        "svg", ["", "<svg>", "<html/>", "not xml", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>']
    )
    def test_what_is_no_drawing_is_refused(self, svg):
        with pytest.raises(DataError):
            clean_svg(svg, prefix="f")

    def test_ids_and_what_refers_to_them_keep_together(self):
        cleaned = clean_svg(
            '<svg viewBox="0 0 1 1"><clipPath id="c"/><path clip-path="url(#c)"/><use href="#c"/></svg>', prefix="f1"
        )
        assert 'id="f1-c"' in cleaned
        assert "url(#f1-c)" in cleaned
        assert 'href="#f1-c"' in cleaned

    def test_our_inks_follow_the_page(self):
        assert "var(--ink)" in clean_svg('<svg><text style="fill: #22262b">a</text></svg>', prefix="f")


def test_control_characters_never_reach_a_reader(inputs):
    figures = inputs.pop("figures")
    card = build_card(**poison(inputs, PAYLOADS[-1]), figures=figures)
    for rendered in (render_html(card), render_markdown(card), render_json(card)):
        assert not re.search("[\x00\x1b\u202e\u2066]", rendered)
