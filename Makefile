# `make demo` and `make test` need git, make and a Python of 3.11 or newer; everything else they fetch into .venv.

PYTHON ?=
# `make test SERVERS=skip` installs no server with apt-get; tests of servers that are not there are skipped.
SERVERS ?= install
# What branch coverage must reach for `make test` to pass. 100 from the moment the code is complete.
COVERAGE ?= 0
# More arguments for pytest: make test PYTEST="-k nats -x"
PYTEST ?=

export PYTHON SERVERS
BIN := .venv/bin

.PHONY: help demo bench test docs lint types check env servers format constraints dist clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         real errors of a real NATS and a real XMPP server, normalized, in half a minute"
	@echo "make test         all tests, with coverage"
	@echo "make docs         the site and the catalogue, in docs/_build/html"
	@echo "make check        lint, types and test"
	@echo "make lint types   the two alone"
	@echo "make capture      let real servers fail again and report what differs from the vectors (minutes); WRITE=1 writes them"
	@echo "make env          the development environment, .venv"
	@echo "make constraints  pin the newest versions of everything"
	@echo "make bench        every path against the floor and beside others, also as bench.json"
	@echo "make dist         wheel and sdist in dist/"

demo: .venv/.demo
	@$(BIN)/python -m errnorm demo

test: .venv/.dev servers
	@$(BIN)/python -m pytest -q -rs --cov --cov-report=term --cov-fail-under=$(COVERAGE) $(PYTEST)

docs: .venv/.dev
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html, and the catalogue: docs/_build/html/catalogue.html"

lint: .venv/.dev
	@$(BIN)/ruff check -q
	@$(BIN)/lint-imports --no-logo --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/deptry . 2>.venv/deptry.log || { cat .venv/deptry.log; exit 1; }
	@$(BIN)/codespell

types: .venv/.dev
	@$(BIN)/mypy
	@$(BIN)/basedpyright --warnings

check: lint types test

capture: .venv/.dev servers
	@$(BIN)/python -m tests.capture $(if $(WRITE),--write)

env: .venv/.dev

bench: .venv/.dev
	@$(BIN)/uv pip install -q --python $(BIN)/python --constraint constraints.txt --group peers
	@$(BIN)/python -m benchmarks.bench bench.json

servers: .venv/.dev
	@.ci/servers

format: .venv/.dev
	@$(BIN)/ruff check -q --fix-only

constraints: .venv/.dev
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --all-extras --group dev --group peers \
		--no-annotate --no-header -o constraints.txt pyproject.toml

dist: .venv/.dev
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . >.venv/build.log || { cat .venv/build.log; exit 1; }
	@ls dist

clean:
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov

# The stamps: an environment is made again when what it is made from has changed.
.venv/.demo: pyproject.toml constraints.txt .ci/environment
	@if [ -e .venv/.dev ]; then .ci/environment dev; else .ci/environment demo; fi
	@touch $@

.venv/.dev: pyproject.toml constraints.txt .ci/environment
	@.ci/environment dev
	@touch $@ .venv/.demo
