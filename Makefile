# Everything here works with Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install test lint types format run demo bench screenshots clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with the service and everything to work on it

$(INSTALLED): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "Installing into $(VENV): half a minute, the first time"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@

test: install ## run every test (MAILRITH_LITE_CRASH_ROUNDS=50 for more rounds of kill -9)
	$(BIN)/pytest $(ARGS)

lint: install ## check style, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install ## check types
	$(BIN)/mypy

format: install ## put the code into its one form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: install ## serve on http://localhost:8787 with data/ as data directory
	$(BIN)/mailrith-lite serve

demo: install ## import a file, see what became of every row, export it again
	$(BIN)/python -m mailrith_lite.cli.demo

bench: install ## measure speed and memory as ratios to a floor
	$(BIN)/python -m benchmarks

screenshots: install ## take the pictures of the console in docs/images anew
	PYTHONPATH=tests $(BIN)/python -m console.screenshots

clean: ## remove what make has made (never the data directory's content)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
