# `make demo` and `make test` need git, make and a Python of 3.11 or newer; everything else they fetch into .venv.

PYTHON ?=
# `make test SERVERS=skip` installs no server with apt-get; tests of servers that are not there are skipped.
SERVERS ?= install
# What branch coverage must reach for `make test` to pass, also where no server can be installed.
COVERAGE ?= 90
# Arguments for pytest, which then runs a part of the tests and does not measure coverage: make test PYTEST="-k nats -x"
PYTEST ?=
# How many processes run the tests. Half of the time a test of a server waits for it, so twice the cores are kept busy.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
# How often `make test-repeat` runs the tests; BUSY=1 keeps every core busy with something else meanwhile.
N ?= 20
BUSY ?=

# Older versions of nats-py that are supported beside the pinned one: the oldest, and those with which its behaviour changed.
NATS_PY ?= 2.9.0 2.10.0 2.14.0 2.15.0

FUZZ_TIME ?= 180
SOAK_TIME ?= 120
# What the tests need beside the library. One file of tests reads logs with a part of the SDK that the oldest has under another name,
# and FastStream asks for a newer nats-py.
LOWEST := pytest pytest-asyncio pytest-timeout pytest-randomly pytest-xdist hypothesis psutil orjson nkeys trustme stamina tenacity aiohttp \
	websockets zstandard duckdb pyarrow opentelemetry-sdk==1.27.0

export BUSY PYTHON SERVERS WORKERS
# The tests start many Pythons, and each would compile everything it imports anew.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

.PHONY: audit bench bench-alarm capture capture-clients check clean constraints demo dist docs env experiments format fuzz help lint lowest row-check sbom servers \
	soak test test-clients test-properties test-repeat types wheel-test
.DEFAULT_GOAL := help

help:
	@echo "Look"
	@echo "  make demo             real errors of a real NATS and a real XMPP server, normalized, in half a minute"
	@echo "  make docs             the site and the catalogue, in docs/_build/html"
	@echo "Change"
	@echo "  make env              the development environment, .venv"
	@echo "  make format           format the code, and fix what ruff can fix"
	@echo "  make row-check        what a row that was added or changed still lacks, and which judgements it changes, in seconds"
	@echo "  make test             all tests in parallel, with branch coverage, in five minutes on two cores"
	@echo "  make test PYTEST=...  a part of them, without coverage: PYTEST=tests/mappings, PYTEST='-k nats -x'"
	@echo "  make lint             format, ruff, import-linter, deptry and codespell"
	@echo "  make types            mypy, basedpyright, and whether every public name has a type"
	@echo "  make check            lint, types and test"
	@echo "Ask real servers and clients (minutes; WRITE=1 writes what they say)"
	@echo "  make capture          let real servers fail again, and report what differs from the vectors"
	@echo "  make capture-clients  the same with clients in other languages, as far as their toolchains are here"
	@echo "  make experiments      let real servers fail, repeat what failed, and report what differs from the results; ONLY=..."
	@echo "Search longer"
	@echo "  make test-repeat      all tests N=20 times in other orders until one fails; BUSY=1 keeps every core busy meanwhile"
	@echo "  make test-clients     the tests of NATS with older versions of nats-py, NATS_PY='2.9.0 2.15.0'"
	@echo "  make test-properties  every property with thousands of examples"
	@echo "  make fuzz             input that breaks something, FUZZ_TIME=180 seconds"
	@echo "  make soak             many clients, a server that is killed, and errors, SOAK_TIME=120 seconds"
	@echo "  make bench            every path against the floor and beside others, also as bench.json"
	@echo "  make bench-alarm      whether a path costs twice its bound, in seconds"
	@echo "Release"
	@echo "  make constraints      pin the newest versions of everything"
	@echo "  make lowest           the tests with the oldest versions of everything that is asked for"
	@echo "  make audit            known vulnerabilities in what is pinned"
	@echo "  make sbom             what the library brings with it, as dist/sbom.json"
	@echo "  make dist             wheel and sdist in dist/, checked"
	@echo "  make wheel-test       test what is in dist/ as users get it, without the sources"

demo: .venv/.demo
	@$(BIN)/python -m errnorm demo

test: .venv/.dev servers
	@$(BIN)/python -m pytest -q -rs -n $(WORKERS) $(or $(PYTEST),--cov --cov-report=term --cov-fail-under=$(COVERAGE))

test-repeat: .venv/.dev servers
	@.ci/repeat $(N) $(PYTEST)

test-properties: .venv/.dev
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m hypothesis --hypothesis-profile=thorough $(PYTEST)

test-clients: .venv/.dev servers
	@.ci/clients $(NATS_PY)

