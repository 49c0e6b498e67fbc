"""The model card of an export: Markdown for people, of the JSON beside it.

After M. Mitchell and others 2019, Model cards for model reporting: what it is,
what it was trained on, how good it is and where it is weak, and what it is not
for. It says what is known from the run and nothing else.
"""

import json
import shlex
from typing import Any
from typing import NamedTuple

from trainer.process.columns import between
from trainer.process.columns import number

WEAKEST_CLASSES = 5
# Below so many test rows, or rows of a class, an interval is wide.
FEW_ROWS = 100


class Format(NamedTuple):
    """What a format's file is called, and what it needs beyond Strata."""

    file: str
    packages: tuple[str, ...] = ()


FORMATS = {
    # The folder itself, so that TensorFlow Serving finds its versions.
    "saved_model": Format("."),
    "keras": Format("model.keras"),
    "tflite": Format("model.tflite"),
    "onnx": Format("model.onnx", ("tf2onnx", "onnx", "onnxruntime")),
}


def text_of(card: dict[str, Any]) -> str:
    """Returns a model card in Markdown.

    Args:
      card: its JSON values, of `strata export`.
    """
    data, run = card["data"], card["run"]
    sections = {
        "The model": _model(card),
        "Input and output": _interface(card),
        "Data": _data(data),
        "Scores": _scores(run),
        "Where it is weak": _weaknesses(run),
        "Limits": _limits(card),
        "The same numbers in every format": _agreement(card),
        "How to train it again": _reproduction(card),
    }
    title = f"# Model card: {data['name']}, {run['problem']}"
    body = "\n\n".join(
        f"## {name}\n\n{text}" for name, text in sections.items()
    )
    return f"{title}\n\n{body}\n"


def _model(card: dict[str, Any]) -> str:
    model, run = card["config"]["model"], card["run"]
    widths = ", ".join(map(str, model["hidden_units"])) or "none"
    return (
        f"A multilayer perceptron with hidden layers of {widths} units"
        f" ({model['activation']}), {card['parameters']:,} parameters; the"
        f" weights after step {run['step']:,}, of SHA-256"
        f" `{run['weights_sha256']}`. Trained by Strata"
        f" {card['trained']['version']}. The whole config is in"
        " `model_card.json`."
    )


def _interface(card: dict[str, Any]) -> str:
    x, problem = card["data"]["x"], card["data"]["problem"]
    shape = ", ".join(map(str, ["rows", *x["shape"]]))
    lines = [
        f"- Input: {x['dtype']} `[{shape}]`, rows as they were stored, not"
        " normalised; any number of them."
    ]
    if card["data"].get("encoding"):
        names = ", ".join(
            c["name"] for c in card["data"]["encoding"]["columns"]
        )
        lines.append(
            "- Input of the SavedModel's signature `table`: string `[rows,"
            f" columns]`, cells as a CSV file has them, of: {names}."
        )
    if "regression" in problem["type"]:
        lines.append(
            f"- Output `values`: float32 `[rows, {problem['outputs']}]`, in the"
            " target's own units."
        )
    else:
        lines.append(
            f"- Output `probabilities`: float32 `[rows, {problem['outputs']}]`"
            + ("; of class 1." if problem["type"] == "binary" else ".")
        )
    if problem["type"] in ("binary", "multiclass"):
        lines.append("- Output `class` of the SavedModel: int64 `[rows]`.")
    numbers = [str(i) for i in range(len(problem["class_names"]))]
    if problem["class_names"] != numbers:
        names = ", ".join(
            f"{i} {name}" for i, name in enumerate(problem["class_names"][:50])
        )
        lines.append(f"- Classes or labels, by number: {names}.")
    return "\n".join(lines)


def _data(data: dict[str, Any]) -> str:
    rows = ", ".join(f"{n} {k}" for k, n in data["examples"].items())
    return (
        f"- Name: {data['name']}, {data['kind']} rows: {rows}.\n"
        f"- Origin and licence: {data['origin'] or 'unknown'}.\n"
        f"- Fingerprint: `{data['fingerprint']}`."
    )


