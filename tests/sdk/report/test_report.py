"""The report is one page that stands alone, and its figures are those of the simulation."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from mixcomp_edge import save_bundle
from mixcomp_edge.bundle import Bundle
from mixcomp_edge.report import Scored, drawing, render_report, report
from mixcomp_edge.report.beside import beside
from mixcomp_edge.simulation import simulate
from mixcomp_edge.verification import opened
from sdk.codegen import zoo
from support.scaled_graphs import by_tflm


class Page(HTMLParser):
    """Tags with their attributes, rows of the layers' table, and the text of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside, self.parts, self.texts = "", {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if self.inside in ("style", "script"):
            self.parts[self.inside] = self.parts.get(self.inside, "") + data
        self.texts.append(data)

    def handle_endtag(self, tag):
        self.inside = ""

    def values(self, tag: str, attribute: str) -> list[str]:
        return [attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "branches.mce"
    save_bundle(zoo.bundle("branches"), path)
    return path


@pytest.fixture(scope="module")
def found(file):
    return simulate(file)


@pytest.fixture(scope="module")
def text(file):
    return report(file, compare=True)


def test_nothing_is_loaded_and_the_policy_allows_only_what_stands_in_the_page(text):
    page = Page(text)
    names = {name for name, _ in page.tags}
    assert not names & {"link", "img", "iframe", "object", "embed", "base", "form"}
    attributes = {key for _, found in page.tags for key in found}
    assert not attributes & {"src", "href", "xlink:href", "style", "onclick", "onload", "action"}
    assert "url(" not in page.parts["style"]
    assert "http" not in text.split("</head>")[1]
    [policy] = [tag["content"] for name, tag in page.tags if name == "meta" and "http-equiv" in tag]
    digests = {
        part: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for part, content in page.parts.items()
    }
    assert (
        policy == f"default-src 'none'; style-src 'sha256-{digests['style']}'; script-src 'sha256-{digests['script']}'"
    )
    assert len(text.encode()) < 300_000


def test_the_layers_figures_are_the_simulations(text, found):
    rows = re.findall(r'<tr><td data-value="([^"]*)">.*?</tr>', text)
    assert rows == [layer.name for layer in found.layers]
    for layer in found.layers:
        row = re.search(rf'<tr><td data-value="{re.escape(layer.name)}">.*?</tr>', text)[0]
        values = re.findall(r'<td data-value="([^"]*)"', row)
        assert [float(values[i]) for i in (1, 2, 4)] == [layer.macs, layer.instructions, layer.cycles]


def test_the_verdict_and_the_totals_stand_on_top(text, found):
    assert "equal to the bit" in text
    assert f"{found.instructions:,}" in text
    assert f"{found.flash_bytes['total']:,} B" in text
    assert "Beside int8" in text
    assert "Beside TensorFlow Lite Micro" in text
    assert f"cycles ±{100 * found.error['cycles']:.0f} %" in text
    assert f"({found.timing})" in text


def test_layers_that_branch_on_their_data_are_named_and_the_most_counts(found):
    fewest, most = found.spread
    assert fewest < most == found.instructions
    assert found.timing.startswith(
        f"the most of 3 inputs, the fewest {fewest:,}; its data may change the time of right: "
    )
    for layer in found.layers:
        assert (f"{layer.name}: " in found.timing) == (layer.spread[0] < 0.999 * layer.spread[1])


def test_every_buffer_of_the_arena_lies_in_the_picture(file):
    with opened(file, None) as (_, layout, _):
        picture = drawing.arena_map(layout)
        assert len(picture.blocks) == len(layout.arena.buffers)
        for block in picture.blocks:
            assert 0 <= block.x <= block.x + block.width <= picture.width + 0.1
            assert -0.1 <= block.y <= block.y + block.height <= picture.height + 0.1


def test_every_node_and_every_reading_is_drawn(file):
    with opened(file, None) as (bundle, _, _):
        picture = drawing.network(bundle.graph)
        assert len(picture.boxes) == len(bundle.graph.nodes)
        assert len(picture.curves) == sum(len(set(node.inputs)) for node in bundle.graph.nodes)


def test_a_layer_with_macs_is_a_point_of_the_roofline_and_the_best_lies_on_the_roof(file, found):
    with opened(file, None) as (bundle, _, _):
        picture = drawing.roofline(bundle.graph, found.layers)
        assert drawing.roofline(bundle.graph, ()) is None
    layers = [layer for layer in found.layers if layer.macs]
    assert len(picture.points) == len(layers)
    best = max(layers, key=lambda layer: layer.macs / layer.instructions)
    assert picture.best == best.macs / best.instructions
    [point] = [point for point in picture.points if point.title.startswith(f"{best.name}: ")]
    assert point.y == picture.roof == min(other.y for other in picture.points)
    assert len(picture.columns) > 1 < len(picture.rows)


def test_what_people_write_is_text_and_never_markup(file, found):
    with opened(file, None) as (bundle, layout, _):
        hostile = Bundle(bundle.graph, {"task": "<script>alert(1)</script>", "versions": {"a": "</style><b>"}})
        text = render_report(hostile, layout, found, None, Scored("<i>accuracy</i>", (("float", "<u>"),)))
    assert "<script>alert" not in text
    assert "<i>accuracy" not in text
    assert "<u>" not in text
    assert Page(text).parts["script"].startswith("for (const table")


def test_what_each_class_was_taken_for_is_a_table_where_classes_are_few(file, found):
    def page(count: int) -> str:
        classes = [{"class": f"<c{i}>", "samples": 1000 + i} for i in range(count)]
        counts = [[1000 + i if i == j else 7 * (j == 0) for j in range(count)] for i in range(count)]
        with opened(file, None) as (bundle, layout, _):
            scored = Scored("Results", (), "", {"classes": classes, "confusion": counts})
            return render_report(bundle, layout, found, None, scored)

    text = page(3)
    assert "<th>&lt;c2&gt;</th>" in text
    assert (
        '<tr><td>&lt;c1&gt;</td><td>1,001</td><td>100.0 %</td><td>7</td><td class="good">1001</td><td></td></tr>'
        in text
    )
    assert "taken for" not in page(21)


def test_a_second_model_stands_beside_the_first_with_its_own_figures(file, found, tmp_path):
    other = tmp_path / "by_tflm.mce"
    save_bundle(Bundle(by_tflm(zoo.graph("branches"))), other)
    page = Page(report(file, other=other))
    its = simulate(other)
    assert its.instructions > found.instructions  # it rounds twice, in portable C
    told = [text.strip() for text in page.texts if text.strip()]
    assert f"{file.name} beside {other.name}" in told
    at = told.index("instructions", told.index(f"{file.name} beside {other.name}"))
    ratio = f"{found.instructions / its.instructions:.2f}"
    assert told[at + 1 : at + 4] == [f"{found.instructions:,}", f"{its.instructions:,}", ratio]
    tables = [attributes for name, attributes in page.tags if name == "table" and attributes.get("class") == "sortable"]
    assert len(tables) == 2
    for layer in (*found.layers, *its.layers):
        assert told.count(layer.name) >= 2


def test_a_layer_that_only_one_has_is_shown_without_a_ratio(found, tmp_path):
    path = tmp_path / "dense.mce"
    save_bundle(zoo.bundle("dense"), path)
    its = simulate(path)
    both = beside(("a", "b"), found, its)
    names = [layer.name for layer in both.layers]
    assert names[: len(found.layers)] == [layer.name for layer in found.layers]
    assert sorted(set(names)) == sorted({layer.name for layer in (*found.layers, *its.layers)})
    alone = next(layer for layer in both.layers if layer.name not in {other.name for other in its.layers})
    assert alone.forms[1] == "–"
    assert all(row.other is None and row.ratio is None for row in alone.figures)