row-check: .venv/.dev
	@$(BIN)/python -m tests.mappings.check

docs: .venv/.dev
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html, and the catalogue: docs/_build/html/catalogue.html"

lint: .venv/.dev
	@$(BIN)/ruff format -q --check
	@$(BIN)/ruff check -q
	@$(BIN)/lint-imports --no-logo --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/deptry . 2>.venv/deptry.log || { cat .venv/deptry.log; exit 1; }
	@$(BIN)/codespell

types: .venv/.dev
	@$(BIN)/mypy
	@$(BIN)/basedpyright --warnings
	@$(BIN)/python .ci/verifytypes

check: lint types test

capture: .venv/.dev servers
	@$(BIN)/python -m tests.capture $(if $(WRITE),--write)

experiments: .venv/.dev servers
	@$(BIN)/python -m tests.experiments $(if $(WRITE),--write) $(if $(ONLY),"$(ONLY)")

# Go, Node.js, Java and Rust are used where they are here; what is built stands in .venv/clients. ONLY=nats.go takes one client.
capture-clients: .venv/.dev servers
	@$(BIN)/python -m tests.clients $(if $(WRITE),--write) $(if $(ONLY),--only '$(ONLY)')

env: .venv/.dev

bench: .venv/.dev
	@$(BIN)/uv pip install -q --python $(BIN)/python --constraint constraints.txt --group peers
	@$(BIN)/python -m benchmarks.bench bench.json

# Seconds instead of minutes, and no number is kept: it fails where a path costs twice its bound.
bench-alarm: .venv/.dev
	@$(BIN)/python -m benchmarks.alarm

# What is found stands in the current directory as crash-… or timeout-…; what is new is kept in .venv/corpus.
fuzz: .venv/.dev
	@mkdir -p .venv/corpus
	@$(BIN)/python tests/fuzz/fuzzer.py .venv/corpus tests/data/corpus -max_total_time=$(FUZZ_TIME) -timeout=5 -rss_limit_mb=2048 \
		-max_len=4096 -print_final_stats=1

soak: .venv/.dev
	@$(BIN)/python tests/soak/soak.py $(SOAK_TIME)

lowest: .venv/.dev
	@$(BIN)/uv pip compile -q --resolution lowest-direct --python-version 3.11 --extra nats --extra xmpp --no-annotate --no-header \
		-o .venv/lowest.txt pyproject.toml
	@$(BIN)/uv venv -q --clear .venv/lowest
	@$(BIN)/uv pip install -q --python .venv/lowest/bin/python -c .venv/lowest.txt -e '.[nats,xmpp]' $(LOWEST)
	@.venv/lowest/bin/python -m pytest -q -p no:cacheprovider -m "not slow and not server" tests/normalizer tests/adapters tests/mappings \
		--ignore tests/normalizer/emitters/otel/test_logs_signal.py --ignore tests/adapters/test_faststream.py

# Both need the index: the one asks it for known vulnerabilities, and fails where it cannot be asked about every single pin.
audit: .venv/.dev
	@$(BIN)/uv tool run -q pip-audit --strict --no-deps --disable-pip --progress-spinner off -r constraints.txt

# What a user gets with the library and its clients, as CycloneDX.
sbom: .venv/.dev
	@$(BIN)/uv venv -q --clear .venv/sbom
	@$(BIN)/uv pip install -q --python .venv/sbom/bin/python -c constraints.txt '.[nats,xmpp]'
	@mkdir -p dist
	@$(BIN)/uv tool run -q --from cyclonedx-bom cyclonedx-py environment --pyproject pyproject.toml --mc-type library \
		--output-reproducible -o dist/sbom.json .venv/sbom/bin/python
	@ls dist/sbom.json

servers: .venv/.dev
	@.ci/servers

format: .venv/.dev
	@$(BIN)/ruff check -q --fix-only
	@$(BIN)/ruff format -q

constraints: .venv/.dev
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --all-extras --group dev --group peers \
		--no-annotate --no-header -o constraints.txt pyproject.toml

dist: .venv/.dev
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . >.venv/build.log || { cat .venv/build.log; exit 1; }
	@$(BIN)/twine check --strict dist/* >.venv/twine.log || { cat .venv/twine.log; exit 1; }
	@ls dist

wheel-test:
	@.ci/wheel dist

clean:
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov

# The stamps: an environment is made again when what it is made from has changed.
.venv/.demo: pyproject.toml constraints.txt .ci/environment
	@if [ -e .venv/.dev ]; then .ci/environment dev; else .ci/environment demo; fi
	@touch $@

.venv/.dev: pyproject.toml constraints.txt .ci/environment
	@.ci/environment dev
	@touch $@ .venv/.demo
