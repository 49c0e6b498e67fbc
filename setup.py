"""Packages, their bounds, and the `strata` command."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent


def constant(file: str, name: str) -> str:
    """Reads a text of a module; to import it takes what is not there yet."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return re.search(rf'^{name} = "(.+)"$', text, re.MULTILINE)[1]


TENSORFLOW_BOUNDS = ">=2.20,<2.22"

TEST = [
    # Before the "!" stands when it was made, and after it Grafana's version.
    "grafana-foundation-sdk>=1769699998!10.1",
    "hypothesis>=6.100",
    "ipykernel>=6.29,<8",
    "kubeflow-trainer-api>=2.3,<3",
    "kubernetes-validate>=1.37,<2",
    "axe-core-python>=0.1,<0.2",
    "nbclient>=0.10,<0.12",
    "pandas>=2.2,<4",
    "pytest>=8.4",
    "pytest-cov>=6",
    "pytest-xdist>=3.6",
    "selenium>=4.30,<5",
    "setuptools>=77",
]
# Keras's own export to ONNX, and what checks it.
ONNX = [
    "onnx>=1.18,<2",
    "onnxruntime>=1.22,<2",
    "tf2onnx>=1.16,<2",
]
# CUDA's libraries; launch/requirements-gpu.in says why their bounds.
GPU = [
    f"tensorflow[and-cuda]{TENSORFLOW_BOUNDS}",
    "nvidia-cuda-nvcc-cu12>=12.6.85,<13; sys_platform == 'linux'",
    "nvidia-cudnn-cu12>=9.24,<10; sys_platform == 'linux'",
]
# Workdirs and data on gs://.
GCS = ["google-cloud-storage>=3,<4"]
# Tables in Parquet, Feather and Arrow files, and in text packed by Zstandard.
ARROW = ["pyarrow>=20,<27"]
ZSTD = ["zstandard>=0.23,<1"]
# A run as a page.
REPORT = ["matplotlib>=3.9,<4"]
# A run's numbers for Prometheus.
METRICS = ["prometheus-client>=0.22,<1"]
# Runs and exports behind HTTP.
SERVE = [
    *METRICS,
    "httptools>=0.6.3,<1",
    "starlette>=0.46,<2",
    "uvicorn>=0.34,<1",
    "uvloop>=0.21,<1",
]
# Many runs: what searches.
SWEEP = ["optuna>=5,<6"]
# Services that keep experiments.
MLFLOW = ["mlflow-skinny>=3.1,<4"]
WANDB = ["wandb>=0.20,<1"]
# TensorBoard's tab for the traces of --profile_steps.
PROFILE = ["xprof>=2.20,<3"]
# The extras that tests need, too.
WITH = ARROW + GCS + ONNX + REPORT + SERVE + SWEEP + ZSTD
# README, docs/ and the reference as a site.
DOCS = [
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.6,<10",
    "mkdocstrings[python]>=1,<2",
]
LINT = [
    "mypy>=1.15",
    "ruff>=0.12",
    "types-PyYAML>=6",
]

setuptools.setup(
    name=constant("trainer/process/extras.py", "DISTRIBUTION"),
    version=constant("trainer/version.py", "__version__"),
    description=(
        "One training job for multilayer perceptrons in TensorFlow, the same"
        " on a CPU, several devices and several machines"
    ),
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    # trainer/configs and trainer/launch are links to the folders beside it.
    packages=setuptools.find_packages(include=["trainer*"]),
    package_data={
        "trainer": ["py.typed", "*/templates/*"],
        "trainer.launch": ["gcp/machine/*.sh"],
    },
    install_requires=[
        "absl-py>=2.1,<3",
        "Jinja2>=3.1,<4",
        "keras>=3.15,<4",
        "ml_collections>=1.1,<2",
        "msgspec>=0.19,<1",
        "numpy>=1.26,<3",
        "packaging>=24",
        "PyYAML>=6,<7",
        "requests>=2.32,<3",
        "scikit-learn>=1.5,<2",
        "scipy>=1.13,<2",
        f"tensorboard{TENSORFLOW_BOUNDS}",
        f"tensorflow{TENSORFLOW_BOUNDS}",
        "urllib3>=2,<3",
    ],
    extras_require={
        "arrow": ARROW,
        "gpu": GPU,
        "gcs": GCS,
        "metrics": METRICS,
        "mlflow": MLFLOW,
        "onnx": ONNX,
        "profile": PROFILE,
        "report": REPORT,
        "serve": SERVE,
        "sweep": SWEEP,
        "docs": DOCS,
        "test": TEST + WITH + DOCS,
        "lint": LINT,
        "dev": TEST + WITH + DOCS + LINT,
        "wandb": WANDB,
        "zstd": ZSTD,
    },
    entry_points={"console_scripts": ["strata = trainer.__main__:command"]},
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
