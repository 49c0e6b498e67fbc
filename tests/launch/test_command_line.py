"""What launchers find in the trainer's arguments before they start anything."""

import pytest

from trainer.launch.command_line import checked_flags
from trainer.launch.command_line import LauncherParser
from trainer.launch.command_line import stop_command
from trainer.launch.slurm.array import first_task
from trainer.launch.slurm.array import own_arguments
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--config=mnits"], "did you mean mnist?"),
        (["--config=here/x.py"], "neither a file nor one of"),
        (["--config=mnist", "--config.epochs=0"], "config.epochs=0"),
        (["--config=mnist", "--config.optimizer.name=adm"], "mean adam?"),
        (["--config=mnist", "--epochs=3"], "did you mean --config.epochs?"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(words, told):
    with pytest.raises(UserError) as caught:
        checked_flags(words)
    assert told in str(caught.value)


def test_a_file_of_another_machine_is_left_to_it():
    words = ["--config=there/x.py", "--config.epochs=0"]
    assert checked_flags(words, files_are_here=False).config == "there/x.py"
    with pytest.raises(UserError, match="did you mean mnist"):
        checked_flags(["--config=mnits"], files_are_here=False)


def test_a_file_that_is_here_is_read(tmp_path):
    (tmp_path / "x.yaml").write_text("epochs: 0")
    with pytest.raises(UserError, match=r"nothing was started"):
        checked_flags([f"--config={tmp_path}/x.yaml"], files_are_here=False)


def test_a_file_of_flags_is_read_where_its_launcher_is(tmp_path):
    file = tmp_path / "my.flags"
    file.write_text("--config=digits\n--config.seed\n4\n")
    parser = LauncherParser("strata launch yours", "")
    _, arguments = parser.read(["--", "--flagfile", str(file), "runs/x"])
    assert arguments == [
        "--config=digits",
        "--config.seed=4",
        "--workdir=runs/x",
    ]
    with pytest.raises(UserError, match=r"here/no.*; the trainer's arguments"):
        parser.read(["--", "--flagfile=here/no"])


def test_a_run_is_stopped_where_its_workdir_is():
    assert stop_command("runs/a b") == "touch 'runs/a b/STOP'"
    told = "gcloud storage cp /dev/null gs://mine/x/STOP"
    assert stop_command("gs://mine/x/") == told


def test_the_first_task_of_an_array_stands_for_all():
    words = ["--config=digits", "--config.epochs=%a"]
    own = own_arguments(words, first_task(["--option", "--array=3-9:2"]))
    assert checked_flags(own).run_workdir == "runs/digits/task_3"
    assert first_task(["--constraint=a100"]) == {}
