# `make` alone lists what there is. Needs Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
NODE := tests/interop/node
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --quiet
# FAST=1 leaves out what needs a browser or long. ARGS reaches pytest as it is.
SELECT := $(if $(FAST),-m "not slow and not journey")

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench faults guards spec-matrix screenshot venv lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.serve ## Run the provider with a demo app and a demo API, seeded; prints addresses and passwords
	$(BIN)/idp demo

test: $(VENV)/.dev $(VENV)/.node ## Run every test (FAST=1 for the fast part, ARGS=… for pytest)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(SELECT) $(ARGS)

lint: $(VENV)/.dev ## Check style, types, import rules and sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/house/test_sizes.py tests/house/test_layout.py

format: $(VENV)/.dev ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure the provider beside its peers; prints targets met and not met
	$(BIN)/python -m tests.bench

faults: $(VENV)/.dev ## Break everything: the fault matrix, then at random for FAULT_SECONDS (120); FAULT_SEED repeats
	$(BIN)/python -m tests.faults

guards: $(VENV)/.dev ## Remove each guard against an attack of security.md: a test must fail (ARGS="--only refresh")
	$(BIN)/python -m tests.guards $(ARGS)

spec-matrix: $(VENV)/.dev ## Write README's table: specification, section, tests
	$(BIN)/python -m tests.house.spec_matrix

screenshot: $(VENV)/.dev ## Take README's picture of the sessions page again
	$(BIN)/python -m tests.journeys.screenshot

venv: $(VENV)/.dev ## Make .venv with everything for development

lock: $(VENV)/.dev ## Pin the newest allowed versions, with hashes, in both lock files
	$(PIP) uv
	$(LOCK) --upgrade --all-extras --output-file requirements.lock
	$(LOCK) --constraint requirements.lock --output-file requirements-serve.lock
	@touch $(VENV)/.serve $(VENV)/.dev

clean: ## Remove .venv and every cache, but no data
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis $(NODE)/node_modules

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "idp needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; say: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python3 -m venv failed: its ensurepip module is missing (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }

# Only what serving needs: `make demo` is to start within two minutes on a new machine.
$(VENV)/.serve: requirements-serve.lock pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@$(PIP) --require-hashes --requirement requirements-serve.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements.lock $(VENV)/.serve
	@echo "installing what the tests need into $(VENV) ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@touch $@

# The npm clients of the interop tests. Without npm those tests skip and say so.
$(VENV)/.node: $(wildcard $(NODE)/package-lock.json) | $(BIN)/python
	@if [ -f $(NODE)/package-lock.json ] && command -v npm >/dev/null; then \
		cd $(NODE) && npm ci --no-audit --no-fund --loglevel=error; fi
	@touch $@
