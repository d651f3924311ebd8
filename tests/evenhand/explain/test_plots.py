"""Figures draw for binary and multi-class models, whatever the names are."""

import re
from dataclasses import replace

import pytest

from evenhand.exceptions import DataError
from evenhand.explain import explain
from evenhand.explain.plots_local import force_html, plot_beeswarm, plot_ice, plot_waterfall
from evenhand.modeling.fit import fit_candidate
from evenhand.plotting import figure_to_png, figure_to_svg, laid_out


@pytest.fixture(scope="module", params=["binary", "multiclass"])
def explanation(request, data):
    train, test = data[request.param]
    names = {"income": "<b>$in_1$</b>", "job": "</script><script>alert(1)"}
    X = train.X.rename(columns=names)
    model = fit_candidate("logistic", {}, X, train.y, seed=0)
    part = replace(test, X=test.X.rename(columns=names))
    return explain(model, part, background=X, rows=60, repeats=2, features=7)


def test_every_public_figure_draws(explanation):
    figures = explanation.plots()
    assert {"bar", "importance", "proxies-race", "dependence-1"} <= set(figures)
    for name, figure in figures.items():
        svg = figure_to_svg(figure)
        assert svg.startswith("<svg"), name
        assert "<b>" not in svg
        assert all(axes.get_xlabel() for axes in figure.axes), name
    assert "$in_1$" in figure_to_svg(figures["bar"])


def test_every_public_figure_fits_a_phone_with_long_names(explanation):
    """360 points at 390 pixels need no scrolling, and nothing is cut off there. Cases are words on the card."""
    long = "months since the last delinquency of the applicant"
    told = {name: f"{name[:3]} {long}" for name in (item.feature for item in explanation.features)}
    features = [replace(item, feature=told[item.feature]) for item in explanation.features]
    groups = [
        replace(group, mean={k: {told[n]: v for n, v in each.items()} for k, each in group.mean.items()})
        for group in explanation.groups
        if group.mean is not None
    ]
    proxies = [replace(report, attribute=long) for report in explanation.proxies]
    renamed = replace(explanation, features=features, groups=groups, proxies=proxies)
    shown = {name: figure for name, figure in renamed.plots().items() if not name.startswith("case-")}
    for name, figure in shown.items():
        assert figure.get_figwidth() <= 5, name
        assert not cut_off(figure), name


def cut_off(figure):
    """The texts of a figure that do not lie in it whole."""
    with laid_out(figure):
        figure_to_png(figure, dpi=int(figure.dpi))
        axes = figure.axes[0]
        texts = [axes.xaxis.label, axes.yaxis.label, axes.title, *axes.get_yticklabels()]
        boxes = {text.get_text(): text.get_window_extent() for text in texts if text.get_text()}
    wide, high = figure.bbox.width + 1, figure.bbox.height + 1
    return [text for text, box in boxes.items() if box.x0 < -1 or box.x1 > wide or box.y0 < -1 or box.y1 > high]


@pytest.mark.parametrize(
    ("task", "ending"), [("multiclass", " DEMOCRATIC AND UNIONIST PARTY OF GREAT BRITAIN"), ("binary", "政" * 200)]
)
def test_the_name_of_a_class_stands_in_every_figure_whole(data, task, ending):
    train, test = data[task]
    told = {label: f"Liberal {label}{ending}" for label in train.y.unique()}
    favorable = told.get(test.favorable_label)
    train, test = (replace(part, y=part.y.map(told), favorable_label=favorable) for part in (train, test))
    model = fit_candidate("logistic", {}, train.X, train.y, seed=0)
    made = explain(model, test, background=train.X, rows=30, repeats=2, features=1)
    local, label = made.local, made.labels[-1]
    own = {
        "beeswarm": plot_beeswarm(local, label),
        "waterfall": plot_waterfall(local, int(local.rows.index[0]), label),
        "ice": plot_ice(local, made.dependence[0].feature, made.dependence[0].grid, label),
    }
    assert not {name: cut for name, figure in {**made.plots(), **own}.items() if (cut := cut_off(figure))}
    named = " ".join(figure.axes[0].get_xlabel() for name, figure in made.plots().items() if name.startswith("summary"))
    assert all(label in " ".join(named.split()) or len(label) > 72 for label in made.labels)


def test_restricted_figures_draw(explanation):
    label, local = explanation.labels[-1], explanation.local
    row = int(local.rows.index[0])
    dependence = explanation.dependence[0]
    for figure in (
        plot_beeswarm(local, label),
        plot_waterfall(local, row, label),
        plot_ice(local, dependence.feature, dependence.grid, label),
    ):
        assert figure_to_svg(figure).startswith("<svg")
    waterfall = plot_waterfall(local, row, label).axes[0].get_xlabel()
    at = local.attributions.labels.index(label)
    total = local.attributions.total.reshape(len(local.rows), -1)[0, at]
    assert waterfall.endswith(f"row {total:.2f}")


def test_the_force_page_is_self_contained_and_escaped(explanation):
    page = force_html(explanation.local, explanation.local.rows.index[:2].tolist(), explanation.labels[-1])
    assert page.count("<h2>") == 2
    assert "</script><script>alert(1)" not in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=['\"]?https?:", page)


def test_a_row_that_is_not_kept_is_named(explanation):
    with pytest.raises(DataError, match="row 99999"):
        plot_waterfall(explanation.local, 99999, explanation.labels[-1])
    with pytest.raises(DataError, match="'maybe' is not explained"):
        plot_beeswarm(explanation.local, "maybe")
