# Every target works with Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVICE := $(VENV)/.service
INSTALLED := $(VENV)/.installed
LOWEST := .venv-lowest
# One worker more than there are cores: a test often waits for a process, a socket or the disk.
PARALLEL = -n $$($(BIN)/python -c 'import os; print(min((os.cpu_count() or 1) + 1, 4))') --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install check test test-fast lowest lint types format run demo bench screenshots countries clean
unexport PYTHONDONTWRITEBYTECODE  # without compiled files, every process of the tests compiles the package again

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with the service and all tools

$(SERVICE): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "Installing the service into $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(INSTALLED): $(SERVICE)
	@echo "Installing the tools for tests and development into $(VENV): this takes about half a minute"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@

check: lint types test ## run everything that CI runs

test: install ## run every test (MAILRITH_LITE_CRASH_ROUNDS=50 for more rounds of kill -9)
	$(BIN)/pytest $(PARALLEL) $(ARGS)

test-fast: install ## run the quick tests: about a minute
	MAILRITH_LITE_EXAMPLES=$${MAILRITH_LITE_EXAMPLES-5} $(BIN)/pytest $(PARALLEL) --fast $(ARGS)

lowest: install ## run the quick tests with the lowest versions that setup.cfg allows
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct --editable '.[test]'
	$(MAKE) --no-print-directory test-fast BIN=$(LOWEST)/bin

lint: install ## check style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install ## check types
	$(BIN)/mypy

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: $(SERVICE) ## serve on http://localhost:8787 with data/ as data directory
	$(BIN)/mailrith-lite serve

demo: $(SERVICE) ## import the sample files, show the outcome of every row, export them
	$(BIN)/python -m mailrith_lite.cli.demo

bench: install ## measure speed and memory as ratios to plain scripts
	$(BIN)/python -m benchmarks

screenshots: install ## take new pictures of the console for docs/images
	PYTHONPATH=tests $(BIN)/python -m console.screenshots

countries: install ## write the names of countries again, after an update of pycountry or babel
	PYTHONPATH=. $(BIN)/python tools/countries.py

clean: ## remove what make creates (never the content of data/)
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
