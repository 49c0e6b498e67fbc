"""Exports: served without TensorFlow, and taken up while others answer."""

import asyncio
import errno
import json
import pathlib
import shutil
import sys

import numpy as np
import pytest

from tests import asking
from tests.runs import held_out_rows
from trainer import load
from trainer.process.exits import UserError
from trainer.server import opening
from trainer.server import tf_serving
from trainer.server.catalogue import Catalogue
from trainer.server.metrics import Metrics
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.serving import export
from trainer.serving import exported_run
from trainer.serving import model_card
from trainer.storage.files import checksums
from trainer.storage.files import to_json

LIMITS = Limits(batch_rows=4)


@pytest.fixture
def workdir(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "digits")
    return tmp_path / "digits"


@pytest.fixture(scope="module")
def images(exported):
    return held_out_rows(load(exported).stored)[0][:7]


def settings_of(place, **more):
    more = {"limits": LIMITS} | more
    return Settings((("digits", str(place)),), **more)


def change_card(folder, change):
    """Changes an export's card, as if so written."""
    path = folder / "model_card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_bytes(to_json(card))
    reseal(folder)


def reseal(folder):
    (folder / "manifest.json").unlink()
    sums = checksums(folder)
    (folder / "manifest.json").write_bytes(to_json({"files": sums}))


@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_an_export_answers_as_the_run(exported, images, runtime):
    settings = settings_of(exported, runtime=runtime)
    with asking.serving(settings) as server:
        told = server.ask(
            "/v1/models/digits/versions/1:predict",
            {"instances": images.tolist()},
        ).value["predictions"]
        about = server.ask("/v1/models/digits/about").value
    assert (about["version"], about["runtime"]) == ("1", runtime)
    assert about["card"].startswith("# ")
    model = load(exported)
    found = np.array([row["probabilities"] for row in told], np.float32)
    np.testing.assert_allclose(
        found, model.predict(images, batch_size=4), rtol=0, atol=1e-6
    )
    assert [row["class"] for row in told] == [
        model.labels[i] for i in model.classes(images)
    ]


def test_who_asks_is_told_no_folder_of_this_machine(workdir):
    def name_folders(card):
        folder = "/home/ada/flowers"
        origin = f"your own table in {folder}/train.csv"
        card["data"] |= {"folder": folder, "origin": origin, "name": "*"}
        card["trained"]["command"] = ["a", "-m", "b", f"--data_dir={folder}"]
        text = model_card.text_of(card)
        assert text.count("/home/ada") == 2
        (version / "model_card.md").write_text(text)

    version = workdir / "export" / "1"
    change_card(version, name_folders)
    with asking.serving(settings_of(workdir)) as server:
        told = server.ask("/v1/models/digits/about")
    assert b"/home/ada" not in told.body
    lines = told.value["card"].splitlines()
    assert "- Origin and licence: &#42;." in lines
    again = lines[lines.index("## How to train it again") :]
    assert [line[:6] for line in again[2::2]] == ["Strata", "On the", "Seed 4"]


def test_an_export_that_is_removed_is_told_of_while_it_answers(workdir):
    with asking.serving(settings_of(workdir)) as server:
        shutil.rmtree(workdir / "export")
        about = server.ask("/v1/models/digits/about")
    assert about.status == 200
    assert about.value["card"].startswith("# ")


def test_an_export_has_the_runs_own_sketch(workdir):
    stored, version = load(workdir).stored, workdir / "export" / "1"
    assert stored.sketch is not None
    kept = exported_run.read(version).sketch
    assert kept.to_json() == stored.sketch.to_json()
    # One of an earlier version has none, and is served without it.
    (version / "sketch.json").unlink()
    reseal(version)
    assert exported_run.read(version).sketch is None
    with asking.serving(settings_of(workdir)) as server:
        assert b"strata_server_drift_psi{" not in server.ask("/metrics").body


def test_onnx_is_chosen_where_it_is_there_and_agrees(workdir):
    path = workdir / "export" / "1"
    read = opening.exported_run.read
    assert opening.chosen_runtime(read(path), "auto") == "onnx"

    def disagree(card):
        card["agreement"]["onnx"]["labels_that_differ"] = 1

    change_card(path, disagree)
    assert opening.chosen_runtime(read(path), "auto") == "tensorflow"
    with pytest.raises(UserError, match="has no onnx that agrees"):
        opening.find(str(workdir), None, "onnx")


def test_a_run_answers_by_itself_where_there_is_no_export(workdir):
    shutil.rmtree(workdir / "export")
    assert opening.find(str(workdir), None, "auto").version == 0
    with pytest.raises(UserError, match="strata export"):
        opening.find(str(workdir), None, "onnx")
    with pytest.raises(UserError, match="holds no run"):
        opening.find(str(workdir / "train"), None, "auto")


