"""How Evenhand draws: one quiet style, without pyplot and without touching matplotlib's global settings.

A figure is drawn by :func:`new_figure` and its Axes' own methods, and leaves through :func:`figure_to_svg` or
:func:`figure_to_png`. Both give the same bytes for the same figure. Text in a figure is always plain: a column that is
called ``$x_1$`` shows as it is written, since names come from other people's data and are no markup.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from textwrap import wrap
from threading import RLock
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "PALETTE",
    "figure_style",
    "figure_to_png",
    "figure_to_svg",
    "label_below",
    "laid_out",
    "new_figure",
    "plain_label",
    "wrapped_label",
]

INK = "#22262b"
"""Colour of text and of the marks that carry a value; a page may recolour it for dark surroundings."""
MUTED = "#6a717b"
"""Colour of what is said in a lower voice: tick labels, reference lines."""
GRID = "#d5dae0"
"""Colour of grids and spines."""

PALETTE: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's colours (*Color Universal Design*, 2008), told apart with any colour vision.

Their yellow and black are left out: the one vanishes on white, the other on a dark page.
"""

_STYLE: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial", "sans-serif"],
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "evenhand",
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": GRID,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8.5,
}

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_LINE = 0.16
"""Inches that a line of an axis' label takes."""
_lock = RLock()
_laid: "list[Figure]" = []
"""Figures within :func:`laid_out`; only who holds the lock draws."""


@contextmanager
def figure_style() -> Iterator[None]:
    """Our settings for as long as something is made or drawn, then the caller's again, exactly.

    Titles and legends read the settings when they are made, so draw inside it where a figure has any. (A legend
    leaves out labels that begin with an underscore unless it is given handles and labels.)

    Examples
    --------
    >>> figure, axes = new_figure()
    >>> with figure_style():
    ...     _ = axes.set_title("Selection rate")
    """
    import matplotlib as mpl
    from cycler import cycler

    # The settings are global to the process and not to a thread, so only one thread draws at a time.
    with _lock, mpl.rc_context(), warnings.catch_warnings():
        # A script that no installed font has is drawn by the reader's fonts in an SVG and as a box in a PNG.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        defaults: Any = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
        mpl.rcParams.update(defaults | dict(_STYLE) | {"axes.prop_cycle": cycler(color=PALETTE)})
        yield


def new_figure(*, width: float = 6.4, height: float = 3.6, **subplots: Any) -> "tuple[Figure, Axes]":
    """An empty figure in our style, laid out by itself, with its Axes.

    Parameters
    ----------
    width, height
        In inches. A card shows 6.4 inches over the full column; half of it fits a phone without shrinking.
    **subplots
        Passed to :meth:`matplotlib.figure.Figure.subplots` (``nrows``, ``ncols``, ``sharex``, ...); with more than
        one the second value is their array.

    Returns
    -------
    tuple
        The figure and its Axes. The figure belongs to no window and to no pyplot registry: it needs no closing.

    Examples
    --------
    >>> figure, axes = new_figure(width=4, height=3)
    >>> _ = axes.barh(["$a_1$", "<b>"], [1, 2], color=PALETTE[0])
    >>> "$a_1$" in figure_to_svg(figure)
    True
    """
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(**subplots)


def plain_label(text: object, *, limit: int = 40) -> str:
    r"""Any value as the label of a tick or a line: on one line, printable, cut in its middle beyond `limit`.

    Examples
    --------
    >>> plain_label("monthly\n income", limit=20)
    'monthly income'
    >>> plain_label("a" * 30 + "z", limit=9)
    'aaaa…aaaz'
    """
    line = " ".join(_UNPRINTABLE.sub(" ", str(text)).split())
    half = (limit - 1) // 2
    return line if len(line) <= limit else f"{line[: limit - 1 - half]}…{line[-half:]}"


