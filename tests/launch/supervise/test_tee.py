"""What several processes print on one screen."""

import os
import pty

from trainer.launch.supervise.tee import Tee


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
        ours, theirs = pty.openpty()
        os.write(theirs, text.encode())
        os.close(theirs)
        tee.copy(ours)
    assert capfd.readouterr().out.replace("\r\n", "\n") == (
        "\r[0] 1/2 bar\r\x1b[K[1] a line\n[1] another\n"
        "\r[0] 2/2 bar\n[1] the end\n"
    )
