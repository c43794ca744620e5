# `make demo` and `make test` need git, make and Python 3.11 or newer. They install everything else into .venv.

PYTHON ?=
# `make test SERVERS=skip` installs no server with apt-get; tests skip if their server is not installed.
SERVERS ?= install
# The branch coverage, in percent, that `make coverage` requires, also on machines where no server can be installed.
COVERAGE ?= 90
# Arguments for pytest, which then runs a part of the tests: make test PYTEST="-k nats -x"
PYTEST ?=
# How many processes run the tests. Tests wait for their servers half of the time, so the default is two per core.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
# How often `make test-repeat` runs the tests. BUSY=1 keeps every core busy with other work at the same time.
N ?= 20
BUSY ?=

# Older versions of nats-py that are supported in addition to the pinned one: the oldest, and those that changed its behaviour.
NATS_PY ?= 2.9.0 2.10.0 2.14.0 2.15.0

FUZZ_TIME ?= 180
SOAK_TIME ?= 120
# The packages that the tests need with the oldest versions. Some tests are left out: one file reads logs with a class that the
# oldest OpenTelemetry SDK has under another name, FastStream requires a newer nats-py, one test counts the calls inside the
# libraries, and slixmpp 1.10 itself ends the session for a presence whose address it refuses.
LOWEST := pytest pytest-asyncio pytest-timeout pytest-randomly pytest-xdist hypothesis psutil orjson nkeys trustme stamina tenacity aiohttp \
	websockets zstandard duckdb numpy pyarrow redress opentelemetry-sdk==1.27.0

export BUSY PYTHON SERVERS WORKERS
# The tests start many Python processes. Without this, each of them would compile all its imports again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

.PHONY: audit bench bench-alarm capture capture-clients check clean constraints coverage demo dist docs docs-versions env experiments format frameworks fuzz help \
	lint lowest row-check sbom servers \
	soak test test-clients test-docs test-exports test-properties test-repeat types wheel-test
.DEFAULT_GOAL := help

help:
	@echo "Look around"
	@echo "  make demo             show real errors of a NATS and an XMPP server, normalized, in half a minute"
	@echo "  make docs             build the site and the catalogue in docs/_build/html"
	@echo "  make docs-versions    the site of every release side by side, in docs/_build/versions"
	@echo "Change"
	@echo "  make env              create the development environment, .venv"
	@echo "  make format           format the code, and apply the fixes of ruff"
	@echo "  make row-check        show in seconds what a new or changed row still needs, and which judgements it changes"
	@echo "  make test             run all tests but those of the pages in parallel, in five minutes on two cores"
	@echo "  make test-docs        build the site, open it in a browser, and run every example of the pages"
	@echo "  make test PYTEST=...  run a part of the tests: PYTEST=tests/mappings, PYTEST='-k nats -x'"
	@echo "  make coverage         run all tests and measure the branch coverage of what ships, in ten minutes"
	@echo "  make lint             check with ruff, import-linter, deptry and codespell"
	@echo "  make types            run mypy and basedpyright, and check that every public name has a type"
	@echo "  make check            run lint, types, test and test-docs"
	@echo "Compare with real servers and clients (takes minutes; WRITE=1 writes the new results)"
	@echo "  make capture          provoke errors on real servers, and report the differences from the vectors"
	@echo "  make capture-clients  the same with clients in other languages, if their toolchains are installed"
	@echo "  make experiments      provoke faults, repeat the operations, and report the differences from the results; ONLY=..."
	@echo "Test for longer"
	@echo "  make test-repeat      run all tests N=20 times in random orders until one fails; BUSY=1 keeps every core busy"
	@echo "  make test-clients     run the NATS tests with older versions of nats-py, NATS_PY='2.9.0 2.15.0'"
	@echo "  make test-properties  run every property test with thousands of examples"
	@echo "  make test-engines     the columns under Ray, on several nodes of which one worker is killed, and under Spark where a JVM is"
	@echo "  make test-exports     run the exported programs in the real tools: OTTL if Go is installed, VRL if Rust is, and fail2ban"
	@echo "  make fuzz             search for input that breaks the library, FUZZ_TIME=180 seconds"
	@echo "  make soak             run many clients against a server that is killed again and again, SOAK_TIME=120 seconds;"
	@echo "                        then three watchers of a cluster, of which one is killed while 3,000 clients fail"
	@echo "  make bench            measure every path, compare it with its bound and other libraries, and write bench.json"
	@echo "  make bench-alarm      check in seconds that no path takes twice its bound"
	@echo "Release"
	@echo "  make constraints      pin the newest versions of all dependencies"
	@echo "  make lowest           run the tests with the oldest supported versions of all dependencies"
	@echo "  make audit            look for known vulnerabilities in the pinned versions"
	@echo "  make sbom             list the dependencies of the library in dist/sbom.json"
	@echo "  make dist             build and check the wheel and the sdist in dist/"
	@echo "  make wheel-test       test the wheel in dist/ in an empty environment, without the sources"

demo: .venv/.demo
	@$(BIN)/python -m errnorm demo

test: .venv/.tables servers
	@$(BIN)/python -m pytest -q -rs -n $(WORKERS) $(if $(findstring tests/docs,$(PYTEST)),,--ignore=tests/docs) $(PYTEST)

# Builds the site, opens it in a browser, and follows the pages in empty environments.
test-docs: .venv/.tables servers
	@$(BIN)/python -m pytest -q -rs -n $(WORKERS) tests/docs $(PYTEST)

# Twice as slow as `make test`, because every line of the library is traced.
coverage: .venv/.tables servers
	@$(BIN)/python -m pytest -q -rs -n $(WORKERS) --cov --cov-report=term --cov-fail-under=$(COVERAGE) $(PYTEST)

