"""What Prometheus is told: requests, batches and versions."""

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

PREDICT = "/v1/models/multiclass:predict"
ROW = np.zeros((8, 8), int).tolist()


def told(server):
    """Returns {(name, labels): value} of what a scrape finds."""
    answer = server.ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def labels(**named):
    return tuple(sorted(named.items()))


def test_requests_batches_and_versions_are_counted(server):
    before = told(server)
    for body in ({"instances": [ROW] * 3}, {"instances": [ROW] * 3}, {}):
        server.ask(PREDICT, body)
    after = told(server)

    def grew(name, **named):
        key = name, labels(**named)
        return after.get(key, 0) - before.get(key, 0)

    requests = "strata_server_requests_total"
    asked = {"model": "multiclass", "ask": "predict"}
    assert grew(requests, code="200", **asked) == 2
    assert grew(requests, code="400", **asked) == 1
    assert grew("strata_server_request_seconds_count", ask="predict") == 3
    name = "strata_server_batch_rows"
    assert grew(f"{name}_count", model="multiclass") == 2
    assert grew(f"{name}_sum", model="multiclass") == 6
    padding = "strata_server_padding_rows_total"
    assert grew(padding, model="multiclass") == 2
    version = "strata_server_model_version", labels(model="multiclass")
    assert after[version] == 0
    waiting = "strata_server_waiting_requests", labels(model="multiclass")
    assert after[waiting] == 0


def test_what_strangers_ask_for_makes_no_new_series(server):
    server.ask("/none")
    server.ask("/v1/models/none")
    before = told(server).keys()
    for number in range(3):
        server.ask(f"/a{number}")
        server.ask(f"/v1/models/b{number}:predict", {})
        server.ask(f"/v2/models/c{number}/infer", {})
    assert told(server).keys() == before
