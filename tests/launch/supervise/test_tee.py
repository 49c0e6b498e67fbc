"""What several processes print, on one screen and in one log."""

import os
import pty
import threading

from trainer.launch.supervise.tee import Tee


def copied(tee, text, by=pty.openpty):
    ours, theirs = by()
    os.write(theirs, text.encode())
    os.close(theirs)
    tee.copy(ours)


def test_a_line_takes_the_place_of_anothers_bar(capfd):
    """And does not go on behind it; the bar is drawn again below."""
    bar, other = Tee("[0] "), Tee("[1] ")
    for tee, text in (
        (bar, "\r1/2 bar"),
        (other, "a line\n"),
        (other, "another\n"),
        (bar, "\r2/2 bar\n"),
        (other, "the end\n"),
    ):
        copied(tee, text)
    assert capfd.readouterr().out.replace("\r\n", "\n") == (
        "\r[0] 1/2 bar\r\x1b[K[1] a line\n[1] another\n"
        "\r[0] 2/2 bar\n[1] the end\n"
    )


def test_a_log_is_of_the_first_job_until_that_ends(tmp_path):
    """The second one is refused by its trainer, and says so elsewhere."""
    log = tmp_path / "logs/worker_0.log"
    ours, theirs = os.pipe()
    first = threading.Thread(target=Tee("", log).copy, args=(ours,))
    first.start()
    os.write(theirs, b"one\n")
    while not (log.exists() and log.read_text()):
        os.sched_yield()
    copied(Tee("", log), "refused\n", os.pipe)
    os.write(theirs, b"two\n")
    os.close(theirs)
    first.join()
    copied(Tee("", log), "of a later start\n", os.pipe)
    assert log.read_text() == "one\ntwo\nof a later start\n"