test-repeat: .venv/.tables servers
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

docs-versions: .venv/.dev
	@.ci/versions docs/_build/versions

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

check: lint types test test-docs

capture: .venv/.dev servers
	@$(BIN)/python -m tests.capture $(if $(WRITE),--write)

experiments: .venv/.dev servers
	@$(BIN)/python -m tests.experiments $(if $(WRITE),--write) $(if $(ONLY),"$(ONLY)")

# Uses Go, Node.js, Java and Rust if they are installed, and builds in .venv/clients. ONLY=nats.go runs one client.
capture-clients: .venv/.dev servers
	@$(BIN)/python -m tests.clients $(if $(WRITE),--write) $(if $(ONLY),--only '$(ONLY)')

frameworks: .venv/.dev servers
	@.ci/frameworks

env: .venv/.tables

bench: .venv/.dev
	@$(BIN)/uv pip install -q --python $(BIN)/python --constraint constraints.txt --group peers
	@$(BIN)/python -m benchmarks.bench bench.json

# Takes seconds instead of minutes and writes no file. It fails if a path takes twice its bound.
bench-alarm: .venv/.dev
	@$(BIN)/python -m benchmarks.alarm

# Writes each finding to the current directory as crash-… or timeout-…, and new inputs to .venv/corpus.
fuzz: .venv/.dev
	@mkdir -p .venv/corpus
	@$(BIN)/python tests/fuzz/fuzzer.py .venv/corpus tests/data/corpus -max_total_time=$(FUZZ_TIME) -timeout=5 -rss_limit_mb=2048 \
		-max_len=4096 -print_final_stats=1

soak: .venv/.dev
	@$(BIN)/python tests/soak/soak.py $(SOAK_TIME)
	@$(BIN)/python tests/soak/watch.py

# Ray and Spark are large, and have no wheels for the newest Pythons; so they have an environment of their own. Spark needs a JVM.
test-engines: .venv/.dev
	@$(BIN)/uv venv -q --clear .venv/engines
	@$(BIN)/uv pip install -q --python .venv/engines/bin/python -c constraints.txt -e '.[batch]' --group engines pytest
	@.venv/engines/bin/python -m pytest -q -rs -c /dev/null --rootdir . --confcutdir tests/engines -p no:cacheprovider tests/engines

# Builds the languages of the OpenTelemetry Collector and of Vector in .venv, if Go and Rust are installed; fail2ban comes with
# `make servers`.
test-exports: .venv/.dev servers
	@.ci/ottl .venv || echo "errnorm: the Collector's OTTL is not tested, because Go is not installed or could not build it"
	@.ci/vrl .venv || echo "errnorm: the language of Vector is not tested, because Rust is not installed or could not build it"
	@$(BIN)/python -m pytest -q -rs tests/adapters/tools/export

lowest: .venv/.dev
	@$(BIN)/uv pip compile -q --resolution lowest-direct --python-version 3.11 --extra nats --extra xmpp --no-annotate --no-header \
		-o .venv/lowest.txt pyproject.toml
	@$(BIN)/uv venv -q --clear .venv/lowest
	@$(BIN)/uv pip install -q --python .venv/lowest/bin/python -c .venv/lowest.txt -e '.[nats,xmpp]' $(LOWEST)
	@.venv/lowest/bin/python -m pytest -q -p no:cacheprovider -m "not slow and not server" tests/normalizer tests/adapters tests/mappings \
		--ignore tests/normalizer/emitters/otel/test_logs_signal.py --ignore-glob "tests/adapters/test_faststream*.py" \
		--deselect tests/normalizer/emitters/otel/test_metric.py::test_a_failed_operation_has_an_exemplar_that_leads_to_its_trace \
		--deselect tests/mappings/test_xmpp.py::test_the_installed_clients_hold_nothing_that_has_no_row \
		--deselect tests/normalizer/test_work.py::test_telling_takes_few_calls_more_than_the_same_by_hand \
		--deselect "tests/adapters/xmpp/client/test_receiving.py::test_a_stanza_with_an_address_that_slixmpp_refuses_does_not_end_the_session[xml3]"

# `audit` and `sbom` need the package index. `audit` asks it for known vulnerabilities, and fails if it gets no answer for a pin.
audit: .venv/.dev
	@$(BIN)/uv tool run -q pip-audit --strict --no-deps --disable-pip --progress-spinner off -r constraints.txt

# Writes the packages that a user installs with the library and its clients, in the CycloneDX format.
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
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --all-extras --group dev --group peers --group engines \
		--no-annotate --no-header -o constraints.txt pyproject.toml

dist: .venv/.dev
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . >.venv/build.log || { cat .venv/build.log; exit 1; }
	@$(BIN)/twine check --strict dist/* >.venv/twine.log || { cat .venv/twine.log; exit 1; }
	@ls dist

wheel-test:
	@.ci/wheel dist

clean:
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov mappings/errnorm_mappings/*.compiled

# Stamp files: make updates an environment if one of the files below has changed.
.venv/.demo: pyproject.toml constraints.txt .ci/environment
	@if [ -e .venv/.dev ]; then .ci/environment dev; else .ci/environment demo; fi
	@touch $@

.venv/.dev: pyproject.toml constraints.txt .ci/environment
	@.ci/environment dev
	@touch $@ .venv/.demo

# A wheel has compiled tables; the tests start many processes, which load as fast with them. If a row is not valid, its test says so.
TABLES := hatch_build.py $(wildcard mappings/errnorm_mappings/*.toml mappings/errnorm_mappings/*.json normalizer/errnorm/tables/*.py)
.venv/.tables: .venv/.dev $(TABLES)
	@$(BIN)/python hatch_build.py 2>/dev/null || true
	@touch $@
