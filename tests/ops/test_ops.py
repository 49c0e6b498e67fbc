"""What ops/ hands operators: rules, dashboard, and a real Prometheus."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import types
import urllib.parse
import urllib.request

import prometheus_client
import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from tests import processes
from tests.faults import jobs
from tests.journal.subjects import subject_of
from tests.journal.subjects import tell_all
from trainer.journal.prometheus import Prometheus
from trainer.launch.supervise.metrics import Numbers
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Supervision
from trainer.server.drift import Found
from trainer.server.metrics import Metrics
from trainer.serving.shifts import Confidence
from trainer.serving.shifts import Shift

OPS = pathlib.Path(__file__).parents[2] / "ops"
NAME = re.compile(r"\b(?:strata|process)_\w+")
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Debian's package prometheus is not here",
)


def promtool(*arguments):
    return subprocess.run(
        ["promtool", *map(str, arguments)],
        cwd=OPS,
        capture_output=True,
        text=True,
        timeout=60,
    )


def dashboard():
    return json.loads((OPS / "grafana_dashboard.json").read_text())


def expressions():
    """Returns the dashboard's, its variables filled in."""
    return [
        target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$instance", ".*")
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


@needs_prometheus
def test_promtool_finds_no_fault():
    for arguments in (
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_every_expression_of_the_dashboard_is_one(tmp_path):
    rules = [
        {"record": f"panel:{place}", "expr": expression}
        for place, expression in enumerate(expressions())
    ]
    path = tmp_path / "rules.yml"
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    path.write_text(yaml.safe_dump(groups))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_all_that_is_asked_for_is_shown(tmp_path):
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    numbers = Numbers(registry, Supervision(Policy(1, 1)), lambda: 0)
    numbers.started([types.SimpleNamespace(index=0, is_running=False)])  # type: ignore[list-item]
    numbers.ended([0])
    tell_all(Prometheus(subject_of(tmp_path), registry))
    server = Metrics()
    shift = Shift("size", 0.3, 0.1, None, None, (0.0, 0.0), 0.0)
    server.drift("m", Found(300, [shift], Confidence(0.9, 0.8, 0.9, 0.8)))
    served = text_string_to_metric_families(server.text().decode())
    families = [*registry.collect(), *served]
    shown = {s.name for metric in families for s in metric.samples}
    rules = (OPS / "alerts.yml").read_text()
    asked = set(NAME.findall("\n".join([*expressions(), rules])))
    assert asked <= shown
    assert len(asked) > 20


def test_the_dashboard_is_one_by_grafanas_own_types():
    """Nothing is lost on the way through them: no key that they lack."""
    plugins.register_default_plugins()
    found = Dashboard.from_json(dashboard())
    back = json.loads(JSONEncoder().encode(found))
    assert list(lost(dashboard(), back)) == []
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def lost(ours, theirs, path=""):
    """Yields the places where one says what the other does not."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{path}.{key}")
            elif value not in (None, [], {}):
                yield f"{path}.{key}"
    elif isinstance(ours, list):
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(*pair, f"{path}[{place}]")
    elif ours != theirs:
        yield path


@contextlib.contextmanager
def scraping(folder, ports):
    """Runs a Prometheus with the rules of ops/; gives what asks it."""
    config = yaml.safe_load((OPS / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(config["global"], "1s")
    targets = [f"127.0.0.1:{port}" for port in ports]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = targets
    config["rule_files"] = [str(OPS / "alerts.yml")]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    (port,) = processes.free_ports(1)
    server = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={path}",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(query):
        words = urllib.parse.urlencode({"query": query})
        url = f"http://127.0.0.1:{port}/api/v1/query?{words}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url) as told:
            return [
                float(each["value"][1])
                for each in json.load(told)["data"]["result"]
            ]
        return []

    try:
        yield ask
    finally:
        server.kill()
        server.wait()


@needs_prometheus
@pytest.mark.slow
def test_a_real_prometheus_watches_a_job_that_loses_a_worker(tmp_path):
    first = processes.free_ports_in_a_row(3)
    supervisor = processes.start_python(
        *("-m", "trainer", "launch", "local", "--num_workers=2", "--"),
        *("--config=digits", "--config.epochs=100000"),
        "--config.checkpoint.every_secs=1",
        f"--workdir={tmp_path}/run",
        f"--metrics_port={first}",
        stdout=subprocess.DEVNULL,
    )
    try:
        with scraping(tmp_path, range(first, first + 3)) as ask:

            def wait_for(query):
                jobs.wait_for(query, lambda: ask(query))

            wait_for("count(strata_checkpoint_step > 0) == 1")
            wait_for("count(strata_steps_total > 0) == 2")
            wait_for("count(process_resident_memory_bytes > 1e7) == 3")
            wait_for("strata_supervisor_workers_running == 2")
            wait_for('count(strata_loss{split="train"} > 0) == 2')
            os.kill(worker_of(supervisor), signal.SIGKILL)
            wait_for("strata_supervisor_starts_total == 2")
            wait_for('strata_supervisor_worker_exits_total{code="-9"} == 1')
            wait_for("strata_restarts_total == 1")
            supervisor.send_signal(signal.SIGTERM)
            assert supervisor.wait(60) == 42
    finally:
        # Its workers die with it.
        supervisor.kill()
        supervisor.wait()


def worker_of(supervisor):
    """Returns the number of a process that it started."""
    tasks = pathlib.Path(f"/proc/{supervisor.pid}/task")
    children = [
        pid
        for file in tasks.glob("*/children")
        for pid in file.read_text().split()
    ]
    return int(children[-1])