def test_a_place_is_a_workdir_its_exports_or_one_of_them(exported, tmp_path):
    alone = tmp_path / "alone"
    shutil.copytree(exported / "export" / "1", alone)
    for place, name in (
        (exported, "digits"),
        (exported / "export", "digits"),
        (exported / "export" / "1", "digits"),
        (alone, "alone"),
    ):
        assert opening.name_of(str(place)) == name
        assert opening.find(str(place), None, "auto").version == 1
    found = opening.find(str(exported), "last", "auto")
    assert found.version == 0
    with pytest.raises(UserError, match="which TensorFlow alone runs"):
        opening.find(str(exported), "last", "onnx")


def test_a_sweeps_workdir_has_its_exports_served(exported, tmp_path):
    shutil.copytree(exported / "export", tmp_path / "export")
    (tmp_path / "ensemble.json").write_bytes(to_json({"members": []}))
    assert opening.exports_of(str(tmp_path)) == tmp_path / "export"
    assert opening.find(str(tmp_path), None, "auto").version == 1


def test_a_decision_threshold_is_the_exports_own(trained, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(
        trained("binary"), workdir, ignore=shutil.ignore_patterns("export")
    )
    assert export.main([f"--workdir={workdir}", "--formats=saved_model"]) == 0
    path = workdir / "export" / "1"
    change_card(path, lambda card: card.update(threshold=0.875))
    assert opening.exported_run.read(path).problem.threshold == 0.875


def test_an_export_that_is_not_whole_is_refused(workdir):
    path = workdir / "export" / "1"
    with open(path / "model.onnx", "ab") as file:
        file.write(b"\0")
    with pytest.raises(UserError, match=r"model\.onnx does not match"):
        opening.find(str(workdir), None, "auto")
    (path / "manifest.json").write_bytes(b"{}")
    with pytest.raises(UserError, match="is no export of this version"):
        opening.find(str(workdir), None, "auto")


def looked(catalogue, workdir):
    asyncio.run(catalogue.look("digits", workdir / "export"))


def test_a_new_version_is_taken_up_and_a_bad_one_is_not(workdir, capsys):
    first, folder = workdir / "export" / "1", workdir / "export"
    catalogue = Catalogue(settings_of(workdir), Metrics())
    old = catalogue.models["digits"]
    looked(catalogue, workdir)
    assert catalogue.models["digits"] is old
    # As a copy that is not done yet.
    shutil.copytree(first, folder / "2")
    (folder / "2" / "model.onnx").write_bytes(b"half")
    for _ in range(2):
        looked(catalogue, workdir)
    assert catalogue.models["digits"] is old
    (refused,) = catalogue.refused["digits"]
    assert refused.version == 2 and "model.onnx" in refused.why
    assert capsys.readouterr().err.count("is not taken up") == 1
    # Now it is done.
    shutil.copy(first / "model.onnx", folder / "2")
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 2
    assert not catalogue.refused["digits"]
    # One that is whole and cannot be opened.
    shutil.copytree(first, folder / "10")
    (folder / "10" / "model.onnx").write_bytes(b"nothing that is ONNX")
    reseal(folder / "10")
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 2
    assert [each.version for each in catalogue.refused["digits"]] == [10]
    # One that was written before it, and is good.
    shutil.copytree(first, folder / "9")
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 9
    assert [each.version for each in catalogue.refused["digits"]] == [10]


def test_a_new_version_of_other_rows_is_refused_and_of_other_labels_told(
    workdir, capsys
):
    folder = workdir / "export"
    catalogue = Catalogue(settings_of(workdir), Metrics())
    shutil.copytree(folder / "1", folder / "2")
    change_card(folder / "2", lambda card: card["data"]["x"].update(dtype="u2"))
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 1
    line = capsys.readouterr().err
    assert "takes values of uint16, and version 1 takes uint8; start" in line
    shutil.copytree(folder / "1", folder / "3")
    names = ["nil", *map(str, range(1, 10))]
    change_card(
        folder / "3",
        lambda card: card["data"]["problem"].update(class_names=names),
    )
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 3
    line = capsys.readouterr().err
    assert line.endswith("; its label 0 is 'nil', and was '0'\n")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        MemoryError(),
        Exception("FAIL : system error number 24"),  # of ONNX Runtime
    ],
)
def test_a_version_is_tried_again_where_what_refused_it_may_pass(
    workdir, capsys, monkeypatch, error
):
    def wanting(*_):
        tried.append(error)
        raise error

    tried, folder = [], workdir / "export"
    catalogue = Catalogue(settings_of(workdir), Metrics())
    shutil.copytree(folder / "1", folder / "2")
    with monkeypatch.context() as machine:
        machine.setattr(exported_run, "difference", wanting)
        for _ in range(2):  # the second time it is too soon
            looked(catalogue, workdir)
        assert len(tried) == 1
        machine.setattr(opening, "RETRY_SECS", 0)
        catalogue.refused.clear()
        for _ in range(2):
            looked(catalogue, workdir)
        assert len(tried) == 3
    assert catalogue.models["digits"].version == 1
    capsys.readouterr()
    looked(catalogue, workdir)
    assert catalogue.models["digits"].version == 2
    assert "version 2 of digits answers" in capsys.readouterr().err


