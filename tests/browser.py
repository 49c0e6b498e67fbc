"""A headless Chromium, and what a real TensorBoard shows in it."""

import contextlib
import json
import os
import pathlib
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests import processes
from tests.faults import jobs

# So many pictures in a row are the same once a page is drawn.
STILL = 20
TOOLS = ("chromium", "chromedriver")
# What is written on the page, in the shadows of its elements too.
_WRITTEN = """
const told = [];
const read = (node) => {
  if (node.nodeType === Node.TEXT_NODE) told.push(node.textContent);
  if (['STYLE', 'SCRIPT', 'TEMPLATE'].includes(node.nodeName)) return;
  if (typeof node.value === "string") told.push(node.value);
  if (node.shadowRoot) read(node.shadowRoot);
  if (node.contentDocument) read(node.contentDocument);
  node.childNodes.forEach(read);
};
read(document.body);
return told.map((text) => text.trim()).filter(Boolean).join(' | ');
"""


def missing() -> list[str]:
    """Names the programs that are needed and not there."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


@contextlib.contextmanager
def opened() -> Iterator[webdriver.Chrome]:
    """Yields a browser, and ends it."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(TOOLS[0]) or ""
    for flag in (
        *("headless=new", "no-sandbox", "disable-gpu"),
        "hide-scrollbars",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = Service(shutil.which(TOOLS[1]))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def written(browser: webdriver.Chrome) -> str:
    """Returns all text of the page that is open."""
    return browser.execute_script(_WRITTEN)


def prefer(browser: webdriver.Chrome, scheme: str) -> None:
    """Shows pages as to a user who prefers "light" or "dark" ones."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [feature]}
    )


def save(browser: webdriver.Chrome, path: str | os.PathLike) -> None:
    """Saves a picture of the page once it no longer changes."""
    seen = [b""]

    def is_still() -> bool:
        seen.append(browser.get_screenshot_as_png())
        # A chart may come a while after the frame around it.
        return len(seen) > STILL and len(set(seen[-STILL:])) == 1

    jobs.wait_for("a page that is drawn", is_still)
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(seen[-1])


class Board:
    """A TensorBoard of a folder, and its address."""

    def __init__(self, folder: object) -> None:
        (port,) = processes.free_ports(1)
        self.url = f"http://127.0.0.1:{port}/"
        self._server = processes.start(
            "trainer", "tensorboard", folder, f"--port={port}"
        )

    def ask(self, path: str, **body: object) -> Any:
        """Returns what the data API says."""
        data = json.dumps(body).encode() if body else None
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}data/{path}", data, kind)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def wait_for(self, what: str, path: str) -> Any:
        """Returns an answer of the data API once it is not empty."""
        answers = []

        def look() -> bool:
            with contextlib.suppress(OSError):
                answers.append(self.ask(path))
            return bool(answers and answers[-1])

        jobs.wait_for(what, look)
        return answers[-1]

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


@contextlib.contextmanager
def serving(folder: object) -> Iterator[Board]:
    """Yields a TensorBoard of a folder, and ends it."""
    board = Board(folder)
    try:
        yield board
    finally:
        board.close()
