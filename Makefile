# Each target's line after ## is what `make` alone prints.
CONFIG ?= configs/digits.py
PORT ?= 6006
PAIRS ?= 5
LOCKS := requirements.lock launch/requirements-gpu.txt launch/requirements-tpu.txt
UV_VERSION := 0.13.9

# What stands in the user's environment must not reach ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
PY := .venv/bin/python
UV_PIP := $(PY) -m uv pip
# Written last: where it is missing, set-up was not finished.
STAMP := .venv/.complete
BENCH_STAMP := .venv-bench/.complete
# LIBTPU=paired takes the compiler that TensorFlow's TPU build asks for.
TPU_VENV := .venv-tpu-check$(if $(LIBTPU),-$(LIBTPU))
TPU_LOCK := benchmarks/tpu_check_requirements$(if $(LIBTPU),_$(LIBTPU)).txt
TPU_STAMP := $(TPU_VENV)/.complete
GPU_STAMP := .venv-gpu-check/.complete
TRACKERS_STAMP := .venv-trackers/.complete

TESTS := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -r s \
	$(if $(ROOM),'tests/$(ROOM)')

.DEFAULT_GOAL := help
.PHONY: audit sbom docs help setup train test test-all test-trackers hooks fuzz soak attack lint \
	format tensorboard clean lock tpu-check gpu-check screenshots bench bench-smoke \
	scale-check
.SILENT:

help:
	echo 'usage: make TARGET [CONFIG=FILE] [WORKDIR=DIR] [DATA_DIR=DIR] [ROOM=NAME]'
	echo '  [ARGS="..."]; tests on MNIST need STRATA_DATA_DIR'
	sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16

setup: $(STAMP)  ## make .venv and install the locked packages in it

$(STAMP): requirements.lock setup.py trainer/version.py
	rm -f $@
	"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { echo 'make setup:' \
		'PYTHON=$(PYTHON) is no Python 3.11 to 3.13; name one, such as' \
		'make setup PYTHON=python3.12' >&2; exit 2; }
	"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || { echo 'make setup:' \
		'PYTHON=$(PYTHON) cannot make environments; install its venv' \
		'package, such as python3-venv' >&2; exit 2; }
	echo 'Installing the locked packages into .venv, once (2.5 GB) ...'
	$(PY) -c 'import pip; $(FITS)' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv
	$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV_PIP) install --python $(PY) --compile-bytecode --require-hashes \
		-r requirements.lock
	$(UV_PIP) install --quiet --python $(PY) --no-deps --no-build-isolation -e .
	# As the packages' above: some 0.4 s of each start where none is kept.
	$(PY) -m compileall -q benchmarks configs launch tests trainer
	# Looks for the fonts once, not at the end of the first run.
	$(PY) -c 'import matplotlib.font_manager'
	touch $@

train: $(STAMP)  ## train CONFIG (configs/digits.py), or continue its run
	$(PY) -m trainer.task --config='$(CONFIG)' \
		$(if $(WORKDIR),--workdir='$(WORKDIR)') \
		$(if $(DATA_DIR),--data_dir='$(DATA_DIR)') $(ARGS)

test: $(STAMP)  ## run the quick tests, or those of one ROOM (workdir)
	$(TESTS) -m 'not slow' $(ARGS)

# Slow ones wait for processes and clocks: a third takes the cores meanwhile.
test-all: $(STAMP)  ## run all tests, the slow ones first
	$(TESTS) -n 3 $(ARGS)

