"""The page in a real browser: a digit that is drawn, a row that is pasted."""

import json
import re
import shutil
import subprocess
import urllib.parse

import numpy as np
import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests import asking
from tests import browser as browsers
from tests import runs
from tests.faults import jobs
from tests.runs import held_out_rows
from trainer import load
from trainer.problem.scores import per_class
from trainer.server import about
from trainer.server import page
from trainer.server.settings import Limits
from trainer.server.settings import Settings

TOKEN = "a-token-of-some-length"
ONE = [(140, 60), (140, 220)]


def test_the_page_holds_all_that_it_shows_and_may_ask_nobody_else():
    text = page.BODY.decode()
    assert "@script@" not in text and "@style@" not in text
    assert not re.search(r"(src|href)=\"(?!data:|openapi)", text)
    assert "default-src 'none'" in page.HEADERS["content-security-policy"]


@pytest.fixture(scope="module")
def browser():
    if browsers.missing():
        pytest.skip("Debian's chromium and chromium-driver are needed")
    with browsers.opened() as driver:
        yield driver


@pytest.fixture
def opened(browser, server):
    """From a model's name to the page that shows it."""

    def open_page(name, width=1200):
        browser.get_log("browser")
        browser.set_window_size(width, 900)
        browser.get(f"http://127.0.0.1:{server.port}/")
        choose(browser, name)
        return browser

    yield open_page
    assert browser.get_log("browser") == []


def choose(browser, name):
    jobs.wait_for("the models", lambda: text(browser, "title") != "Try a model")
    browser.execute_script(
        "const box = document.getElementById('models');"
        "box.value = arguments[0];"
        "box.dispatchEvent(new Event('change'));",
        name,
    )
    jobs.wait_for("the model", lambda: text(browser, "title") == f"Try {name}")


def text(browser, name):
    return browser.find_element(By.ID, name).text


def text_of(browser, name):
    """Returns an element's text with its blanks, folded away or not."""
    return browser.find_element(By.ID, name).get_property("textContent")


def answer_of(browser):
    """Returns what the page says, once it was asked."""
    jobs.wait_for("an answer", lambda: "ms" in text(browser, "latency"))
    return text(browser, "said")


def asked_in(browser):
    body = re.search(r"--data-raw '(.*)'", text(browser, "curl"))[1]
    return json.loads(body)


def draw(browser, points):
    canvas = browser.find_element(By.ID, "canvas")
    width, height = canvas.size["width"], canvas.size["height"]
    # A browser's moves are counted from the middle of what is moved on.
    steps = [
        (
            round(x * width / 280 - width / 2),
            round(y * height / 280 - height / 2),
        )
        for x, y in points
    ]
    chain = ActionChains(browser, duration=20)
    chain.move_to_element_with_offset(canvas, *steps[0]).click_and_hold()
    for step in steps[1:]:
        chain.move_to_element_with_offset(canvas, *step)
    chain.release().perform()


@pytest.mark.slow
def test_a_digit_that_is_drawn_is_recognised(opened, server):
    browser = opened("multiclass")
    # The call is there before anything is drawn.
    assert np.shape(asked_in(browser)["instances"]) == (1, 8, 8)
    draw(browser, ONE)
    told = answer_of(browser)
    asked = asked_in(browser)
    row = np.array(asked["instances"][0])
    assert row.shape == (8, 8) and row.max() > 12
    answer = server.ask("/v1/models/multiclass:predict", asked).value
    (found,) = answer["predictions"]
    assert told.startswith(f"{found['class']}, ")
    assert found["class"] == "1"
    bars = browser.find_elements(By.CSS_SELECTOR, "#bars li")
    assert [bar.text.split("\n")[0] for bar in bars] == list("0123456789")
    assert "test rows that were called 1" in text(browser, "meaning")


