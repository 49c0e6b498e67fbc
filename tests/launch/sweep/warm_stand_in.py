"""Stands in for `Warm`: by the tests' fork server, or by a fake."""

import json
import pathlib
import subprocess

from tests import forked
from trainer.process.exits import MISTAKE
from trainer.storage.files import to_json
from trainer.storage.json_files import sealed


class ForkedWarm:
    """Has the tests' own fork server run what it is given."""

    def close(self):
        pass

    def start(self, words, descriptors, *, environment, cores=()):
        run = forked.start(
            *words, environment=environment, stdout=descriptors[1]
        )
        return ForkedChild(run)


class ForkedChild:
    def __init__(self, run):
        self._run = run

    def wait(self, timeout_secs=None):
        try:
            return self._run.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number):
        self._run.send_signal(number)


class FakeWarm:
    """Writes at once what a run of these words would leave.

    Attributes:
      started: the words of all runs.
      finished: the workdirs of those that came to their end here.
    """

    def __init__(self, scores_of, code_of=lambda fields: 0, on_start=None):
        """Takes functions from a run's fields, {path: text}.

        Args:
          scores_of: gives its validation scores, first to last.
          code_of: gives its exit code.
          on_start: is called before a run has written anything, and after.
        """
        self._scores_of, self._code_of = scores_of, code_of
        self._on_start = on_start or (lambda: None)
        self.started, self.finished = [], []

    def start(self, words, descriptors, *, environment=None, cores=()):
        self.started.append(words)
        self._on_start()
        if words[1] == "evaluate":
            return self._evaluate(words)
        if words[0] == "trainer.api.side_by_side":
            text = "\n".join(words[1:])
            runs = [own.split("\n") for own in text.split("+\n") if own]
            if any(self._is_refused(own) for own in runs):
                return FakeChild(MISTAKE)  # Before any has begun.
            for own in runs:
                self._train(["trainer.task", *own])
            return FakeChild(0)
        return self._train(words)

    def _is_refused(self, words):
        return self._code_of(_fields_of(_given(words))) == MISTAKE

    def _train(self, words):
        if self._is_refused(words):
            return FakeChild(MISTAKE)
        given = _given(words)
        folder = pathlib.Path(given["workdir"])
        folder.mkdir(parents=True, exist_ok=True)
        fields = _fields_of(given)
        code = self._code_of(fields)
        scores = self._scores_of(fields)
        lines = [
            {"step": i, "epoch": i, "split": "validation", "loss": s}
            for i, s in enumerate(scores, 1)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "metrics.jsonl").write_text(text)
        self._on_start()
        if code == 0:
            result = {
                "status": "done",
                "step": len(scores),
                "epoch": 1,
                "evaluation": {"validation": {"loss": scores[-1]}},
                "weights_sha256": "",
                "examples_per_sec": 1.0,
                "restarts": 0,
                "wall_secs": 1.0,
                "goodput": {},
            }
            (folder / "result.json").write_bytes(to_json(sealed(result)))
            self.finished.append(folder.name)
        return FakeChild(code)

    def _evaluate(self, words):
        given = dict(w[2:].split("=", 1) for w in words[2:])
        value = {
            "evaluation": {given["split"]: {"loss": 0.5}},
            "intervals": {"loss": [0.4, 0.6]},
        }
        pathlib.Path(given["output"]).write_text(json.dumps(value))
        return FakeChild(0)


def _given(words):
    return dict(w[2:].split("=", 1) for w in words if "=" in w)


def _fields_of(given):
    return {
        k.removeprefix("config."): v
        for k, v in given.items()
        if k.startswith("config.")
    }


class FakeChild:
    def __init__(self, code):
        self._code = code

    def wait(self, timeout_secs=None):
        return self._code

    def send_signal(self, number):
        pass
