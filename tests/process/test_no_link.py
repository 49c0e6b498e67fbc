"""Links where a file of one's own is to be written."""

import pytest

from trainer.journal.metrics_log import MetricsLog
from trainer.process.exits import UserError
from trainer.reports import pages
from trainer.serving import output
from trainer.workdir.lock_file import LockFile


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("metrics.jsonl", lambda path: MetricsLog(path, [b"theirs"])),
        (".lock", lambda path: LockFile(path.parent).opened().__enter__()),
    ],
)
def test_what_a_link_names_is_left_as_it_is(tmp_path, name, write):
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs\n")
    (tmp_path / name).symlink_to(theirs)
    with pytest.raises(UserError, match=f"{name} is a link"):
        write(tmp_path / name)
    assert theirs.read_bytes() == b"theirs\n"


@pytest.mark.parametrize(
    "check", [pages.check_output, lambda path: output.check_output(path, [])]
)
def test_no_output_takes_the_place_of_a_link(tmp_path, check):
    link = tmp_path / "stdout"
    link.symlink_to("/proc/self/fd/1")
    with pytest.raises(UserError, match=r"--output=.*stdout is a link, to /"):
        check(link)