def test_a_version_is_not_tried_again_where_its_files_are_at_fault(
    workdir, monkeypatch
):
    monkeypatch.setattr(opening, "RETRY_SECS", 0)
    folder = workdir / "export"
    catalogue = Catalogue(settings_of(workdir), Metrics())
    shutil.copytree(folder / "1", folder / "2")
    (folder / "2" / "model.onnx").write_bytes(b"half")
    looked(catalogue, workdir)
    monkeypatch.setattr(exported_run, "read", None)
    looked(catalogue, workdir)
    (refused,) = catalogue.refused["digits"]
    assert "does not match its SHA-256" in refused.why


def test_looks_go_on_after_one_that_the_machine_had_no_thread_for(monkeypatch):
    looks = []

    async def look(*given):
        looks.append(given)
        if len(looks) < 3:
            raise RuntimeError("can't start new thread")
        raise asyncio.CancelledError

    catalogue = Catalogue(Settings((), poll_secs=0), Metrics())
    monkeypatch.setattr(catalogue, "look", look)
    monkeypatch.setattr(opening, "exports_of", pathlib.Path)
    catalogue._settings = settings_of("digits", poll_secs=0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(catalogue.take_up())
    assert len(looks) == 3


def test_a_start_goes_down_to_a_version_that_is_good(workdir, capsys):
    folder = workdir / "export"
    for name in ("2", "3"):
        shutil.copytree(folder / "1", folder / name)
        (folder / name / "model.onnx").write_bytes(b"half")
    reseal(folder / "2")  # whole, and nothing that is ONNX
    catalogue = Catalogue(settings_of(workdir), Metrics())
    assert catalogue.models["digits"].version == 1
    looked(catalogue, workdir)
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" is not taken up: ")[0] for line in told] == [
        "strata: version 3 of digits",
        "strata: version 2 of digits",
    ]
    assert "2 cannot be run (" in told[1]
    state = tf_serving.status(
        catalogue.models["digits"], catalogue.refused["digits"]
    )["model_version_status"]
    assert [each["version"] for each in state] == ["3", "2", "1"]
    assert [each["status"]["error_message"] for each in state] == [
        "version 3 is refused: model.onnx does not match its SHA-256; export it"
        " again",
        "version 2 cannot be read or run; the server's log says why",
        "",
    ]
    # As `strata serve --workers` looks before its workers do.
    assert opening.find(str(workdir), None, "auto").version == 2


def test_a_start_without_a_good_version_tells_of_the_newest(workdir, capsys):
    folder = workdir / "export"
    shutil.copytree(folder / "1", folder / "2")
    for name in ("1", "2"):
        (folder / name / "model.onnx").write_bytes(b"nothing that is ONNX")
        reseal(folder / name)
    for place in (workdir, folder / "2"):
        with pytest.raises(UserError, match="/2 cannot be run"):
            Catalogue(settings_of(place), Metrics())
    assert capsys.readouterr().err == ""


def test_requests_go_on_while_a_version_is_taken_up(workdir, images):
    settings = settings_of(workdir, poll_secs=0.01)
    with asking.serving(settings) as server:
        seen, asked = set(), 0
        shutil.copytree(workdir / "export/1", workdir / "export/.2")
        pathlib.Path(workdir / "export/.2").rename(workdir / "export/2")
        while "2" not in seen:
            told = server.ask(
                "/v2/models/digits/infer",
                {
                    "inputs": [
                        {
                            "name": "inputs",
                            "shape": [1, 64],
                            "datatype": "UINT8",
                            "data": images[0].ravel().tolist(),
                        }
                    ]
                },
            )
            assert told.status == 200
            seen.add(told.value["model_version"])
            asked += 1
        state = server.ask("/v1/models/digits").value
        assert state["model_version_status"][0]["version"] == "2"
        assert server.ask("/v1/models/digits/versions/1").status == 404
        text = server.ask("/metrics").body.decode()
        assert 'strata_server_model_version{model="digits"} 2.0' in text


def test_an_export_as_onnx_is_served_without_tensorflow(exported):
    program = (
        "import sys; from trainer.server import app, settings;"
        f"app.build(settings.Settings((('digits', {str(exported)!r}),)));"
        "print(sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    from tests import processes

    run = processes.start_python("-c", program, python=sys.executable)
    code, output = processes.finish(run)
    assert (code, output) == (0, "[]\n")
