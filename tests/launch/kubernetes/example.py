"""A command, and what is read out of its manifest."""

DIGEST = "sha256:" + "0" * 64
FLAGS = {
    "--name": "mnist",
    "--nodes": "4",
    "--image": f"registry.example:5000/team/strata:1.0@{DIGEST}",
    "--volume": "results:/shared",
}
TRAINER = ("--config=mnist", "--workdir=/shared/runs/mnist")
TPU = {
    "--nodes": "1",
    "--tpu_accelerator": "tpu-v5-lite-podslice",
    "--tpu_topology": "2x4",
}


def command(flags=(), trainer=TRAINER, switches=()):
    """Words after `strata launch kubernetes`; None leaves a flag out."""
    named = FLAGS | dict(flags)
    words = [f"{k}={v}" for k, v in named.items() if v is not None]
    return [*words, *switches, "--", *trainer]


def container_of(job):
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return container


def expanded(text, variables):
    """Does what Kubernetes does to a container's args.

    k8s.io/kubernetes/third_party/forked/golang/expansion: $$ is $, and $(NAME)
    the variable's value where there is one.
    """
    done, i = "", 0
    while i < len(text):
        after = text[i + 1 : i + 2]
        if text[i] != "$" or not after:
            done, i = done + text[i], i + 1
        elif after == "$":
            done, i = done + "$", i + 2
        elif after == "(" and ")" in text[i:]:
            end = text.index(")", i)
            name = text[i + 2 : end]
            done += variables.get(name, text[i : end + 1])
            i = end + 1
        else:
            done, i = done + text[i : i + 2], i + 2
    return done


def assert_one_line(captured, told):
    assert captured.out == ""
    assert captured.err.startswith("strata: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err