@pytest.mark.slow
def test_a_digit_is_drawn_by_keys_alone(opened):
    browser = opened("multiclass")
    canvas = browser.find_element(By.ID, "canvas")
    browser.execute_script("arguments[0].focus()", canvas)
    ups, downs = [Keys.ARROW_UP] * 5, [Keys.ARROW_DOWN] * 10
    canvas.send_keys(*ups, Keys.SPACE, *downs, Keys.SPACE)
    assert answer_of(browser)
    assert "Pen up, column 10 and row 15" in text(browser, "pen")
    assert np.array(asked_in(browser)["instances"][0]).max() > 12
    browser.find_element(By.ID, "clear").click()
    assert text(browser, "said") == "Nothing was asked yet."
    assert not np.array(asked_in(browser)["instances"]).any()


def hold(browser, part):
    """Has answers whose path has a part come once `release` says so."""
    browser.execute_script(
        """
        const [part] = arguments;
        const real = window.fetch;
        window.held = [];
        window.fetch = async (path, options) => {
          const answer = await real(path, options);
          if (path.includes(part))
            await new Promise((resolve) => window.held.push(resolve));
          return answer;
        };
        """,
        part,
    )


def release(browser):
    waiting = "return window.held.length"
    jobs.wait_for("an answer", lambda: browser.execute_script(waiting))
    browser.execute_async_script(
        "window.held.forEach((go) => go()); setTimeout(arguments[0], 100);"
    )


@pytest.mark.slow
@pytest.mark.parametrize("by", ["another model", "the button", "a key"])
def test_an_answer_of_what_was_left_is_not_shown(opened, by):
    browser = opened("multiclass")
    hold(browser, ":predict")
    draw(browser, ONE)
    if by == "another model":
        choose(browser, "flowers")
    elif by == "the button":
        browser.find_element(By.ID, "clear").click()
    else:
        browser.find_element(By.ID, "canvas").send_keys(Keys.DELETE)
    release(browser)
    assert text(browser, "said") == "Nothing was asked yet."
    assert not browser.find_elements(By.CSS_SELECTOR, "#bars li")
    if by != "another model":
        assert not np.array(asked_in(browser)["instances"]).any()


def menu(browser):
    return browser.find_element(By.ID, "models").get_attribute("value")


@pytest.mark.slow
def test_the_last_model_that_is_chosen_stays(opened):
    browser = opened("multiclass")
    hold(browser, "binary/about")
    pick = (
        "const box = document.getElementById('models'); box.value = 'binary';"
        "box.dispatchEvent(new Event('change'));"
    )
    browser.execute_script(pick)
    choose(browser, "flowers")
    release(browser)
    assert text(browser, "title") == "Try flowers"
    assert menu(browser) == "flowers"


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 500])
def test_a_model_that_cannot_be_chosen_leaves_the_one_before(opened, status):
    browser = opened("multiclass")
    browser.execute_script(
        """
        const [status] = arguments;
        window.fetch = async () =>
          new Response('{"error": "It is broken."}', { status });
        const box = document.getElementById("models");
        box.value = "flowers";
        box.dispatchEvent(new Event("change"));
        """,
        status,
    )
    jobs.wait_for("the menu", lambda: menu(browser) == "multiclass")
    assert text(browser, "title") == "Try multiclass"
    if status == 401:
        assert browser.find_element(By.ID, "token").is_displayed()
    else:
        assert text(browser, "said") == "It is broken."


@pytest.mark.slow
def test_a_picture_is_dropped_and_swapped(opened):
    browser = opened("multiclass")
    browser.execute_async_script(
        """
        const done = arguments[0];
        const made = document.createElement("canvas");
        made.width = made.height = 64;
        const pen = made.getContext("2d");
        pen.fillStyle = "#fff";
        pen.fillRect(0, 0, 64, 64);
        made.toBlob((blob) => {
          const held = new DataTransfer();
          held.items.add(new File([blob], "white.png", {type: "image/png"}));
          document.dispatchEvent(
            new DragEvent("drop", {dataTransfer: held, cancelable: true}));
          done();
        });
        """
    )
    assert answer_of(browser)
    assert (np.array(asked_in(browser)["instances"]) == 16).all()
    browser.find_element(By.ID, "invert").click()
    jobs.wait_for(
        "the swap",
        lambda: not np.array(asked_in(browser)["instances"]).any(),
    )


