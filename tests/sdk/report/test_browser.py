"""The report as Chromium shows it: nothing leaves, nothing is refused, headings sort, light and dark change places."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.test_matrix import calibrated
from mixcomp_edge import save_bundle
from mixcomp_edge.report import render_report
from mixcomp_edge.simulation import Simulation, simulate
from mixcomp_edge.verification import opened
from sdk.codegen import zoo

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
NETWORKS = ["branches", pytest.param("resnet8", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=NETWORKS)
def report(request, tmp_path_factory) -> tuple[Path, Simulation]:
    """A page, made in under two seconds after the simulation, and what it tells of."""
    folder = tmp_path_factory.mktemp("report")
    if request.param == "resnet8":
        request.getfixturevalue("data_folder")
    bundle = calibrated("resnet8", 4, "mixed") if request.param == "resnet8" else zoo.bundle(request.param)
    save_bundle(bundle, folder / "m.mce")
    found = simulate(folder / "m.mce")
    with opened(folder / "m.mce", None) as (bundle, layout, _):
        start = time.process_time()
        text = render_report(bundle, layout, found)
        assert time.process_time() - start < 2
    assert len(text.encode()) < 300_000
    (folder / "m.html").write_text(text)
    return folder / "m.html", found


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser, report) -> Iterator[object]:
    """The report, with what it asked for (`asked`) and what was said on the console (`said`)."""
    shown = browser.new_page(color_scheme="light", viewport={"width": 1200, "height": 900})
    shown.asked, shown.said = [], []
    shown.on("request", lambda request: shown.asked.append(request.url))
    shown.on("console", lambda message: shown.said.append(message.text))
    shown.on("pageerror", lambda error: shown.said.append(str(error)))
    shown.goto(report[0].as_uri())
    yield shown
    shown.close()


def layers(page) -> list[list[str]]:
    """What the table of layers says, row by row: the numbers and words behind the cells."""
    return page.evaluate(
        "[...document.querySelector('table.sortable').tBodies[0].rows].map(r => [...r.cells].map(c => c.dataset.value))"
    )


def test_only_the_page_itself_is_asked_for_and_the_policy_refuses_nothing(page, report):
    assert page.asked == [report[0].as_uri()]
    assert page.said == []
    assert page.evaluate("getComputedStyle(document.querySelector('.tiles')).display") == "flex"


def test_a_request_of_a_changed_page_would_be_seen_and_refused(page):
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    page.wait_for_timeout(200)
    assert any("Content Security Policy" in text for text in page.said)


def test_a_click_on_a_heading_sorts_by_it_and_a_second_one_turns_round(page, report):
    assert [row[0] for row in layers(page)] == [layer.name for layer in report[1].layers]
    heading = page.locator("table.sortable th", has_text="instructions").first
    column = heading.evaluate("cell => cell.cellIndex")
    counts = sorted((layer.instructions for layer in report[1].layers), reverse=True)
    for order, want in (("descending", counts), ("ascending", counts[::-1])):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == order
        assert [int(row[column]) for row in layers(page)] == want
    page.locator("table.sortable th", has_text="format").first.locator("button").click()
    forms = [row[2] for row in layers(page)]
    assert forms == sorted(forms, reverse=True)
    assert heading.get_attribute("aria-sort") is None


def test_light_and_dark_change_places_and_follow_the_system_before(page, browser, report):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("#theme").click()
    dark = page.evaluate(paper)
    page.locator("#theme").click()
    assert (light, page.evaluate(paper)) == ("rgb(255, 255, 255)",) * 2
    other = browser.new_page(color_scheme="dark")
    other.goto(report[0].as_uri())
    assert other.evaluate(paper) == dark != light
    other.close()


def test_every_picture_is_drawn_and_text_keeps_inside(page, report):
    boxes = page.evaluate("[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().toJSON())")
    assert len(boxes) == 3  # arena, roofline, network
    assert all(box["width"] > 300 and box["height"] > 60 and box["right"] <= 1200 for box in boxes)
    assert page.locator("svg circle").count() == sum(bool(layer.macs) for layer in report[1].layers)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a telephone need not scroll sideways"


def test_it_prints_without_its_button(page):
    page.emulate_media(media="print")
    assert page.locator("#theme").is_hidden()
    assert page.locator("h1").is_visible()
