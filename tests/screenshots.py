"""Takes the pictures of the docs: `make screenshots`."""

import pathlib
import sys
import tempfile

from tests import browser as browsers
from tests.faults import jobs
from tests.processes import ROOT
from trainer import task
from trainer.reports import report

IMAGES = pathlib.Path(ROOT) / "docs" / "images"
RUNS = {
    "digits": (),
    "digits_wide": ("--config.model.hidden_units=512,256",),
}


def main() -> int:
    """Trains two runs, and shows them."""
    if missing := browsers.missing():
        print(f"make screenshots needs {', '.join(missing)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in RUNS.items():
            workdir = f"--workdir={folder}/{name}"
            task.main(["--config=digits", *flags, workdir])
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
            page = pathlib.Path(folder, "digits", report.NAME)
            browser.get(page.as_uri())
            browsers.save(browser, IMAGES / "report.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