def wrapped_label(text: object, *, width: int = 40, limit: int = 144) -> str:
    """Any value as a label on as many lines as it needs; see :func:`plain_label`.

    Parameters
    ----------
    width
        Characters of a line at most; three quarters of it where any is as wide as two, such as Chinese ones.
    limit
        Characters in all.

    Examples
    --------
    >>> print(wrapped_label("probability of the Liberal Democrats", width=20))
    probability of the
    Liberal Democrats
    """
    line = plain_label(text, limit=limit)
    wide = any(east_asian_width(sign) in "WF" for sign in line)
    return "\n".join(wrap(line, width * 3 // 4 if wide else width))


def label_below(axes: "Axes", *parts: str) -> None:
    """Name the horizontal axis, whole however long its words and narrow the axes beside long ticks are.

    It ends where the axes end, so that only a line wider than the figure could be cut: forty capitals take four inches.
    A line that is wrapped makes the figure higher and the axes no smaller.

    Parameters
    ----------
    axes
        Of a figure of five inches or more.
    *parts
        What stands on a line of its own, or on several.

    Examples
    --------
    >>> figure, axes = new_figure(width=5, height=3)
    >>> label_below(axes, "attribution", "(score of the class before the softmax, Liberal Democrat)")
    >>> print(axes.get_xlabel())
    attribution
    (score of the class before the softmax,
    Liberal Democrat)
    >>> round(float(figure.get_figheight()), 2)
    3.16
    """
    text = "\n".join(wrapped_label(part) for part in parts)
    axes.set_xlabel(text, loc="right")
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.set_figheight(figure.get_figheight() + _LINE * (text.count("\n") + 1 - len(parts)))


def figure_to_svg(figure: "Figure") -> str:
    """The figure as an ``<svg>`` element: transparent, text as text, no date, no comment, nothing to fetch.

    Equal figures give equal strings. :data:`INK`, :data:`MUTED` and :data:`GRID` stand in it as they are written here,
    so that a page can replace them by its own colours.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    with laid_out(figure), _printing(figure, FigureCanvasSVG, facecolor="none") as canvas:
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    svg = _PROLOGUE.sub("", buffer.getvalue(), count=1)
    return _NOT_XML.sub("", _METADATA.sub("", _COMMENT.sub("", svg)))


def figure_to_png(figure: "Figure", dpi: int = 144) -> bytes:
    """The figure as a PNG on white, without date and version, so that equal figures give equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with laid_out(figure), _printing(figure, FigureCanvasAgg, facecolor="white", dpi=dpi) as canvas:
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def laid_out(figure: "Figure") -> Iterator[None]:
    """Lay a figure out once for all that is made of it in the block.

    Matplotlib's own ``savefig`` draws a figure that lays itself out twice, each time it is saved.
    """
    with figure_style():
        if figure in _laid:
            yield
            return
        _settle(figure)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine("none")
        _laid.append(figure)
        try:
            yield
        finally:
            _laid.remove(figure)
            figure.set_layout_engine(engine)


@contextmanager
def _printing(figure: "Figure", canvas: Callable[["Figure"], Any], *, facecolor: str, dpi: float = 72) -> Iterator[Any]:
    """A canvas for the figure; afterwards the figure is as it was."""
    before = figure.canvas, figure.dpi, figure.get_facecolor()
    figure.set_facecolor(facecolor)
    figure.dpi = dpi
    try:
        yield canvas(figure)
    finally:
        figure.set_canvas(before[0])
        figure.dpi = before[1]
        figure.set_facecolor(before[2])


def _settle(figure: "Figure") -> None:
    """Make what was added outside of :func:`figure_style` fit: plain text, our ink, legends without a box.

    No text is read as mathematics, except the powers that a logarithmic axis writes itself.
    """
    from matplotlib.axis import Axis
    from matplotlib.legend import Legend
    from matplotlib.text import Text
    from matplotlib.ticker import LogFormatterMathtext

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        if text.get_color() == "black":
            text.set_color(INK)
    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)
    for axis in figure.findobj(Axis):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            for label in axis.get_ticklabels(which="both"):
                label.set_parse_math(True)
