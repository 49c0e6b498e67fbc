"""The pages in a real browser: no error, no network, no barrier."""

import json
import shutil

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.conftest import TRAINED
from trainer.reports import compare
from trainer.reports import report

pytestmark = pytest.mark.slow
TOOLS = ("chromium", "chromedriver")
WIDTHS_PIXELS = (360, 1200)


@pytest.fixture(scope="module")
def browser():
    found = [shutil.which(tool) for tool in TOOLS]
    if None in found:
        pytest.skip("Debian's chromium and chromium-driver are needed")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in ("headless=new", "no-sandbox", "disable-gpu"):
        options.add_argument(f"--{flag}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=Service(found[1]))
    yield driver
    driver.quit()


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
    found = Axe().run(browser)["violations"]
    grave = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not grave, json.dumps(grave, indent=1)


@pytest.mark.parametrize("problem", TRAINED)
def test_a_report_opens(browser, trained, problem):
    check(browser, trained(problem) / report.NAME)


def test_a_comparison_opens(browser, trained, tmp_path):
    shutil.copytree(trained("multiclass"), tmp_path / "other")
    output = tmp_path / "compare.html"
    workdirs = [str(trained("multiclass")), str(tmp_path / "other")]
    assert compare.main([*workdirs, f"--output={output}"]) == 0
    check(browser, output)
