"""Figures are deterministic, leave matplotlib as it was, and take any text as plain text."""

import subprocess
import sys
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from evenhand.plotting import PALETTE, figure_style, figure_to_png, figure_to_svg, new_figure, plain_label

AWKWARD = ["$x_{1$", "$$", r"$\frac{", "<script>alert(1)</script>", "a & b", "😀", "收入", "-->", "x\x00y", "_hidden"]


def _bars(labels):
    figure, axes = new_figure(width=4, height=3)
    with figure_style():
        _fill(axes, labels)
    return figure


def _fill(axes, labels):
    bars = axes.barh([str(i) for i in range(len(labels))], range(len(labels)), color=PALETTE[0])
    axes.set_yticks(range(len(labels)), labels=labels)
    axes.set_title(labels[0])
    axes.legend([bars], labels[:1])


def test_equal_figures_give_equal_bytes():
    assert figure_to_svg(_bars(AWKWARD)) == figure_to_svg(_bars(AWKWARD))
    assert figure_to_png(_bars(AWKWARD), dpi=50) == figure_to_png(_bars(AWKWARD), dpi=50)


def test_drawing_a_figure_twice_gives_the_same_bytes():
    figure = _bars(["a", "b"])
    assert figure_to_svg(figure) == figure_to_svg(figure)


@pytest.mark.parametrize("label", AWKWARD)
def test_any_text_is_shown_as_it_is_written(label):
    svg = figure_to_svg(_bars([label, "b"]))
    texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert label.replace("\x00", "") in texts
    assert "<script>" not in svg


def test_svg_carries_no_date_comment_doctype_or_metadata():
    svg = figure_to_svg(_bars(["a"]))
    assert svg.startswith("<svg")
    for unwanted in ("<!--", "<?xml", "DOCTYPE", "<metadata", "matplotlib.org"):
        assert unwanted not in svg


def test_matplotlib_settings_are_left_as_they_were():
    before = _settings()
    figure_to_svg(_bars(["a"]))
    with figure_style():
        assert mpl.rcParams["text.parse_math"] is False
    assert _settings() == before


def test_a_users_settings_do_not_change_our_figures():
    plain = figure_to_svg(_bars(["a"]))
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "xtick.labelcolor": "red"}):
        assert figure_to_svg(_bars(["a"])) == plain


def test_logarithmic_axes_keep_their_powers():
    figure, axes = new_figure()
    axes.loglog([1, 1000], [1, 1000])
    assert "mathdefault" not in figure_to_svg(figure)


def test_importing_the_module_imports_no_matplotlib():
    code = "import sys, evenhand.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labels_are_cut_in_the_middle_so_that_both_ends_tell():
    assert plain_label("x" * 50 + "end", limit=11) == "xxxxx…xxend"
    assert len(plain_label("y" * 500)) == 40
    assert plain_label("a\r\nb\u2028c\x00") == "a b c"


def _settings():
    # Reading the backend makes matplotlib choose one, which is a change by itself.
    return {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}
