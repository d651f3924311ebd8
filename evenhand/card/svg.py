"""Drawings from elsewhere made safe and at home in a page.

An SVG can carry scripts, addresses to fetch and styles that spill over the page. What is not on the lists here is left
out, so a drawing can only draw.
"""

import re
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from evenhand.card.text import visible
from evenhand.exceptions import DataError
from evenhand.plotting import GRID, INK, MUTED

__all__ = ["clean_svg"]

# fmt: off (one name a line would take a page each)
_ELEMENTS = frozenset(
    (
        "svg",
        "g",
        "defs",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "use",
        "clipPath",
        "image",
        "linearGradient",
        "radialGradient",
        "stop",
        "marker",
        "pattern",
        "symbol",
        "mask",
    )
)
_ATTRIBUTES = frozenset(
    (
        "id",
        "class",
        "style",
        "d",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "fx",
        "fy",
        "dx",
        "dy",
        "width",
        "height",
        "points",
        "transform",
        "viewBox",
        "fill",
        "stroke",
        "opacity",
        "fill-opacity",
        "fill-rule",
        "stroke-width",
        "stroke-opacity",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-dasharray",
        "stroke-dashoffset",
        "clip-path",
        "clip-rule",
        "text-anchor",
        "dominant-baseline",
        "font-size",
        "font-weight",
        "font-style",
        "offset",
        "stop-color",
        "stop-opacity",
        "gradientUnits",
        "gradientTransform",
        "spreadMethod",
        "patternUnits",
        "patternTransform",
        "markerUnits",
        "markerWidth",
        "markerHeight",
        "refX",
        "refY",
        "orient",
        "clipPathUnits",
        "preserveAspectRatio",
        "mask",
        "rotate",
        "textLength",
        "lengthAdjust",
    )
)
# fmt: on
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_FETCHES = re.compile(r"url\(\s*['\"]?(?!#)|expression|javascript:|@import|\\", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]*\Z")
_FONT = re.compile(r"font-family:[^;]*;?\s*")
_THEME = ((INK, "var(--ink)"), (MUTED, "var(--muted)"), (GRID, "var(--line)"))


def clean_svg(svg: str, *, prefix: str) -> str:
    """A drawing as an inline ``<svg>`` without scripts, styles, addresses, fixed size or ids that clash.

    Parameters
    ----------
    svg
        One ``<svg>`` element.
    prefix
        Put before every id, so that several drawings share a page.

    Raises
    ------
    DataError
        When it is no SVG.

    Examples
    --------
    >>> clean_svg('<svg viewBox="0 0 1 1" onload="x()"><script>y()</script><path id="a" d="M0 0"/></svg>', prefix="f1")
    '<svg viewBox="0 0 1 1" preserveAspectRatio="xMinYMin meet"><path id="f1-a" d="M0 0"/></svg>'
    """
    if "<!DOCTYPE" in svg or "<!ENTITY" in svg:
        raise DataError("a figure's SVG declares a document type: give the <svg> element alone")
    try:
        root = ET.fromstring(svg)  # noqa: S314 (entities are refused above)
    except ET.ParseError as error:
        raise DataError(f"a figure is no well-formed SVG: {error}") from error
    if _local(root.tag) != "svg":
        raise DataError(f"a figure's outermost element is <{_local(root.tag)}>: give an <svg> element")
    _make_scalable(root)
    return _write(root, prefix)


def _make_scalable(root: ET.Element) -> None:
    """The page decides about the size; without a viewBox the drawing could not follow."""
    width, height = (re.sub(r"[a-z%]+$", "", root.attrib.pop(name, "")) for name in ("width", "height"))
    if "viewBox" not in root.attrib and width and height:
        root.set("viewBox", f"0 0 {width} {height}")
    root.set("preserveAspectRatio", "xMinYMin meet")


def _local(tag: object) -> str:
    return str(tag).rsplit("}", 1)[-1]


def _write(element: ET.Element, prefix: str) -> str:
    name = _local(element.tag)
    if name not in _ELEMENTS:
        return ""
    inner = escape(visible(element.text or "")) if name in ("text", "tspan") else ""
    for child in element:
        inner += _write(child, prefix)
        inner += escape(visible(child.tail or "")) if name in ("text", "tspan") else ""
    opening = f"<{name}{_attributes(element, prefix)}"
    return f"{opening}>{inner}</{name}>" if inner or name == "svg" else f"{opening}/>"


def _attributes(element: ET.Element, prefix: str) -> str:
    kept = []
    for key, raw in element.attrib.items():
        name, value = _local(key), " ".join(raw.split())
        if name == "href":
            value = _href(element, value, prefix)
        elif name not in _ATTRIBUTES or _FETCHES.search(value):
            continue
        elif name == "id":
            value = f"{prefix}-{value}"
        if value:
            value = _recolour(_REFERENCE.sub(rf"url(#{prefix}-\1)", _FONT.sub("", value)))
            kept.append(f" {name}={quoteattr(value)}")
    return "".join(kept)


def _href(element: ET.Element, value: str, prefix: str) -> str:
    if value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return value if _local(element.tag) == "image" and _IMAGE.match(value) else ""


def _recolour(value: str) -> str:
    """Our inks follow the page's colours, so that they stay legible in the dark."""
    for ours, theirs in _THEME:
        value = value.replace(ours, theirs)
    return value
