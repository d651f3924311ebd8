"""Tables that scroll by themselves where a page is narrow, in a notebook that has no style sheet of ours too."""

__all__ = ["narrow", "scrolled"]


def scrolled(table: str) -> str:
    """A ``<table>`` that scrolls within its own width, and that the keyboard reaches.

    Examples
    --------
    >>> scrolled("<table></table>")
    '<div class="scroll" tabindex="0" style="overflow-x:auto;overflow-wrap:break-word"><table></table></div>'
    """
    return f'<div class="scroll" tabindex="0" style="overflow-x:auto;overflow-wrap:break-word">{table}</div>'


def narrow(html: str) -> str:
    """What a notebook shows, long names broken where they would make it wider than the page.

    Examples
    --------
    >>> narrow("<p>Audit</p>")
    '<div style="overflow-wrap:anywhere"><p>Audit</p></div>'
    """
    return f'<div style="overflow-wrap:anywhere">{html}</div>'
