# Everything a developer does, by name. `make` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Otherwise each process that a test starts would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check fmt bench migrate lock clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  %-10s %s\n", $$1, $$2}'

setup: $(READY) ## Make the virtual environment in .venv

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vaultra needs Python 3.11 or newer; say which: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## Start everything with a real shop's purchases
	$(BIN)/vaultra demo $(ARGS)

test: $(READY) ## Run the tests that need nothing but Python (ARGS passes more to pytest)
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(READY) ## Run the tests that take long or need PostgreSQL 15, Node.js, Chromium or nginx
	$(BIN)/python -m pytest -m slow -n 2 $(ARGS)

check: $(READY) ## Lint, types, architecture, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.migration_checks

fmt: $(READY) ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure what a turn costs beside bare servers and a plain one
	$(BIN)/python -m benchmarks.turn $(ARGS)

migrate: $(READY) ## Bring the database up to date
	$(BIN)/vaultra migrate

lock: ## Resolve the requirements again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.lock

clean: ## Remove the environment and all local state
	rm -rf $(VENV) .vaultra .mypy_cache .ruff_cache .pytest_cache .hypothesis
