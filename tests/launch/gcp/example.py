"""Commands for a job, and what a dry run of one shows."""

from trainer.launch.gcp import __main__ as command

TRAINER = ("--config=mnist", "--data_dir=gs://mine/mnist")
GPU = (
    "gpu",
    "--name=mnist",
    "--zone=us-central1-a",
    "--machine_type=g2-standard-8",
    "--bucket=gs://mine",
)
TPU = (
    "tpu",
    "--name=mnist",
    "--zone=us-west4-a",
    "--accelerator_type=v5litepod-8",
    "--bucket=gs://mine",
)
IMAGE = "us-docker.pkg.dev/ours/images/strata@sha256:" + 64 * "0"
VERTEX = (
    "vertex",
    "--name=mnist",
    "--region=us-central1",
    "--machine_type=g2-standard-8",
    f"--image={IMAGE}",
    "--bucket=gs://mine",
)


def show(capsys, words, trainer=TRAINER):
    code = command.main([*words, "--dry_run", "--", *trainer])
    return code, capsys.readouterr()
