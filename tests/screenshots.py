"""Takes the pictures of the docs: `make screenshots`."""

import contextlib
import io
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests import browser as browsers
from tests.faults import jobs
from tests.processes import ROOT
from trainer.workdir.folder import REPORT_FILE

IMAGES = pathlib.Path(ROOT) / "docs" / "images"
COLUMNS, LINES = 120, 22
RUNS = {
    "digits": (),
    "digits_wide": ("--config.model.hidden_units=512,256",),
}
TABLE = "breast_cancer"


def draw_terminal(path: pathlib.Path) -> None:
    """Draws the end of `make train` as a terminal shows it."""
    reading, writing = pty.openpty()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                "make",
                "--no-print-directory",
                "train",
                f"WORKDIR={folder}/digits",
            ],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm"},
            stdout=writing,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        text = b""
        with contextlib.suppress(OSError):  # a terminal's end
            while data := os.read(reading, 1 << 16):
                text += data
        os.close(reading)
        # What `make screenshots` was told is handed down to `make train`.
        assert process.wait() == 0, text.decode()
        shown = text.decode().replace(folder, "runs")
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in shown.replace("\r\n", "\n").splitlines()[-LINES:]:
        # A bar draws itself anew after each step back.
        last = re.split(r"\r|\x08+", line)[-1]
        console.print(Text.from_ansi(last))
    console.save_svg(str(path), title="make train")


def train(workdir: pathlib.Path, config: str, *flags: str) -> None:
    """Trains by a command, whose seconds a page tells."""
    flags = (f"--config={config}", f"--workdir={workdir}", *flags)
    subprocess.run([sys.executable, "-m", "trainer.task", *flags], check=True)


def draw_columns(browser: webdriver.Chrome, workdir: pathlib.Path) -> None:
    """Draws what a run's page says of a table's columns."""
    train(workdir, TABLE)
    browser.set_window_size(1000, 1700)  # as high as the section, or higher
    browser.get((workdir / REPORT_FILE).as_uri())
    title = "//section[h2[contains(., 'Columns')]]"
    section = browser.find_element(By.XPATH, title)
    (IMAGES / "columns.png").write_bytes(section.screenshot_as_png)


def main() -> int:
    """Trains two runs, and shows them."""
    if missing := browsers.missing():
        print(f"make screenshots needs {', '.join(missing)}", file=sys.stderr)
        return 2
    draw_terminal(IMAGES / "terminal.svg")
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in RUNS.items():
            train(pathlib.Path(folder, name), "digits", *flags)
        with browsers.opened() as browser, browsers.serving(folder) as board:
            last = "plugin/scalars/scalars?run=digits_wide/test&tag=loss"
            board.wait_for("the last score", last)
            for tab, name, words in (
                ("custom_scalars", "tensorboard", "accuracy"),
                (
                    "images&tagFilter=matrix|wrong",
                    "tensorboard_images",
                    "most_wrong",
                ),
            ):
                browser.set_window_size(1400, 900)
                browser.get("about:blank")
                browser.get(f"{board.url}#{tab}")
                jobs.wait_for(
                    words,
                    lambda: words in browsers.written(browser),  # noqa: B023
                )
                browsers.save(browser, IMAGES / f"{name}.png")
            browser.set_window_size(1000, 1300)
            page = pathlib.Path(folder, "digits", REPORT_FILE)
            browser.get(page.as_uri())
            browsers.save(browser, IMAGES / "report.png")
            draw_columns(browser, pathlib.Path(folder, TABLE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