# Beside the packages of .venv, of which it takes what its own do not bring.
$(TRACKERS_STAMP): $(STAMP)
	rm -f $@
	echo 'Installing MLflow and wandb into .venv-trackers, once (1.5 GB) ...'
	$(PY) -m venv --clear --without-pip .venv-trackers
	$(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		"$$(.venv-trackers/bin/python -c \
		'import sysconfig; print(sysconfig.get_path("purelib"))')/strata.pth"
	$(UV_PIP) install --quiet --compile-bytecode \
		--python .venv-trackers/bin/python \
		'mlflow>=3.1,<4' 'wandb>=0.20,<1'
	touch $@

test-trackers: $(TRACKERS_STAMP)  ## try real MLflow and wandb, in their own .venv
	.venv-trackers/bin/python -m pytest tests/journal/test_real_trackers.py $(ARGS)

hooks: $(STAMP)  ## have git check style and changed rooms at each commit
	git config core.hooksPath .ci/hooks

fuzz: $(STAMP)  ## try N (1000) hostile inputs of each kind
	STRATA_FUZZ_EXAMPLES='$(or $(N),1000)' $(PY) -m pytest -n 2 -m fuzz $(ARGS)

soak: $(STAMP)  ## kill jobs N (200) times, and print what it cost
	$(PY) -m tests.faults.soak --kills='$(or $(N),200)' $(ARGS)

attack: $(STAMP)  ## alter, delete and cut off a run's files N (1000) times each
	$(PY) -m tests.faults.attack --count='$(or $(N),1000)' $(ARGS)

$(TPU_STAMP): $(TPU_LOCK) $(STAMP)
	rm -f $@
	echo 'Installing the TPU compiler into $(TPU_VENV), once (1.1 GB) ...'
	$(PY) -m venv --clear $(TPU_VENV)
	$(UV_PIP) install --quiet --python $(TPU_VENV)/bin/python \
		--require-hashes -r $(TPU_LOCK)
	touch $@

tpu-check: $(TPU_STAMP)  ## compile CONFIG's step for TPUs, without one
	hlo=$$(mktemp) && trap 'rm -f "$$hlo"' EXIT && \
		TF_CPP_MIN_LOG_LEVEL=3 $(PY) -m benchmarks.lowering "$$hlo" \
		--config='$(CONFIG)' $(if $(DATA_DIR),--data_dir='$(DATA_DIR)') \
		$(ARGS) && \
		$(TPU_VENV)/bin/python -m benchmarks.tpu_check "$$hlo"

# TensorFlow's wheel holds the compiler and its headers, and NVIDIA's ptxas and
# libdevice; without a C++ compiler, JAX's comes in its place.
TF := .venv/lib/python*/site-packages/tensorflow
$(GPU_STAMP): benchmarks/gpu_compile.cc benchmarks/gpu_check_requirements.txt \
		launch/requirements-gpu.txt $(STAMP)
	rm -f $@
	$(PY) -m venv --clear .venv-gpu-check
	if command -v '$(CXX)' > /dev/null; then \
		echo 'Building the GPU compiler in .venv-gpu-check, once (a minute) ...' && \
		awk '/^[a-z]/ { is_nvcc = /^nvidia-cuda-nvcc-cu12==/ } is_nvcc' \
			launch/requirements-gpu.txt > .venv-gpu-check/nvcc.txt && \
		$(UV_PIP) install --quiet --python .venv-gpu-check/bin/python \
			--require-hashes -r .venv-gpu-check/nvcc.txt && \
		tf=$$(echo "$$PWD"/$(TF)) && '$(CXX)' -std=c++17 -w -DNDEBUG \
			-D_GLIBCXX_USE_CXX11_ABI=1 -DEIGEN_MAX_ALIGN_BYTES=64 \
			-I"$$tf/include" -I"$$tf/include/external/highwayhash" \
			-I"$$tf/include/external/farmhash_archive/src" $< \
			-o .venv-gpu-check/bin/gpu_compile -L"$$tf" -Wl,--no-as-needed \
			-l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 \
			-Wl,-rpath,"$$tf"; \
	else \
		echo 'Installing the GPU compiler into .venv-gpu-check, once (1.2 GB) ...' && \
		$(UV_PIP) install --quiet --python .venv-gpu-check/bin/python \
			--require-hashes -r benchmarks/gpu_check_requirements.txt; \
	fi
	touch $@

gpu-check: $(GPU_STAMP)  ## compile CONFIG's step for TARGETS (h100,a100,l4,t4), without one
	TF_CPP_MIN_LOG_LEVEL=3 $(PY) -m benchmarks.gpu_check .venv-gpu-check \
		'$(TARGETS)' --config='$(CONFIG)' \
		$(if $(DATA_DIR),--data_dir='$(DATA_DIR)') $(ARGS)

$(BENCH_STAMP): benchmarks/peers/requirements.txt $(STAMP)
	rm -f $@
	echo 'Installing PyTorch, JAX and others into .venv-bench, once (8 GB) ...'
	$(PY) -m venv --clear .venv-bench
	$(UV_PIP) install --quiet --python .venv-bench/bin/python \
		--require-hashes -r benchmarks/peers/requirements.txt
	touch $@

bench: $(BENCH_STAMP)  ## against Keras, PyTorch, JAX; costs by PAIRS (5) of runs
	test -n '$(DATA_DIR)' || { echo 'make bench: DATA_DIR is missing; name' \
		'the folder of MNIST'"'"'s four files' >&2; exit 2; }
	$(PY) -m benchmarks.bench --data_dir='$(DATA_DIR)' $(ARGS)
	for part in tensorboard checkpoint metrics supervision; do \
		$(PY) -m benchmarks.overhead $$part --data_dir='$(DATA_DIR)' \
			--pairs='$(PAIRS)' || exit; done

bench-smoke: $(STAMP)  ## look for lost speed and growing memory, in 3 minutes
	test -n '$(DATA_DIR)' || { echo 'make bench-smoke: DATA_DIR is missing;' \
		'name the folder of MNIST'"'"'s four files' >&2; exit 2; }
	$(PY) -m benchmarks.smoke --data_dir='$(DATA_DIR)'

scale-check: $(STAMP)  ## see how well this machine's own devices scale
	$(PY) -m benchmarks.scale_check --config='$(CONFIG)' \
		$(if $(DATA_DIR),--data_dir='$(DATA_DIR)') $(ARGS)

lint: $(STAMP)  ## check style and types
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

format: $(STAMP)  ## rewrite the code in the project's style
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

tensorboard: $(STAMP)  ## show WORKDIR (runs) at http://127.0.0.1:6006
	$(PY) -m trainer tensorboard '$(or $(WORKDIR),runs)' --port=$(PORT)

screenshots: $(STAMP)  ## take the pictures of the docs anew, in Chromium
	$(PY) -m tests.screenshots

# In environments of their own, which uv keeps. What cannot be looked up fails.
audit: $(STAMP)  ## look for known vulnerabilities of the locked packages
	for lock in $(LOCKS); do \
		echo "$$lock" && $(PY) -m uv tool run --from pip-audit==2.10.1 pip-audit \
			--strict --disable-pip --require-hashes -r "$$lock" || exit; done

sbom: $(STAMP)  ## write what a release holds: dist/strata.cdx.json
	mkdir -p dist
	$(PY) -m uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements \
		--output-reproducible requirements.lock -o dist/strata.cdx.json

clean:  ## remove build artefacts and caches; .venv* and runs stay
	rm -rf build dist strata_mlp.egg-info .coverage* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name '.venv*' -prune -o -name runs -prune -o -name .git -prune -o \
		-name __pycache__ -type d -exec rm -rf {} +

# Its links are checked as it is built; then it is shown as it is written.
docs: $(STAMP)  ## build the docs as a site, at http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs serve --dev-addr=127.0.0.1:8000

lock: $(STAMP)  ## choose the newest allowed versions: requirements.lock
	$(UV_PIP) compile --quiet setup.py --extra dev --universal --upgrade \
		--python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' -o requirements.lock
	$(UV_PIP) compile --quiet benchmarks/tpu_check_requirements.in --universal \
		--upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' \
		-o benchmarks/tpu_check_requirements.txt
	$(UV_PIP) compile --quiet benchmarks/tpu_check_requirements_paired.in \
		--universal --upgrade --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command 'make lock' \
		-o benchmarks/tpu_check_requirements_paired.txt
	$(UV_PIP) compile --quiet benchmarks/gpu_check_requirements.in --universal \
		--upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' \
		-o benchmarks/gpu_check_requirements.txt
	$(UV_PIP) compile --quiet benchmarks/peers/requirements.in --universal \
		--upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' -o benchmarks/peers/requirements.txt
	$(UV_PIP) compile --quiet launch/requirements-tpu.in --upgrade \
		--python-version 3.11 --python-platform x86_64-manylinux_2_35 \
		--generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' -o launch/requirements-tpu.txt
	$(UV_PIP) compile --quiet launch/requirements-gpu.in --upgrade \
		--python-version 3.11 --python-platform x86_64-manylinux_2_35 \
		--generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' -o launch/requirements-gpu.txt
