"""What a user can get wrong: one line on stderr, code 2, nothing written.

Each row of the table below is one mistake. All rows run in this process; some
run once more as real commands, and what needs TensorFlow's devices runs as a
command alone.
"""

import dataclasses
import gzip
import os
import pathlib
import socket
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from trainer import task
from trainer.config.values import rules
from trainer.sources import mnist
from trainer.sources import npy
from trainer.workdir import checkpoints

ROOT = pathlib.Path(__file__).parents[1]
MISTAKE = 2
DISK_FULL = 75
TIMEOUT_SECS = 120

X = np.arange(16, dtype=np.float32).reshape(8, 2)
Y = np.arange(8) % 2


@dataclasses.dataclass(frozen=True)
class Row:
    """A mistake.

    Attributes:
      name: of the case.
      arguments: the command line; {here} stands for an empty folder of the
        test's own, {config} for the config file.
      words: all of them are in the line that the user reads.
      make: makes the files that the case needs in the folder.
      config: the text of a config file.
      environment: variables that are set.
      needs_tensorflow: whether it is found only after TensorFlow is imported.
    """

    name: str
    arguments: str
    words: tuple[str, ...]
    make: Callable[[pathlib.Path, pytest.MonkeyPatch], None] | None = None
    config: str | None = None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    needs_tensorflow: bool = False


def returning(expression: str) -> str:
    """A config file that returns what an expression gives."""
    return (
        "from trainer.config import *\n\n"
        f"def get_config():\n    return {expression}\n"
    )


def arrays(**changes: object) -> Callable:
    """Makes data.npz, good but for the changes; None leaves an array out."""

    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        named = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
        named |= changes
        kept: dict = {
            k: np.asarray(v) for k, v in named.items() if v is not None
        }
        np.savez(here / "data.npz", **kept)

    return make


def idx_bytes(dimensions: tuple[int, ...]) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, len(dimensions))
    sizes = struct.pack(f">{len(dimensions)}I", *dimensions)
    return header + sizes + bytes(int(np.prod(dimensions)))


def digits_in_idx(**changes: bytes) -> Callable:
    """Makes MNIST's four files, of two images each, but for the changes."""

    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        for (split, axis), (name, dimensions) in mnist.FILES.items():
            good = idx_bytes((2, 28, 28)[:dimensions])
            (here / name).write_bytes(changes.get(f"{axis}_{split}", good))

    return make


