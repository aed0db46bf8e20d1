# `make repro` and `make test` each work as the first command on a fresh clone.
PYTHON ?= python3
VENV := .venv
# DVC runs `python` from PATH: the environment's comes first.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS ?= 1
INSTALLED := $(VENV)/.installed
PYTEST := OMP_NUM_THREADS=1 python -m pytest

.PHONY: help setup repro test test-quick lint format bench clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## Build the environment in .venv

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("stillhouse needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	@echo "Setting up $(VENV): a few minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[dev,s3]"
	@touch $@

repro: setup ## Build everything that changed, from the source to the report
	@stillhouse check
	@dvc repro

test: setup ## All tests
	$(PYTEST) -n 2 --dist worksteal

test-quick: setup ## The tests that take no more than a few seconds each
	$(PYTEST) -n 2 -m "not slow"

lint: setup ## Formatting, style and types
	ruff format --check .
	ruff check .
	mypy

format: setup ## Rewrite the code in the house format
	ruff format .
	ruff check --fix .

bench: setup ## Measure; a line per figure, and bench/results.json
	@for benchmark in bench/bench_*.py; do PYTHONPATH=src:. python $$benchmark || exit 1; done

clean: ## Remove the environment and the tools' caches; data and answers stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