def _scores(run: dict[str, Any]) -> str:
    (values,) = run["evaluation"].values()
    own = "" if run["data"]["is_the_runs_own"] else ", not the run's own data"
    lines = [
        f"On the {values['examples']:,} rows of the {run['split']} split{own}:",
        "",
        "| metric | value | 95 % interval |",
        "|---|---:|---|",
    ]
    lines += [
        f"| {name} | {number(value)} |"
        f" {between(run['intervals'].get(name), nothing='')} |"
        for name, value in values.items()
        if name != "examples"
    ]
    how = (
        "Intervals of means by the central limit theorem."
        if "per_output" in run
        else "Intervals after Wilson 1927, from exact counts."
    )
    if "calibration" in run:
        error = run["calibration"]
        how += (
            f" Expected calibration error {number(error['ece'])}, in"
            f" {error['bins_of']} bins of equal width."
        )
    return "\n".join([*lines, "", how])


def _weaknesses(run: dict[str, Any]) -> str:
    if "per_class" not in run:
        return "\n".join(
            f"- Output {row['output']}: mean absolute error"
            f" {number(row['mae'])}, root mean square {number(row['rmse'])},"
            f" mean error {number(row['mean_error'])}."
            for row in run["per_output"]
        )
    there = [row for row in run["per_class"] if row["support"]]
    weakest = sorted(there, key=lambda row: row["f1"])[:WEAKEST_CLASSES]
    lines = [
        "| weakest | precision | recall | F1 | rows | recall's interval |",
        "|---|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {_cell(row['class'])} | {number(row['precision'])} |"
        f" {number(row['recall'])} | {number(row['f1'])} | {row['support']} |"
        f" {between(row['recall_interval'], nothing='')} |"
        for row in weakest
    ]
    pairs = run.get("confusion", {}).get("most_confused", [])[:WEAKEST_CLASSES]
    if pairs:
        words = "; ".join(
            f"{p['class']} taken for {p['predicted']} {p['rows']} times"
            for p in pairs
        )
        lines += ["", f"Most confused: {words}."]
    return "\n".join(lines)


def _limits(card: dict[str, Any]) -> str:
    run = card["run"]
    (values,) = run["evaluation"].values()
    lines = [
        "- It answers every row, also one unlike any that it was trained on;"
        " nothing in it tells such rows apart.",
        "- The scores hold for rows drawn as the test rows were; they say"
        " nothing about rows from elsewhere, later or of other makings.",
    ]
    if values["examples"] < FEW_ROWS:
        lines.append(
            f"- The test split has {values['examples']} rows: the intervals"
            " are wide."
        )
    few = [
        row["class"]
        for row in run.get("per_class", ())
        if row["support"] < FEW_ROWS
    ]
    if few:
        more = f" and {len(few) - 10} more" if len(few) > 10 else ""
        lines.append(
            f"- Fewer than {FEW_ROWS} test rows were of: {', '.join(few[:10])}"
            f"{more}."
        )
    lines.append(
        "- Fairness, privacy and robustness to an adversary were not looked at."
    )
    return "\n".join(lines)


def _agreement(card: dict[str, Any]) -> str:
    lines = [
        "Each was opened again and compared with the trainer.",
        "",
        "| format | file | rows | greatest difference |",
        "|---|---|---:|---:|",
    ]
    lines += [
        f"| {name} | `{_file(name.split()[0])}` | {found['rows']} |"
        f" {found['greatest_difference']:.1e} |"
        for name, found in card["agreement"].items()
    ]
    return "\n".join(lines)


def _file(name: str) -> str:
    return "saved_model.pb" if name == "saved_model" else FORMATS[name].file


def _reproduction(card: dict[str, Any]) -> str:
    trained = card["trained"]
    command = ["python", *trained["command"][1:]]
    packages = ", ".join(f"{k} {v}" for k, v in trained["packages"].items())
    return (
        f"Strata {trained['version']}, revision"
        f" {trained['revision'] or 'unknown'}; Python {trained['python']};"
        f" {packages}; {trained['processor']}.\n\n"
        f"```sh\n{shlex.join(command)}\n```\n\n"
        "On the same packages, processor and topology the weights come out"
        " with the same SHA-256.\n\n"
        f"Seed {card['config']['seed']}; optimizer"
        f" `{json.dumps(card['config']['optimizer']['name'])}`; every field of"
        " the config is in `model_card.json`."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