def not_the_original(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    digits_in_idx()(here, patch)
    originals = {"train-images-idx3-ubyte": (2, "0" * 64)}
    patch.setattr(mnist, "MNIST_ORIGINALS", originals)


def torn_gzip(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    digits_in_idx()(here, patch)
    name = "train-images-idx3-ubyte"
    whole = gzip.compress((here / name).read_bytes())
    (here / f"{name}.gz").write_bytes(whole[:-12])


def pickled_npz(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    ragged = np.array([[1, 2], [3]], dtype=object)
    np.savez(here / "data.npz", x_train=ragged, y_train=Y[:2])


def pickled_npy(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    np.save(here / "x_train.npy", np.array([[1, 2], [3]], dtype=object))
    np.save(here / "y_train.npy", Y[:2])


def truncated_npy(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    np.save(here / "x_train.npy", X)
    np.save(here / "y_train.npy", Y)
    os.truncate(here / "x_train.npy", 150)


def folder_for_a_file(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    (here / "x_train.npy").mkdir()
    np.save(here / "y_train.npy", Y)


def compressed_bomb(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(npy, "MAX_NPZ_BYTES", 2**20)
    zeros = np.zeros((2**18, 2))
    np.savez_compressed(here / "data.npz", x_train=zeros, y_train=zeros)


def announced_bomb(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(here / "data.npz", "w") as archive:
        for key in ("x_train", "y_train"):
            archive.writestr(f"{key}.npy", b"")
            archive.getinfo(f"{key}.npy").file_size = 2**35


def text_file(name: str, text: str = "") -> Callable:
    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return make


def folder(name: str) -> Callable:
    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        (here / name).mkdir(parents=True)

    return make


def broken_link(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    (here / "run").symlink_to("nowhere")


DIGITS = "--config=digits --workdir={here}/run"
FILES = "--config={config} --data_dir={here} --workdir={here}/run"
OWN = returning(
    "Config(steps=1, data=DataConfig(source='files'),"
    " model=ModelConfig(hidden_units=()))"
)
MNIST = "--config=mnist --data_dir={here} --workdir={here}/run"


def of_files(name: str, words: tuple[str, ...], make, flags: str = "") -> Row:
    return Row(name, f"{FILES} {flags}", words, make, config=OWN)


FLAGS = [
    Row("no argument", "", ("--config is missing", "digits")),
    Row("no config's name", "--config", ("--config= is neither a file",)),
    Row(
        "unknown flag",
        f"{DIGITS} --epochs=3",
        ("strata: Unknown command line flag 'epochs'",),
    ),
    Row("ill-typed flag", f"{DIGITS} --devices=two", ("--devices=two", "int")),
    Row("no CPU devices", f"{DIGITS} --cpu_devices=0", ("--cpu_devices=0",)),
    Row("unknown strategy", f"{DIGITS} --strategy=ring", ("ring", "mirrored")),
    Row("flag without value", f"{DIGITS} --devices", ("devices",)),
    Row("no such flag file", f"{DIGITS} --flagfile={{here}}/no", ("here/no",)),
    Row("positional argument", f"{DIGITS} 30", ("'30' is not a flag",)),
]

CONFIGS = [
    Row("unknown config", "--config=mnits", ("mnits", "did you mean mnist?")),
    Row("no such config file", "--config=x/y.py", ("x/y.py", "neither a file")),
    Row(
        "unknown field",
        f"{DIGITS} --config.epoch=3",
        ("config.epoch ", "did you mean config.epochs?"),
    ),
    Row(
        "unknown field of a section",
        f"{DIGITS} --config.optimizer.learning_rte=3",
        ("did you mean config.optimizer.learning_rate?",),
    ),
    Row(
        "a field without its section",
        f"{DIGITS} --config.learning_rate=3",
        ("did you mean config.optimizer.learning_rate?",),
    ),
    Row(
        "a section for a field",
        f"{DIGITS} --config.model=3",
        ("config.model is a section", "config.model.hidden_units"),
    ),
    Row(
        "a field like no other",
        f"{DIGITS} --config.zzz=1",
        ("config.zzz ", "trainer/config/sections.py"),
    ),
    Row("an int of text", f"{DIGITS} --config.seed=x", ("config.seed=x",)),
    Row(
        "a half epoch", f"{DIGITS} --config.epochs=1.5", ("config.epochs=1.5",)
    ),
    Row(
        "widths of text",
        f"{DIGITS} --config.model.hidden_units=a,b",
        ("config.model.hidden_units=('a,b',)", "a tuple of int"),
    ),
    Row(
        "learning rate not a number",
        f"{DIGITS} --config.optimizer.learning_rate=nan",
        ("config.optimizer.learning_rate=nan", "finite float"),
    ),
    Row(
        "learning rate infinite",
        f"{DIGITS} --config.optimizer.learning_rate=inf",
        ("config.optimizer.learning_rate=inf", "finite float"),
    ),
    Row(
        "none where a value must be",
        f"{DIGITS} --config.seed=none",
        ("config.seed=none", "must have a value"),
    ),
    Row(
        "a source like another",
        f"{DIGITS} --config.data.source=mnits",
        ("config.data.source='mnits'", "did you mean mnist?"),
    ),
    Row(
        "both lengths",
        f"{DIGITS} --config.epochs=3 --config.steps=5",
        ("config.epochs=3", "config.steps=5", "exactly one"),
    ),
    Row(
        "no length",
        f"{DIGITS} --config.epochs=none",
        ("config.epochs=None", "exactly one"),
    ),
    Row(
        "more micro-batches than rows",
        f"{DIGITS} --config.optimizer.accumulation_steps=33",
        ("accumulation_steps=33", "config.global_batch_size=32"),
    ),
    Row(
        "boundaries without factors",
        f"{DIGITS} --config.optimizer.schedule.boundaries=0.5",
        ("boundaries=(0.5,)", "of one length"),
    ),
    Row(
        "piecewise without boundaries",
        f"{DIGITS} --config.optimizer.schedule.name=piecewise",
        ("'piecewise'", "needs boundaries"),
    ),
    Row(
        "boundaries of another schedule",
        f"{DIGITS} --config.optimizer.schedule.boundaries=0.5"
        " --config.optimizer.schedule.factors=0.1",
        ("'constant'", "boundaries=(0.5,)"),
    ),
    Row(
        "Nesterov without momentum",
        f"{DIGITS} --config.optimizer.name=sgd --config.optimizer.nesterov",
        ("nesterov=True", "momentum > 0"),
    ),
    Row(
        "Nesterov of another optimizer",
        f"{DIGITS} --config.optimizer.momentum=0.9 --config.optimizer.nesterov",
        ("nesterov=True", "name='sgd'"),
    ),
    Row(
        "patience for nothing",
        f"{DIGITS} --config.evaluation.patience=3",
        ("config.evaluation.patience=3", "select_by"),
    ),
]

# (name, expression that get_config() returns, words)
RETURNED = [
    (
        "no Config",
        "{'epochs': 3}",
        ("returned a dict", "config.Config"),
    ),
    ("nothing", "None", ("returned a NoneType",)),
    ("a keyword no config has", "Config(epoch=3)", ("TypeError", "'epoch'")),
    ("text for an int", "Config(epochs='3')", ("config.epochs='3'", "int")),
    ("truth for an int", "Config(epochs=True)", ("config.epochs=True", "int")),
    (
        "text for a float",
        "Config(epochs=1, optimizer=OptimizerConfig(learning_rate='1e-3'))",
        ("config.optimizer.learning_rate='1e-3'", "finite float"),
    ),
    (
        "an int for a tuple",
        "Config(epochs=1, model=ModelConfig(hidden_units=128))",
        ("config.model.hidden_units=128", "a tuple of int"),
    ),
    (
        "an int for a truth",
        "Config(epochs=1, jit_compile=1)",
        ("config.jit_compile=1", "true or false"),
    ),
    (
        "None for text",
        "Config(epochs=1, data=DataConfig(source=None))",
        ("config.data.source=None", "str"),
    ),
    (
        "a dict for a section",
        "Config(epochs=1, model={'dropout': 0.1})",
        ("config.model={'dropout': 0.1}", "ModelConfig"),
    ),
]
CONFIG_FILES = [
    Row(
        f"config file returns {name}",
        "--config={config} --workdir={here}/run",
        words,
        config=returning(expression),
    )
    for name, expression, words in RETURNED
] + [
    Row(
        "config file with a syntax error",
        "--config={config} --workdir={here}/run",
        ("SyntaxError", "bad_config.py", "line 1"),
        config="def get_config(:\n",
    ),
    Row(
        "config file without get_config",
        "--config={config} --workdir={here}/run",
        ("get_config",),
        config="EPOCHS = 3\n",
    ),
    Row(
        "config file that reads a missing file",
        "--config={config} --workdir={here}/run",
        ("missing.json",),
        config="def get_config():\n    return open('missing.json')\n",
    ),
    Row(
        "none in a config that is none",
        "--config={config} --workdir={here}/run --config.steps=none",
        ("returned a dict",),
        config=returning("{'epochs': 3}"),
    ),
    Row(
        "field of a config that is none",
        "--config={config} --workdir={here}/run --config.seed=3",
        ("cannot be read", "seed"),
        config=returning("{'epochs': 3}"),
    ),
]

RULES = rules()
# A value that each field's rule refuses.
REFUSED = {
    "problem": "clustering",
    "loss": "hinge",
    "label_encoding": "ordinal",
    "seed": "-1",
    "epochs": "0",
    "steps": "0",
    "global_batch_size": "0",
    "precision": "float16",
    "steps_per_execution": "0",
    "data.source": "imagenet",
    "data.validation_fraction": "1",
    "data.test_fraction": "0",
    "data.normalization": "whiten",
    "data.target_normalization": "scale",
    "data.augmentation.rotation_degrees": "-1",
    "data.augmentation.scale": "1",
    "data.augmentation.shear": "-0.1",
    "data.augmentation.shift_pixels": "-1",
    "data.augmentation.elastic_alpha_pixels": "-1",
    "data.augmentation.elastic_sigma_pixels": "0",
    "data.augmentation.fade_fraction": "1.5",
    "model.hidden_units": "128,0",
    "model.activation": "relu9",
    "model.leaky_relu_slope": "-0.1",
    "model.kernel_initializer": "zeros",
    "model.dropout": "1",
    "model.l2": "-1",
    "optimizer.name": "adm",
    "optimizer.learning_rate": "0",
    "optimizer.momentum": "1",
    "optimizer.rho": "1.5",
    "optimizer.beta_1": "1",
    "optimizer.beta_2": "-0.5",
    "optimizer.epsilon": "0",
    "optimizer.weight_decay": "-1",
    "optimizer.clip_norm": "0",
    "optimizer.ema_decay": "1",
    "optimizer.accumulation_steps": "0",
    "optimizer.schedule.name": "cosin",
    "optimizer.schedule.warmup_fraction": "1",
    "optimizer.schedule.final_fraction": "1.5",
    "optimizer.schedule.boundaries": "0.5,0.5",
    "optimizer.schedule.factors": "0",
    "evaluation.global_batch_size": "0",
    "evaluation.every_steps": "0",
    "evaluation.patience": "0",
    "evaluation.min_delta": "-1",
    "checkpoint.every_steps": "0",
    "checkpoint.keep_every_steps": "0",
    "checkpoint.every_secs": "0",
    "checkpoint.keep": "0",
    "log.every_steps": "0",
    "log.norms_every_steps": "0",
    "log.histograms_every_steps": "0",
}
OF_RULES = [
    Row(
        f"rule of {path}",
        f"{DIGITS} --config.{path}={value}",
        (f"config.{path}=", value.split(",")[-1], RULES[path].words),
    )
    for path, value in REFUSED.items()
    if path in RULES
]

DATA = [
    Row(
        "folder for a source without files",
        f"{DIGITS} --data_dir={{here}}",
        ("--data_dir=", "'digits'", "ships inside"),
    ),
    Row(
        "no folder",
        "--config={config} --workdir={here}/run",
        ("--data_dir is not set", "x_train.npy"),
        config=OWN,
    ),
    Row(
        "missing folder",
        "--config={config} --data_dir={here}/no --workdir={here}/run",
        ("/no does not exist",),
        config=OWN,
    ),
    Row(
        "file for a folder",
        "--config={config} --data_dir={here}/a.npz --workdir={here}/run",
        ("a.npz is not a folder",),
        make=text_file("a.npz"),
        config=OWN,
    ),
    of_files("empty folder", ("no .npz, no .npy and no .csv",), None),
    of_files(
        "ragged CSV",
        ("own.csv: line 3 has 1 cells", "the header has 2"),
        text_file("own.csv", "a,y\n1,0\n2\n"),
    ),
    of_files(
        "unknown target",
        ("config.data.target='z' is no column of", "did you mean 'y'?"),
        text_file("own.csv", "a,y\n1,0\n2,1\n"),
        "--config.data.target=z",
    ),
    Row(
        "a target without a CSV",
        f"{DIGITS} --config.data.target=digit",
        ("config.data.target='digit' names columns of a CSV file",),
    ),
    of_files(
        "NaN in the features",
        ("x_train", "nan in row 3", "must be finite"),
        arrays(x_train=np.where(X == 6, np.nan, X)),
    ),
    of_files(
        "infinity in the features",
        ("x_test", "inf in row 3", "must be finite"),
        arrays(x_test=np.where(X == 6, np.inf, X)),
    ),
    of_files(
        "NaN in the targets",
        ("y_train", "nan in row 1"),
        arrays(y_train=np.where(Y, np.nan, Y / 2), y_test=Y / 2),
    ),
    of_files("ragged rows in an npz", ("x_train", "ragged"), pickled_npz),
    of_files("ragged rows in an npy", ("x_train.npy", "never"), pickled_npy),
    of_files(
        "features of text",
        ("x_train", "dtype str", "must be integers or floats"),
        arrays(x_train=X.astype(str)),
    ),
    of_files(
        "complex features",
        ("x_train", "complex64"),
        arrays(x_train=X.astype(np.complex64)),
    ),
    of_files(
        "other features in the test split",
        ("x_test", "(3,)", "x_train has (2,)"),
        arrays(x_test=np.ones((8, 3), np.float32)),
    ),
    of_files(
        "other labels in the test split",
        ("y_test", "(2,)", "y_train has ()"),
        arrays(y_test=np.ones((8, 2), int)),
    ),
    of_files(
        "a label too few",
        ("x_train has 8 rows", "y_train has 7"),
        arrays(y_train=Y[:7]),
    ),
    of_files("no rows", ("x_train has no rows",), arrays(x_train=X[:0])),
    of_files("no labels", ("lacks y_train",), arrays(y_train=None)),
    of_files("no file of that kind", ("data.npz",), text_file("data.npz", "x")),
    of_files("truncated npy", ("x_train.npy", "truncated"), truncated_npy),
    of_files("folder for an npy", ("x_train.npy",), folder_for_a_file),
    of_files("compressed bomb", ("inflate", "1048576"), compressed_bomb),
    of_files("announced bomb", ("inflate", f"{2**36}"), announced_bomb),
    Row(
        "empty folder for MNIST",
        MNIST,
        ("train-images-idx3-ubyte", "must hold"),
    ),
    Row(
        "truncated IDX",
        MNIST,
        ("train-labels-idx1-ubyte", "truncated"),
        digits_in_idx(y_train=idx_bytes((2,))[:-1]),
    ),
    Row(
        "no IDX",
        MNIST,
        ("t10k-images-idx3-ubyte", "begins with 0x3c68746d"),
        digits_in_idx(x_test=b"<html>nothing is here</html>"),
    ),
    Row(
        "torn gzip of IDX",
        MNIST,
        ("train-images-idx3-ubyte.gz", "whole copy"),
        torn_gzip,
    ),
    Row("wrong checksum of IDX", MNIST, ("wrong checksum",), not_the_original),
]

LABELS = [
    of_files(
        "three classes in binary",
        ("y_train[2]=2", "labels of problem 'binary' are 0 or 1"),
        arrays(y_train=np.arange(8) % 3),
        "--config.problem=binary",
    ),
    of_files(
        "a negative class",
        ("y_train[0]=-1", "whole numbers from 0"),
        arrays(y_train=Y * 2 - 1),
        "--config.problem=multiclass",
    ),
    of_files(
        "half a class",
        ("y_train[1]=0.5", "whole numbers from 0"),
        arrays(y_train=Y / 2, y_test=Y / 2),
        "--config.problem=multiclass",
    ),
    of_files(
        "an identifier for a class",
        ("y_train[1]=100000", "at most 99999"),
        arrays(y_train=Y * 100_000),
        "--config.problem=multiclass",
    ),
    of_files(
        "a class that was not trained",
        ("y_test[2]=2", "0 to 1 in y_train"),
        arrays(y_test=np.arange(8) % 3),
        "--config.problem=multiclass",
    ),
    of_files(
        "a single class",
        ("y_train holds a single class",),
        arrays(y_train=Y * 0, y_test=Y * 0),
    ),
    of_files(
        "two classes in a one-hot row",
        ("y_train[0]=[1, 1]", "a single 1"),
        arrays(y_train=np.ones((8, 2), int), y_test=np.eye(8, 2, dtype=int)),
        "--config.problem=multiclass",
    ),
    of_files(
        "a mark of two",
        ("y_train[1]=[2, 0]", "labels of problem 'multilabel' are 0 or 1"),
        arrays(
            y_train=np.stack([Y * 2, Y * 0], 1),
            y_test=np.stack([Y, Y], 1),
        ),
        "--config.problem=multilabel",
    ),
    of_files(
        "a target out of bounds",
        ("y_train[1]=[1.5]", "lie in [0, 1]"),
        arrays(y_train=Y * 1.5, y_test=Y * 0.5),
        "--config.problem=bounded_regression",
    ),
    of_files(
        "a target beyond float32",
        ("y_train[1]=[1e+300]", "float32"),
        arrays(y_train=Y * 1e300, y_test=Y * 0.5),
        "--config.problem=regression",
    ),
    of_files(
        "bounded targets standardised",
        ("target_normalization='standardize'", "stay in [0, 1]"),
        arrays(),
        "--config.problem=bounded_regression"
        " --config.data.target_normalization=standardize",
    ),
    Row(
        "a loss of another problem",
        f"{DIGITS} --config.loss=mse",
        ("config.loss='mse'", "'multiclass'", "categorical_crossentropy"),
    ),
    Row(
        "unknown metric",
        f"{DIGITS} --config.evaluation.select_by=auc",
        ("config.evaluation.select_by='auc'", "loss, accuracy"),
    ),
    Row(
        "no validation split to select by",
        f"{DIGITS} --config.evaluation.select_by=loss"
        " --config.data.validation_fraction=0",
        ("select_by='loss'", "config.data.validation_fraction"),
    ),
]

WORKDIRS = [
    Row(
        "file for a workdir",
        DIGITS,
        ("/run is not a folder",),
        text_file("run"),
    ),
    Row(
        "workdir in a file",
        "--config=digits --workdir={here}/run/a/b",
        ("cannot be written", "/run is not a writable folder"),
        text_file("run"),
    ),
    Row("broken link", DIGITS, ("/run is not a folder",), broken_link),
    Row(
        "too long a name",
        f"--config=digits --workdir={{here}}/{'a' * 300}",
        ("too long",),
    ),
    Row(
        "checkpoints of no config",
        DIGITS,
        ("holds checkpoints but no config.json",),
        folder("run/checkpoints"),
    ),
    Row(
        "torn config.json",
        DIGITS,
        ("config.json cannot be read",),
        text_file("run/config.json", '{"seed": 4'),
    ),
    Row(
        "folder for config.json",
        DIGITS,
        ("config.json cannot be read",),
        folder("run/config.json"),
    ),
    Row(
        "list in config.json",
        DIGITS,
        ("config.json cannot be read", "no JSON object"),
        text_file("run/config.json", "[1]"),
    ),
    Row(
        "unknown field in config.json",
        DIGITS,
        ("config.json", "config.epoch ", "this version"),
        text_file("run/config.json", '{"epoch": 4}'),
    ),
    Row(
        "text for an int in config.json",
        DIGITS,
        ("config.json", "config.epochs='4'"),
        text_file("run/config.json", '{"epochs": "4"}'),
    ),
    Row(
        "another config's workdir",
        f"{DIGITS} --config.data.validation_fraction=0",
        ("another config", "seed: 7 -> 42", "epochs: 31 -> 30", "name another"),
        text_file("run/config.json", '{"seed": 7, "epochs": 31}'),
    ),
    Row(
        "folder for the lock",
        DIGITS,
        (".lock cannot be locked",),
        folder("run/.lock"),
    ),
]


def tf_config(cluster: str, work: str = "{}") -> dict[str, str]:
    return {"TF_CONFIG": f'{{"cluster": {cluster}, "task": {work}}}'}


TWO = '{"worker": ["127.0.0.1:1", "127.0.0.1:2"]}'
CLUSTERS = [
    Row(
        f"TF_CONFIG {name}",
        DIGITS,
        ("TF_CONFIG=", *words),
        environment=environment,
    )
    for name, environment, words in [
        ("torn", {"TF_CONFIG": "{"}, ("cannot be read",)),
        ("no object", {"TF_CONFIG": "[1]"}, ("cannot be read",)),
        ("of a number", tf_config('{"worker": 2}'), ("cannot be read",)),
        ("of a string", tf_config('{"worker": "a:1"}'), ("list of addresses",)),
        ("with a parameter server", tf_config('{"ps": ["a:1"]}'), ("'ps'",)),
        ("without task", tf_config(TWO), ("'None', index -1",)),
        (
            "with an index of text",
            tf_config(TWO, '{"type": "worker", "index": "x"}'),
            ("cannot be read", "'x'"),
        ),
        (
            "with an index too many",
            tf_config(TWO, '{"type": "worker", "index": 2}'),
            ("'worker', index 2",),
        ),
        (
            "with an address twice",
            tf_config(
                '{"worker": ["a:1", "a:1"]}', '{"type": "worker", "index": 0}'
            ),
            ("names a:1 twice",),
        ),
        (
            "with an address without a port",
            tf_config(
                '{"worker": ["a:1", "b"]}', '{"type": "worker", "index": 0}'
            ),
            ("'b', which is no host:port",),
        ),
        (
            "with a task of no job",
            tf_config(TWO, '{"type": "chief", "index": 0}'),
            ("'chief', index 0",),
        ),
    ]
]
TWO_WORKERS = (
    '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]},'
    ' "task": {"type": "worker", "index": 0}}'
)
DEVICES = [
    Row(
        "several workers of one",
        f"{DIGITS} --strategy=multiworker",
        ("--strategy=multiworker needs two workers or more",),
    ),
    Row(
        "one process of several workers",
        f"{DIGITS} --strategy=mirrored",
        ("--strategy=mirrored", "there are 2 workers", "--cluster=none"),
        environment={"TF_CONFIG": TWO_WORKERS},
    ),
    Row(
        "no task of Slurm",
        f"{DIGITS} --cluster=slurm",
        ("--cluster=slurm", "no task of srun", "strata launch slurm"),
    ),
    Row(
        "no pod",
        f"{DIGITS} --cluster=kubernetes",
        ("STRATA_ADDRESSES=''", "host:port"),
    ),
    Row(
        "a cluster that is none",
        f"{DIGITS} --cluster=pbs",
        ("--cluster=pbs", "slurm"),
    ),
    Row(
        "devices of several workers",
        f"{DIGITS} --devices=1",
        ("--devices=1 does not fit --strategy=multiworker",),
        environment={"TF_CONFIG": TWO_WORKERS},
    ),
    Row(
        "no GPU",
        f"{DIGITS} --require_gpus=1",
        ("--require_gpus=1", "sees 0", "driver", "CUDA"),
        needs_tensorflow=True,
    ),
]
TABLE = [
    *FLAGS,
    *CONFIGS,
    *CONFIG_FILES,
    *OF_RULES,
    *DATA,
    *LABELS,
    *WORKDIRS,
    *CLUSTERS,
    *DEVICES,
]
# Run once more as real commands.
COMMANDS = (
    "no argument",
    "unknown flag",
    "ill-typed flag",
    "no CPU devices",
    "unknown field",
    "rule of data.source",
    "rule of global_batch_size",
    "config file with a syntax error",
    "NaN in the features",
    "ragged rows in an npz",
    "announced bomb",
    "truncated IDX",
    "a class that was not trained",
    "another config's workdir",
    "TF_CONFIG torn",
)


def contents(top: pathlib.Path) -> dict[str, bytes | str]:
    """All that is in a folder: {path: bytes, or what else it is}."""
    return {
        str(path.relative_to(top)): path.read_bytes()
        if path.is_file()
        else ("link" if path.is_symlink() else "folder")
        for path in sorted(top.rglob("*"))
    }


@pytest.fixture
def here(tmp_path):
    path = tmp_path / "here"
    path.mkdir()
    return path


def prepare(row: Row, here: pathlib.Path, patch) -> list[str]:
    """Makes a row's files; returns its command line."""
    file = here.with_name("bad_config.py")
    if row.config is not None:
        file.write_text(row.config)
    if row.make is not None:
        row.make(here, patch)
    text = row.arguments.replace("{here}", str(here))
    return text.replace("{config}", str(file)).split()


def check(row: Row, code: int, stderr: str) -> None:
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("strata: ")
    for words in row.words:
        assert words in lines[0]
    assert code == MISTAKE


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_mistake_is_one_line(row, here, monkeypatch, capsys):
    arguments = prepare(row, here, monkeypatch)
    monkeypatch.chdir(here)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    # Loaded into the same module again, an older file's names would stay.
    monkeypatch.delitem(sys.modules, "config_config", raising=False)
    for name, value in row.environment.items():
        monkeypatch.setenv(name, value)
    if not row.needs_tensorflow:
        # From here on, importing either raises ImportError.
        for name in ("tensorflow", "keras"):
            monkeypatch.setitem(sys.modules, name, None)
    before = contents(here)
    code = task.main(arguments)
    check(row, code, capsys.readouterr().err)
    assert contents(here) == before


def test_every_rule_is_in_the_table():
    assert set(REFUSED) == set(RULES)
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)
    assert set(COMMANDS) <= set(names)


def command(arguments, here, *, before=(), **environment):
    """Runs the trainer as a user does; returns what is left of it."""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    path = os.pathsep.join(str(folder) for folder in (*before, ROOT))
    return subprocess.run(
        [sys.executable, "-m", "trainer.task", *map(str, arguments)],
        cwd=here,
        env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECS,
    )


@pytest.fixture
def trap(tmp_path):
    """A folder that stands before TensorFlow on the path, and ends who asks."""
    path = tmp_path / "trap"
    path.mkdir()
    for name in ("tensorflow", "keras"):
        (path / f"{name}.py").write_text(f"raise SystemExit('{name} asked')\n")
    return path


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.name in COMMANDS],
    ids=lambda row: row.name,
)
def test_a_mistake_in_a_command(row, here, trap, monkeypatch):
    arguments = prepare(row, here, monkeypatch)
    before = contents(here)
    done = command(arguments, here, before=[trap], **row.environment)
    check(row, done.returncode, done.stderr)
    assert contents(here) == before


def test_the_trap_catches(here, trap):
    done = command(
        [f"--workdir={here}/run", "--config=digits"], here, before=[trap]
    )
    assert "tensorflow asked" in done.stderr
    assert contents(here) == {}


@pytest.fixture
def holder(here):
    """A live process that holds {here}/run, and the folder's lock file."""
    (here / "run").mkdir()
    lock = here / "run" / ".lock"
    hold = (
        "import pathlib, sys\n"
        "from trainer.workdir.folder import Workdir\n"
        f"with Workdir({str(here / 'run')!r}).lock():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("", timeout=TIMEOUT_SECS)
    assert lock.exists()


def test_a_workdir_that_is_held(here, holder, trap):
    before = contents(here)
    done = command(
        [f"--workdir={here}/run", "--config=digits"], here, before=[trap]
    )
    words = ("/run is in use by process", str(holder.pid))
    check(Row("held", "", words), done.returncode, done.stderr)
    assert contents(here) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--devices=3", "--cpu_devices=2"],
            ("--devices=3", "2 CPU device", "--cpu_devices"),
        ),
        (["--strategy=tpu"], ("--strategy=tpu", "--tpu=local", "no TPU")),
    ],
    ids=["more devices than made", "no TPU"],
)
def test_devices_that_are_not_there(flags, words, here):
    done = command(["--config=digits", *flags], here)
    check(Row("devices", "", words), done.returncode, done.stderr)
    assert contents(here) == {}


@pytest.mark.slow
def test_a_tpu_that_never_answers(here):
    """An address that accepts and says nothing, with a deadline of 1 s."""
    start = (
        "import sys\n"
        "from trainer import task\nfrom trainer.devices import strategies\n"
        "assert strategies.TPU_CONNECT_SECS < 60\n"
        "strategies.TPU_CONNECT_SECS = 1.0\n"
        "sys.exit(task.main(sys.argv[1:]))\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        done = subprocess.run(
            [
                *(sys.executable, "-c", start, "--config=digits"),
                *("--strategy=tpu", f"--tpu={address}"),
            ],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECS,
        )
    lines = done.stderr.splitlines()
    words = ("--strategy=tpu", address, "no answer in 1 s")
    check(Row("silent", "", words), done.returncode, lines[-1])
    assert "Traceback" not in done.stderr
    assert contents(here) == {}


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of a given size, or gives a mounted one another."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *options, "tmpfs", str(disk)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")

    yield disk, mount
    subprocess.run(["umount", str(disk)], check=False, capture_output=True)


def run_on(disk, here):
    """A run of 41 steps, whose 5 checkpoints take some 250 kB."""
    return command(
        [
            f"--workdir={disk}/run",
            "--config=digits",
            "--config.epochs=1",
            "--config.model.hidden_units=16",
            "--config.checkpoint.every_steps=10",
            "--config.checkpoint.keep=1000",
        ],
        here,
    )


def check_disk_full(done) -> None:
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("strata: the disk failed: ")
    assert "No space left on device" in done.stderr
    assert done.returncode == DISK_FULL


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle(small_disk, here):
    disk, mount = small_disk
    mount("-o", "size=150k")
    check_disk_full(run_on(disk, here))
    folder = disk / "run" / "checkpoints"
    steps = checkpoints.steps_in(folder)
    assert 1 <= len(steps) < 5
    for step in steps:
        assert checkpoints.verify(checkpoints.path_of(folder, step)) is None
    mount("-o", "remount,size=16m")
    done = run_on(disk, here)
    assert f"going on from step_{steps[-1]:08d}" in done.stdout
    assert "done at step 41" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_disk_too_small_for_an_event_file(small_disk, here):
    disk, mount = small_disk
    mount("-o", "size=12k")
    check_disk_full(run_on(disk, here))
