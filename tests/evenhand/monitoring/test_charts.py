"""Pictures over the looks: what stands on their axis, and how they fit a phone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evenhand.monitoring.charts import Chart, draw_charts
from evenhand.monitoring.looks import Look
from evenhand.monitoring.page import render_html
from evenhand.plotting import figure_to_png, laid_out

FIRST = datetime(2026, 3, 1, 3, 0, 5, tzinfo=UTC)


def look(number: int, after: timedelta) -> Look:
    signal: dict[str, Any] = {
        "kind": "feature", "name": "months_since_last_delinquency", "effect": 0.2, "limit": 0.1, "n": 300,
        "alarm": True, "p_value": 0.0, "adjusted": 0.0, "value": None, "low": None, "high": None, "cell": "",
        "before": 0.1, "now": 0.4, "reason": "",
    }  # fmt: skip
    rule = {
        "metric": "demographic_parity_ratio", "attribute": "marital_status", "kind": "ratio", "limit": 0.8,
        "verdict": "PASS", "value": 0.9, "low": 0.8, "high": 1.0, "between": "", "reason": "",
    }  # fmt: skip
    policy = {"policy": "us-four-fifths", "verdict": "PASS", "reason": "", "rules": [rule]}
    accuracy = {"value": 0.8, "low": 0.7, "high": 0.9, "before": 0.8}
    return Look(
        number=number, at=(FIRST + after).isoformat(), model="loans", version="1", data=str(number), rows=300,
        labelled=300, alpha=0.001, counted=True, signals=(signal,), policies=(policy,),
        latency=({"percentile": 50, "value": 0.01, "low": 0.009, "high": 0.011, "n": 300},),
        unknown={"race": 0.1}, metrics={"accuracy": accuracy, "roc_auc": accuracy},
    )  # fmt: skip


def drawn(*after: timedelta) -> tuple[Chart, ...]:
    return draw_charts([look(number, each) for number, each in enumerate(after, 1)], drift=0.1)


def days(chart: Chart) -> list[str]:
    return [label.get_text() for label in chart.figure.axes[-1].get_xticklabels()]


def test_looks_of_one_day_have_a_time_and_others_only_their_day() -> None:
    charts = drawn(timedelta(0), timedelta(hours=9), timedelta(days=7))
    assert [chart.name for chart in charts] == ["drift", "performance", "verdicts", "unknown", "latency"]
    for chart in charts:
        assert days(chart) == ["01 Mar 2026\n03:00", "01 Mar 2026\n12:00", "08 Mar 2026"]


def test_looks_of_one_minute_are_told_apart() -> None:
    found = days(drawn(timedelta(0), timedelta(seconds=20), timedelta(minutes=5))[0])
    assert found == ["01 Mar 2026\n03:00:05", "01 Mar 2026\n03:00:25", "01 Mar 2026\n03:05"]


def test_a_picture_without_an_alarm_is_laid_out_as_often_as_it_is_written() -> None:
    """A file and a page are made of one figure; an empty ring collapsed the second."""
    quiet = look(1, timedelta(0))
    signals = tuple({**quiet.signals[0], "name": f"x{number}", "alarm": False} for number in range(6))
    charts = draw_charts([replace(quiet, signals=signals)], drift=0.1)
    for chart in charts:
        figure_to_png(chart.figure)
    assert "Drift over time" in render_html(quiet, charts, false_alarms=0.05, looks=52)


def test_every_rule_is_drawn_and_counted_and_what_fails_stands_first() -> None:
    """Those after the eighth were left out, and the caption said that none fails."""
    first = look(1, timedelta(0))
    (policy,) = first.policies
    (rule,) = policy["rules"]
    rules = [
        {**rule, "attribute": f"attribute {number}", "verdict": "FAIL" if number == 11 else "PASS"}
        for number in range(19)
    ]
    rules.append({**rule, "attribute": "nobody", "value": None, "low": None, "high": None, "verdict": "INCONCLUSIVE"})
    charts = draw_charts([replace(first, policies=({**policy, "rules": rules},))], drift=0.1)
    found = [chart for chart in charts if chart.title.startswith("Verdicts")]
    assert [chart.name for chart in found] == ["verdicts", "verdicts-2", "verdicts-3"]
    titles = [axes.get_title(loc="left") for chart in found for axes in chart.figure.axes]
    assert len(set(titles)) == 19
    assert titles[0].endswith("attribute 11")
    assert found[1].title == "Verdicts over time, 9 to 16 of 19"
    for chart in found:
        assert "1 of 20 fail at the last look. 1 of 20 limits have no value at any look." in chart.alt
        assert chart.narrow is not None
        assert len(chart.narrow.axes) == len(chart.figure.axes)


def test_a_phone_has_pictures_as_wide_as_its_screen() -> None:
    for chart in drawn(*(timedelta(days=7 * week) for week in range(52))):
        assert chart.narrow is not None
        assert chart.narrow.get_figwidth() <= 3.6
        assert len(chart.narrow.axes[-1].get_xticks()) <= 3
        assert chart.narrow.axes[-1].get_xticks()[-1] == 51  # the newest look is named


def test_a_quiet_look_has_room_for_its_lines() -> None:
    """Half of the height at least: a mark that is drawn for no alarm once pushed the axes together."""
    quiet = look(1, timedelta(0))
    signals = tuple({**signal, "alarm": False} for signal in quiet.signals)
    chart = draw_charts([replace(quiet, signals=signals)], drift=0.1)[0]
    for figure in (chart.figure, chart.narrow):
        assert figure is not None
        with laid_out(figure):
            assert figure.axes[0].get_position().height > 0.5


@pytest.mark.e2e
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_picture_scrolls_and_its_text_is_legible(width: int, browser: Any, tmp_path: Path) -> None:
    looks = [look(number, timedelta(days=number)) for number in range(1, 31)]
    page = render_html(looks[-1], draw_charts(looks, drift=0.1), false_alarms=0.05, looks=52)
    (tmp_path / "monitor.html").write_text(page, encoding="utf-8")
    shown = browser.new_page(viewport={"width": width, "height": 844})
    shown.goto((tmp_path / "monitor.html").as_uri())
    pictures = shown.evaluate(
        """() => [...document.querySelectorAll(".drawing")].map(box => {
            const seen = [...box.querySelectorAll("svg")].filter(svg => svg.getBoundingClientRect().width > 0);
            const scale = seen[0].getBoundingClientRect().width / seen[0].viewBox.baseVal.width;
            const texts = [...seen[0].querySelectorAll("text")];
            const least = Math.min(...texts.map(text => scale * parseFloat(getComputedStyle(text).fontSize)));
            return [seen.length, box.scrollWidth - box.clientWidth, least];
        })"""
    )
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert len(pictures) == 5
    for seen, over, least in pictures:
        assert (seen, over) == (1, 0)
        assert least >= 9  # pixels of the smallest text


def test_one_large_index_leaves_later_changes_to_be_seen() -> None:
    """The limit and a change of three times it stand apart though an old look had an index of 15."""

    def drifted(number: int, effect: float) -> Look:
        quiet = look(number, timedelta(days=number))
        return replace(quiet, signals=({**quiet.signals[0], "effect": effect},))

    far = draw_charts([drifted(1, 15.0), drifted(2, 0.3)], drift=0.1)[0]
    near = draw_charts([drifted(1, 0.6), drifted(2, 0.3)], drift=0.1)[0]
    assert ("ten times" in far.alt, "ten times" in near.alt) == (True, False)
    assert far.narrow is not None
    for figure in (far.figure, far.narrow):
        with laid_out(figure):
            axes = figure.axes[0]
            low, limit, change, top = (axes.transData.transform((0, y))[1] for y in (0.0, 0.1, 0.3, 15.0))
            height = axes.bbox.height
            assert (limit - low) / height > 0.15
            assert (change - limit) / height > 0.1
            assert top <= axes.bbox.y1
