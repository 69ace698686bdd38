# The targets to run, check and measure the project. `make` without a target lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
export FLASK_APP := wsgi.py

# The names of the environment and its stamps contain the Python version. So several interpreters can be used side by
# side, and an upgrade is noticed. Both are empty if there is no such interpreter; `check-python` reports that.
PYTHON_XY := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
PYTHON_XYZ := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
PYTHON_IS_NEW_ENOUGH := $(shell $(PYTHON) -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null)
PYTHON_HAS_VENV := $(shell $(PYTHON) -c 'import ensurepip, venv; print("yes")' 2>/dev/null)

VENV := .venv-$(PYTHON_XY)
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-$(PYTHON_XYZ)
DEVELOPMENT := $(VENV)/.development-$(PYTHON_XYZ)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# One lock file is for every Python from 3.11 on and every processor. Source archives are excluded because their build
# tools would be installed without a hash. ofxparse is the exception: it has no wheel, and only tests use it. pip needs
# the two options in this order, but uv writes them to a file in the other order.
BUILT := --only-binary :all: --no-binary ofxparse
LOCK = $(BIN)/python -m uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--annotation-style line --custom-compile-command 'make lock' $(ARGS)

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "Variables: PYTHON=python3.12 (interpreter), PORT=8000 (run), ARGS='-k name' (test, coverage, bench, torture, lock)"

.PHONY: run
run: $(RUNTIME)  ## Migrate, seed demo data, serve on 127.0.0.1:PORT and run a worker; keeps stored data
	@$(BIN)/python -m flask db upgrade
	@$(BIN)/python -m flask seed
	@echo "bankapp  http://127.0.0.1:$(PORT)"
	@echo "docs     http://127.0.0.1:$(PORT)/docs"
	@LOG_FORMAT=$${LOG_FORMAT:-console} PYTHON=$(BIN)/python exec deploy/web-and-worker --bind 127.0.0.1:$(PORT)

.PHONY: test
test: $(DEVELOPMENT)  ## Run every test; ARGS= is passed to pytest
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: fuzz
fuzz: $(DEVELOPMENT)  ## Send over 20,000 requests made from the OpenAPI document; FUZZ_EXAMPLES=50 sends more
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-10} $(BIN)/python -m pytest tests/integration/test_fuzz.py $(ARGS)

.PHONY: coverage
coverage: $(DEVELOPMENT)  ## Run every test and list the lines that no test reaches
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

.PHONY: lint
lint: $(DEVELOPMENT)  ## Check style, format, types and the imports between packages
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

.PHONY: lock
lock: $(DEVELOPMENT)  ## Lock requirements*.in with hashes; ARGS=--upgrade updates every version that they leave open
	@$(LOCK) --only-binary :all: --emit-build-options requirements.in --output-file requirements.txt
	@$(LOCK) --only-binary :all: --emit-build-options requirements-tracing.in --output-file requirements-tracing.txt
	@$(LOCK) $(BUILT) requirements-dev.in --output-file requirements-dev.txt

.PHONY: bench
bench: $(DEVELOPMENT)  ## Run the benchmarks; ARGS= is passed to them
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-search
bench-search: $(DEVELOPMENT)  ## Time searches among 1,000,000 transactions; ARGS="--count 100000 --only sqlite"
	@$(BIN)/python -m benchmarks.search $(ARGS)

.PHONY: profile
profile: $(DEVELOPMENT)  ## Show where the time of a transfer goes; ARGS=file keeps the stacks
	@$(BIN)/python -m benchmarks.profile_transfer $(ARGS)

.PHONY: trace
trace: $(DEVELOPMENT)  ## Count the calls, files and file changes of a request
	@$(BIN)/python -m benchmarks.trace

.PHONY: bench-compare
bench-compare: $(DEVELOPMENT)  ## Compare two results: make bench-compare A=old.json B=new.json
	@$(if $(and $(A),$(B)),,echo "usage: make bench-compare A=old.json B=new.json" >&2; exit 2;) \
	$(BIN)/python -m benchmarks compare $(A) $(B)

.PHONY: torture
torture: $(DEVELOPMENT)  ## Prove by fault that the money is right; ARGS="--minutes 10 --seed 1 --database sqlite"
	@$(BIN)/python -m torture $(ARGS)

.PHONY: clean
clean:  ## Remove environments, caches and reports; keeps the data in instance/
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: check-python
check-python:
	$(if $(PYTHON_XY),,$(error "$(PYTHON)" was not found; bankapp needs Python 3.11 or newer, choose it with PYTHON=python3.12))
	$(if $(PYTHON_IS_NEW_ENOUGH),,$(error bankapp needs Python 3.11 or newer, "$(PYTHON)" is $(PYTHON_XYZ); choose another with PYTHON=python3.12))
	$(if $(PYTHON_HAS_VENV),,$(error "$(PYTHON)" cannot make virtual environments; install what is missing: apt-get install -y python$(PYTHON_XY)-venv))
	@:

# --clear removes packages that are no longer pinned, and with them the development stamp.
# A linked environment is shared with other working trees: packages are added to it, but it is never cleared.
$(RUNTIME): requirements.txt | check-python
	@echo "Installing the runtime into $(VENV) ..."
	@test -L $(VENV) || $(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	@echo "Installing the development tools into $(VENV) ..."
	@$(INSTALL) $(BUILT) -r requirements-dev.txt
	@touch $@