@pytest.mark.slow
def test_a_form_is_made_of_the_columns(opened, server):
    browser = opened("flowers")
    size, colour = browser.find_elements(By.CSS_SELECTOR, "#fields input")
    assert float(size.get_attribute("value"))
    (row,) = asked_in(browser)["instances"]
    assert row["size"] == size.get_attribute("value")
    hint = text(browser, "field-0-hint")
    assert "median" in hint and " to " in hint and "may be empty" in hint
    words = browser.find_elements(By.CSS_SELECTOR, "#field-1-words option")
    assert "blue" in [word.get_attribute("value") for word in words]
    size.clear()
    size.send_keys("999")
    assert text(browser, "field-0-hint").startswith("outside of the training")
    size.send_keys(Keys.ENTER)
    told = answer_of(browser)
    rows = [{"size": "999", "colour": colour.get_attribute("value")}]
    (found,) = server.ask(
        "/v1/models/flowers:predict", {"instances": rows}
    ).value["predictions"]
    assert told.startswith(f"{found['class']}, ")
    size.send_keys("x", Keys.ENTER)
    jobs.wait_for("a refusal", lambda: "'999x'" in text(browser, "said"))
    (told,) = browser.get_log("browser")
    assert "status of 400" in told["message"]


@pytest.mark.slow
def test_pasted_rows_are_answered_one_by_one(opened):
    browser = opened("flowers")
    browser.find_element(By.CSS_SELECTOR, "#table summary").click()
    area = browser.find_element(By.ID, "csv")
    area.send_keys('size,colour\n1.5,"red, pale"\n,blue')
    browser.find_element(By.CSS_SELECTOR, "#csv-form button").click()
    assert answer_of(browser) == "2 rows"
    rows = browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr")
    assert len(rows) == 2


def drop(browser, name, data):
    browser.execute_script(
        """
        const [name, bytes] = arguments;
        const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], name));
        document.dispatchEvent(
          new DragEvent("drop", {dataTransfer: held, cancelable: true}));
        """,
        name,
        list(data),
    )


@pytest.mark.slow
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_file_is_read_as_the_server_reads_it(opened, code):
    browser = opened("flowers")
    table = "size\tcolour\n1.5\tr\u00f6d\n2.5\t\n"
    mark = b"\xfe\xff" * (code == "utf-16-be")
    drop(browser, "new.tsv", mark + table.encode(code))
    assert answer_of(browser) == "2 rows"
    body = re.search(r"--data-raw '(.*)'", text_of(browser, "curl"), re.DOTALL)
    assert body[1] == table


@pytest.mark.slow
@pytest.mark.parametrize("data", ["size,colour\n1.5,r\xf6d\n", "\xff\xfea"])
def test_a_file_that_is_no_text_is_told_and_not_sent(opened, data):
    browser = opened("flowers")
    browser.find_element(By.ID, "ask").click()
    assert answer_of(browser)
    drop(browser, "new.csv", data.encode("latin-1"))
    jobs.wait_for("a word", lambda: "UTF-8" in text(browser, "said"))
    assert text(browser, "said").startswith("new.csv cannot be read as text")
    assert not browser.find_elements(By.CSS_SELECTOR, "#bars li")
    assert browser.find_element(By.ID, "csv").get_attribute("value") == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "it's"])
def test_the_line_of_curl_sends_what_the_page_sent(browser, flowers, name):
    settings = Settings(((name, str(flowers[0])),), limits=Limits(batch_rows=2))
    table = "@id,size,colour\na,1.5,it's\nb,,\n"
    with asking.serving(settings) as server:
        browser.get(f"http://127.0.0.1:{server.port}/")
        jobs.wait_for("it", lambda: text(browser, "title") == f"Try {name}")
        drop(browser, "new.csv", table.encode())
        assert answer_of(browser) == "2 rows"
        line = text_of(browser, "curl")
        found = subprocess.run(
            ["sh", "-c", f"{line} -sS"],
            capture_output=True,
            check=True,
            timeout=60,
        )
        answer = server.ask(
            f"/v1/models/{urllib.parse.quote(name)}:predict",
            table.encode(),
            {"content-type": "text/csv"},
        )
    assert len(answer.value["predictions"]) == 2
    assert json.loads(found.stdout) == answer.value


