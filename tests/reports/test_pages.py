"""The pages in a real browser: no error, no network, no barrier."""

import json
import os
import shutil

import pytest
from axe_core_python.selenium import Axe

from tests import browser as browsers
from tests.faults import jobs
from tests.runs import TRAINED
from trainer import task
from trainer.reports import compare
from trainer.workdir.folder import REPORT_FILE

pytestmark = pytest.mark.slow
WIDTHS_PIXELS = (360, 1200)
SCHEMES = ("light", "dark")
_PAPER = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def browser():
    if browsers.missing():
        pytest.skip("Debian's chromium and chromium-driver are needed")
    with browsers.opened() as driver:
        yield driver


def requests(browser):
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def check(browser, path):
    browser.get_log("performance")
    for width in WIDTHS_PIXELS:
        browser.set_window_size(width, 900)
        browser.get(path.as_uri())
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth - window.innerWidth"
        )
        assert wide <= 0, f"{wide} pixels beyond the window's {width}"
    assert browser.get_log("browser") == []
    others = [u for u in requests(browser) if not u.startswith("data:")]
    assert set(others) == {path.as_uri()}
    papers = set()
    for scheme in SCHEMES:
        browsers.prefer(browser, scheme)
        papers.add(browser.execute_script(_PAPER))
        found = Axe().run(browser)["violations"]
        assert not found, json.dumps(found, indent=1)
    assert len(papers) == len(SCHEMES)


@pytest.mark.parametrize("problem", TRAINED)
def test_a_report_opens(browser, trained, problem):
    check(browser, trained(problem) / REPORT_FILE)


def test_a_comparison_opens(browser, trained, tmp_path):
    shutil.copytree(trained("multiclass"), tmp_path / "other")
    output = tmp_path / "compare.html"
    workdirs = [str(trained("multiclass")), str(tmp_path / "other")]
    assert compare.main([*workdirs, f"--output={output}"]) == 0
    check(browser, output)


# What each tab shows of the two runs.
TABS = {
    "timeseries": ("loss", "accuracy"),
    "scalars": ("loss", "learning_rate", "norms"),
    "custom_scalars": ("Scores", "Training"),
    "images": ("confusion_matrix", "most_wrong", "first_images"),
    "graphs": ("mlp",),
    "distributions": ("gradient",),
    "histograms": ("gradient", "weights"),
    "text": ("reproduce", "config"),
    "pr_curves": ("precision_recall",),
    "hparams": ("optimizer.learning_rate",),
}


@pytest.fixture(scope="module")
def board(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    shutil.copytree(trained("binary"), folder / "binary")
    flags = ["--config=digits", "--config.epochs=3"]
    looks = ["--config.log.histograms_every_steps=41"]
    assert task.main([*flags, *looks, f"--workdir={folder}/digits"]) == 0
    with browsers.serving(folder) as serving:
        last = "plugin/scalars/scalars?run=digits/test&tag=loss"
        serving.wait_for("the last score", last)
        yield serving


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_of_tensorboard_shows_the_runs(browser, board, tab):
    browser.set_window_size(1400, 1000)
    browser.get("about:blank")
    browser.get(f"{board.url}#{tab}")
    try:
        jobs.wait_for(
            f"{TABS[tab]} in {tab}",
            lambda: all(w in browsers.written(browser) for w in TABS[tab]),
            60.0,
        )
    finally:
        if folder := os.environ.get("STRATA_SCREENSHOTS"):
            browsers.save(browser, f"{folder}/tensorboard_{tab}.png")
