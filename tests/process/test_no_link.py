"""Links where a run appends to a file of its own."""

import pytest

from trainer.journal.metrics_log import MetricsLog
from trainer.process.exits import UserError
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