@pytest.mark.slow
def test_a_run_on_numbers_has_a_field_for_each(opened, trained):
    browser = opened("regression")
    row = held_out_rows(load(trained("regression")).stored)[0][0]
    fields = browser.find_elements(By.CSS_SELECTOR, "#fields input")
    assert len(fields) == len(row)
    browser.find_element(By.ID, "ask").click()
    assert float(answer_of(browser))


@pytest.mark.slow
@pytest.mark.parametrize("number", [20230615, 1700000123, 234567.8, 0.1])
def test_numbers_that_are_sent_and_answered_are_whole(opened, number):
    browser = opened("regression")
    column = {"kind": "number", "median": number, "least": -number}
    found = browser.execute_script(
        "return [firstOf(arguments[0]), hintOf(arguments[0]),"
        " answerOf([arguments[1]])]",
        column | {"greatest": number},
        number,
    )
    told = str(number)
    hint = f"-{told} to {told}; median {told}"
    assert found == [told, hint, told]


CALLED = "Of the test rows that were called b, {} % were."
THERE = "Of the 1 test rows that are b, {} % were found."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "found", "words"),
    [
        ([0, 1], [0, 1], f"{CALLED} {THERE}".replace("{}", "100.0")),
        ([0, 1], [0, 0], THERE.format("0.0")),
        ([0, 0], [0, 1], CALLED.format("0.0")),
        ([0, 0], [0, 0], ""),
    ],
)
def test_a_share_of_no_rows_is_not_told(opened, truth, found, words):
    browser = opened("flowers")
    (_, known) = per_class(
        ("a", "b"), np.array(truth, np.int32), np.array(found)
    )
    browser.execute_script(
        """
        const [known] = arguments;
        model.labels = ["a", "b"];
        model.per_class = [known];
        showAnswer({ class: "b", [model.output_name]: [0.9] });
        """,
        known,
    )
    assert text(browser, "said") == "b, 90.0 %"
    assert text(browser, "meaning") == words


@pytest.mark.slow
def test_scores_are_told_of_their_own_split(browser, trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained("multiclass"), run)
    scores = runs.read_result(run)["evaluation"]["validation"]
    runs.rewrite(run / "result.json", {"evaluation": {"validation": scores}})
    settings = Settings((("run", str(run)),), limits=Limits(batch_rows=2))
    with asking.serving(settings) as server:
        browser.get(f"http://127.0.0.1:{server.port}/")
        jobs.wait_for("it", lambda: text(browser, "title") == "Try run")
        assert "Validation accuracy" in text(browser, "facts")
        assert "Test" not in text(browser, "facts")
        draw(browser, ONE)
        assert answer_of(browser)
        assert "Of the validation rows" in text(browser, "meaning")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["multiclass", "flowers"])
def test_a_version_that_takes_the_place_of_another_is_shown(opened, name):
    browser = opened(name)
    is_table = name == "flowers"
    if is_table:
        size = browser.find_element(By.ID, "field-0")
        size.clear()
        size.send_keys("0.25")
    # The page knows a version before the one that answers.
    browser.execute_script("model.version = '-1'; model.labels = ['old'];")
    if is_table:
        browser.find_element(By.ID, "ask").click()
    else:
        draw(browser, ONE)
    jobs.wait_for("a word", lambda: "ask again" in text(browser, "said"))
    told = "Version 0 has taken the place of version -1; ask again."
    assert text(browser, "said") == told
    assert not browser.find_elements(By.CSS_SELECTOR, "#bars li")
    (told,) = browser.get_log("browser")
    assert "status of 404" in told["message"]
    if is_table:
        (row,) = asked_in(browser)["instances"]
        assert row["size"] == "0.25"
        browser.find_element(By.ID, "ask").click()
    else:
        assert np.array(asked_in(browser)["instances"]).any()
        browser.find_element(By.ID, "centre").click()
    assert answer_of(browser)
    bars = browser.find_elements(By.CSS_SELECTOR, "#bars li")
    assert len(bars) == len(browser.execute_script("return model.labels"))


