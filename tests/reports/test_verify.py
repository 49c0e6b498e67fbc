"""`strata verify`: whatever was altered is named, and nothing else."""

import json
import shutil

import pytest

from trainer.reports import verify
from trainer.storage.files import checksums
from trainer.storage.files import to_json


@pytest.fixture
def run(trained, tmp_path):
    """A run's workdir with an export, which a test may harm."""
    path = tmp_path / "run"
    # Another test may have exported the run.
    ignored = shutil.ignore_patterns("export")
    shutil.copytree(trained("multiclass"), path, ignore=ignored)
    export = path / "export" / "1"
    export.mkdir(parents=True)
    (export / "model_card.md").write_text("a model")
    manifest = {"files": checksums(export)}
    (export / "manifest.json").write_bytes(to_json(manifest))
    return path


def refused(run, capsys):
    """Returns the names of what is refused."""
    code = verify.main([str(run)])
    lines = capsys.readouterr().out.splitlines()
    found = [line.split()[0] for line in lines if " refused: " in line]
    assert code == (1 if found else 0)
    return found


def test_what_was_written_is_whole(run, capsys):
    assert verify.main([str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 + 2 + len([*run.glob("checkpoints/*")]) + 1
    assert all(line.endswith("whole") for line in lines)


def test_scored_weights_that_are_gone_are_named(run, capsys):
    step = json.loads((run / "result.json").read_text())["step"]
    shutil.rmtree(run / "checkpoints")
    assert refused(run, capsys) == [f"checkpoints/step_{step:08}"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("record.json", b'"digits"', b'"digitz"'),
        ("config.json", b'"epochs": 2', b'"epochs": 3'),
        ("result.json", b"accuracy", b"accurasy"),
        ("metrics.jsonl", b'"loss": 0.', b'"loss": 1.'),
        ("timing.jsonl", b'"replicas": 1', b'"replicas": 2'),
        ("export/1/model_card.md", b"a model", b"a muddle"),
    ],
)
def test_what_was_altered_is_named(run, capsys, name, old, new):
    data = (run / name).read_bytes()
    assert old in data
    (run / name).write_bytes(data.replace(old, new))
    expected = "export/1" if name.startswith("export") else name
    assert refused(run, capsys) == [expected]


def test_a_checksum_that_was_taken_away_is_missed(run, capsys):
    values = json.loads((run / "attempt.json").read_text())
    del values["checksum"]
    (run / "attempt.json").write_text(json.dumps(values))
    assert refused(run, capsys) == ["attempt.json"]


def test_a_line_that_was_taken_away_is_missed(run, capsys):
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join(lines[:-1]))
    assert refused(run, capsys) == ["metrics.jsonl"]


def test_a_manifest_names_files_of_its_folder_alone(run, tmp_path, capsys):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (path,) = run.glob("export/1")
    files = {"../../../secret": checksums(tmp_path)["secret"]}
    (path / "manifest.json").write_text(json.dumps({"files": files}))
    assert verify.main([str(run)]) == 1
    assert "../../../secret is outside of it" in capsys.readouterr().out


def test_a_folder_that_holds_no_run_is_a_mistake(tmp_path, capsys):
    assert verify.main([str(tmp_path)]) == 2
    assert "holds no run; name a run's workdir" in capsys.readouterr().err