@pytest.mark.slow
def test_a_model_that_is_gone_is_told(opened):
    browser = opened("flowers")
    browser.execute_script("model.name = 'gone'")
    browser.find_element(By.ID, "ask").click()
    gone = "model 'gone' is not served"
    jobs.wait_for("a word", lambda: gone in text(browser, "said"))
    assert len(browser.get_log("browser")) == 2


@pytest.mark.parametrize(
    ("stored", "shown"),
    [(float(np.float32(0.1)), 0.1), (16777216.0, 16777216.0), (0.3, 0.3)],
)
def test_ranges_are_told_by_their_own_digits(stored, shown):
    data = {"ranges": {"least": [stored], "greatest": [stored]}}
    (column,) = about.columns(None, data)
    assert (column["least"], column["greatest"]) == (shown, shown)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["multiclass", "flowers"])
def test_the_page_keeps_nobody_out(opened, name, scheme):
    for width in (360, 1200):
        browser = opened(name, width)
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        if name == "flowers":
            browser.find_element(By.ID, "ask").click()
        else:
            draw(browser, ONE)
        assert answer_of(browser)
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth - window.innerWidth"
        )
        assert wide <= 0
        found = Axe().run(browser)["violations"]
        assert not found, json.dumps(found, indent=1)


@pytest.mark.slow
def test_a_failure_at_the_start_is_told(browser, server):
    browser.get(f"http://127.0.0.1:{server.port}/")
    jobs.wait_for("the models", lambda: text(browser, "title") != "Try a model")
    browser.execute_script(
        """
        document.getElementById("main").hidden = true;
        window.fetch = async () =>
          new Response('{"error": "It is broken."}', { status: 500 });
        begin();
        """
    )
    jobs.wait_for("the line", lambda: text(browser, "failed"))
    assert text(browser, "failed") == "It is broken."


@pytest.mark.slow
def test_it_is_told_that_javascript_is_off(browser, server):
    switch = "Emulation.setScriptExecutionDisabled"
    browser.execute_cdp_cmd(switch, {"value": True})
    try:
        browser.get(f"http://127.0.0.1:{server.port}/")
        said = browser.find_element(By.TAG_NAME, "body").text
    finally:
        browser.execute_cdp_cmd(switch, {"value": False})
    assert "JavaScript, which is switched off here" in said


@pytest.mark.slow
def test_the_page_asks_for_the_token(browser, trained):
    settings = Settings(
        (("multiclass", str(trained("multiclass"))),),
        token=TOKEN,
        limits=Limits(batch_rows=2),
    )
    with asking.serving(settings) as server:
        browser.get(f"http://127.0.0.1:{server.port}/")
        field = browser.find_element(By.ID, "token")
        jobs.wait_for("the question", field.is_displayed)
        assert text(browser, "failed") == ""
        field.send_keys("another", Keys.ENTER)
        jobs.wait_for("a word", lambda: text(browser, "failed"))
        assert text(browser, "failed") == "The server does not take this token."
        assert browser.find_element(By.ID, "failed").aria_role == "alert"
        assert field.is_displayed()
        field.send_keys(TOKEN, Keys.ENTER)
        jobs.wait_for(
            "the model", lambda: text(browser, "title") == "Try multiclass"
        )
        draw(browser, ONE)
        assert answer_of(browser)
        assert "$TOKEN" in text(browser, "curl")
        assert TOKEN not in browsers.written(browser)
        browser.execute_script("token = 'of before'")
        browser.find_element(By.ID, "centre").click()
        jobs.wait_for("the question", field.is_displayed)
        assert text(browser, "said") == "The server does not take this token."
        assert not browser.find_elements(By.CSS_SELECTOR, "#bars li")
    browser.get_log("browser")
