# Everything from nothing: each target first makes what it needs, and does nothing twice.
# Wants GNU make 3.81 or newer and a Python from 3.11 to 3.13.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: setup demo test test-batch test-chaos test-integration test-browser test-airflow-3.2 test-tutorial test-deploy all-tests cover lint types audit docs bench ui lock help

# A name or path; by default the first of these that is new enough, and not too new.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if "$$python" -c '$(IN_RANGE)' 2>/dev/null; then echo "$$python"; exit; fi; done)
IN_RANGE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
WANTED := airquery needs Python 3.11, 3.12 or 3.13
NAME_IT := Install one, or name it: make PYTHON=/path/to/python3.11

UI_PORT ?= 8080
SERVE_PORT ?= 8077
UI_LOGIN ?= password
ARGS ?=

VENV := .venv/bin
INSTALLED := .venv/.installed
MIGRATED := .airflow/.migrated
# The older DuckDB that is supported, beside the one in .venv, and the tests that run on both: what
# Databricks' spelling becomes is the same SQL on both.
DUCKDB_15 := build/duckdb-1.5
ON_BOTH := tests/planning tests/sqlfn tests/output tests/test_run.py tests/tasks/test_texts.py \
	$(addprefix tests/warehouse/test_, reading.py types.py) \
	$(addprefix tests/contract/test_, signature.py return_types.py)
# An environment of its own for the oldest Airflow, with what it needs older than requirements.lock.
AIRFLOW_32 := build/airflow-3.2
# Redis for the integration test, unless the machine has one.
INTEGRATION := build/integration
# What drives a browser, for the tests of the pages; the browser is the machine's own.
BROWSER := build/browser
# Tests wait for disks and servers half of their time: one more than there are cores, up to four.
# tests/conftest.py says which tests stay together.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((cores < 4 ? cores + 1 : 4)))
PYTEST := $(VENV)/python -m pytest -q -n $(WORKERS) --dist=loadscope
UV_INSTALL := $(VENV)/python -m uv -q pip install --python $(VENV)/python --no-deps

# Bytecode makes every start of Airflow twice as fast; modules of other projects only do harm.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

##
## setup   install everything into .venv, prepare Airflow in .airflow
setup: $(INSTALLED) $(MIGRATED)

## demo    run the example pipeline once, with embedded models: no key, no network
demo: $(INSTALLED) $(MIGRATED)
	@$(VENV)/airquery demo $(ARGS)

## test    lint, types beside the tests, the engine's tests on both versions of DuckDB
test: lint $(DUCKDB_15)
	@$(MAKE) --no-print-directory -j2 types all-tests

all-tests:
	@$(PYTEST) $(ARGS)
	@echo 'The engine again, on DuckDB 1.5'
	@PYTHONPATH=$(DUCKDB_15) $(PYTEST) -p no:cacheprovider -k 'not databricks' $(ON_BOTH)

## test-batch   ask another project's server in batches; ARGS='--base-url http://...'
test-batch: $(INSTALLED)
	@$(VENV)/python tests/acceptance/batch.py $(ARGS)

## test-chaos  every moment of tests/chaos, up to 20 minutes; figures in build/chaos;
##         ARGS="--seed N --docs docs/reliability.md"
test-chaos: $(INSTALLED)
	@$(VENV)/python tests/chaos/run.py $(ARGS)

## test-integration  a backfill in a real Airflow; then what production has, on this machine: PostgreSQL,
##         Redis, two Celery workers, one of which is killed in the middle; up to 10 minutes
test-integration: $(INTEGRATION)
	@PATH="$(CURDIR)/$(INTEGRATION)/bin:$$PATH" $(VENV)/python -m pytest -q -p no:cacheprovider $(ARGS) \
		tests/operators/backfill/real_airflow.py tests/integration/seven_days.py \
		tests/integration/orphans.py

## test-browser  what people see: a real Airflow in the machine's Chromium, up to 10 minutes; pictures in
##         build/screenshots, times in build/browser.json; ARGS=--keep writes docs/images
test-browser: $(BROWSER)
	@PYTHONPATH="$(CURDIR)/$(BROWSER)" $(VENV)/python -m pytest -q -p no:cacheprovider $(ARGS) \
		$(addprefix tests/browser/, a_run.py by_hand.py rights.py appearance.py hostile.py)

## test-airflow-3.2   the operators and DAGs on the oldest Airflow that is supported
test-airflow-3.2: $(AIRFLOW_32)
	@$(AIRFLOW_32)/bin/python -m pytest -q -p no:cacheprovider $(ARGS) tests/operators tests/dags

## test-deploy   docker-compose.yml in a real engine (root, Docker, Compose): built, healthy, a DAG run;
##         11 minutes the first time. FROM_REGISTRY=1 with the real images of PostgreSQL and Redis, else
##         with what Debian's packages make
test-deploy: $(INSTALLED)
	@tests/deploy/engine $(VENV)/python -m pytest -q -p no:cacheprovider $(ARGS) tests/deploy/stack.py

## test-tutorial  every command of docs/tutorial.md, from a new clone on: minutes; ARGS=--write
test-tutorial: $(INSTALLED)
	@PYTHONPATH="$(CURDIR)" $(VENV)/python tests/docs/tutorial.py $(ARGS)

## cover   all tests once, with a summary of coverage
cover: $(INSTALLED)
	@$(PYTEST) --cov --cov-report=term $(ARGS)

## lint    ruff: rules and format
lint: $(INSTALLED)
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

## types   mypy --strict
types: $(INSTALLED)
	@$(VENV)/mypy

## audit   look for known vulnerabilities in what requirements.lock names; passes without a network
audit: $(INSTALLED)
	@$(VENV)/python .ci/audit.py

## docs    write the pages that are made from the code
docs: $(INSTALLED)
	@$(VENV)/python -m airquery.sqlfn.reference docs/reference/functions.md

## bench   measure; ARGS=... goes to tests/benchmarks/run.py
bench: $(INSTALLED)
	@$(VENV)/python tests/benchmarks/run.py $(ARGS)

## ui      Airflow and embedded models on 127.0.0.1, UI_PORT=8080 SERVE_PORT=8077; prints the login;
##         with UI_LOGIN=none whoever reaches the port is admin
ui: $(INSTALLED) $(MIGRATED)
	@$(RUN_UI)

## lock    resolve requirements.lock again; ARGS=--upgrade for newer versions
lock: $(INSTALLED)
	@$(VENV)/uv pip compile pyproject.toml --all-extras --group dev --group models -q \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header $(ARGS) -o requirements.lock

## help    this list
help:
	@sed -n 's/^## *$$//p; s/^## \(.*\)/  \1/p' Makefile

# pip installs uv by hash, uv the rest. A .venv that was moved, or whose making was cut off, is made
# again from nothing.
$(INSTALLED): requirements.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo '$(WANTED); none was found. $(NAME_IT)' >&2; exit 1; }
	@'$(PYTHON)' -c '$(IN_RANGE)' 2>/dev/null || { \
		echo "$(WANTED); '$(PYTHON)' is $$('$(PYTHON)' -V 2>&1). $(NAME_IT)" >&2; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make a virtual environment: install its venv module" \
			"(on Debian and Ubuntu the package python3-venv)." >&2; exit 1; }
	@{ test ! -e .venv/.installing && $(VENV)/python -c '$(IN_RANGE)' && $(VENV)/python -m pip -V; \
		} >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear .venv
	@touch .venv/.installing
	@echo 'Installing what requirements.lock names into .venv'
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	@$(VENV)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt
	@$(UV_INSTALL) --require-hashes --compile-bytecode -r requirements.lock
	@$(UV_INSTALL) --no-build-isolation -e .
	@mv .venv/.installing $@

$(DUCKDB_15): tests/duckdb-1.5.lock $(INSTALLED)
	@rm -rf $@
	@$(VENV)/python -m uv -q pip install --target $@ --no-deps --require-hashes -r $<
	@touch $@

$(AIRFLOW_32): requirements.lock tests/airflow-3.2.lock $(INSTALLED)
	@rm -rf $@
	@$(VENV)/python -m uv -q venv --python $(VENV)/python $@
	@for lock in requirements.lock tests/airflow-3.2.lock; do \
		$(VENV)/python -m uv -q pip install --python $@/bin/python --no-deps --require-hashes \
			--compile-bytecode -r $$lock || exit 1; \
	done
	@$(VENV)/python -m uv -q pip install --python $@/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# Debian's packages are unpacked, not installed: nothing is started, and nobody has to be root.
$(INTEGRATION): $(INSTALLED)
	@rm -rf $@ && mkdir -p $@
	@command -v redis-server >/dev/null || { mkdir -p $@/bin $@/redis && cd $@/redis && \
		apt-get -qq download redis-server redis-tools libatomic1 libjemalloc2 liblzf1 && \
		for package in *.deb; do dpkg -x "$$package" .; done && \
		printf '%s\n' '#!/bin/sh' \
			'export LD_LIBRARY_PATH="$$(echo "$(CURDIR)/$@/redis/usr/lib"/*-linux-gnu)"' \
			'exec "$(CURDIR)/$@/redis/usr/bin/redis-server" "$$@"' > ../bin/redis-server && \
		chmod +x ../bin/redis-server; }
	@touch $@

$(BROWSER): tests/browser/playwright.lock $(INSTALLED)
	@rm -rf $@
	@$(VENV)/python -m uv -q pip install --target $@ --no-deps --require-hashes -r $<
	@touch $@

$(MIGRATED): $(INSTALLED)
	@mkdir -p .airflow
	@echo "Preparing Airflow's database in .airflow"
	@$(VENV)/airflow db migrate > .airflow/migrate.log 2>&1 || { cat .airflow/migrate.log >&2; exit 1; }
	@touch $@

# Only what runs Airflow sees these: the tests make a home of their own.
setup demo ui $(MIGRATED): export AIRFLOW_HOME = $(CURDIR)/.airflow
setup demo ui $(MIGRATED): export AIRFLOW__CORE__DAGS_FOLDER = $(CURDIR)/dags
setup demo ui $(MIGRATED): export AIRFLOW__CORE__LOAD_EXAMPLES = False
setup demo ui $(MIGRATED): export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = sqlite:///$(CURDIR)/.airflow/airflow.db
setup demo ui $(MIGRATED): export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED = False
# `airflow standalone` starts its components as `airflow ...`.
ui: export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Only Airflow's log servers (8793, 8794) cannot be bound to one address; they want a token.
ui: export AIRFLOW__API__HOST = 127.0.0.1
ui: export AIRFLOW__API__PORT = $(UI_PORT)
ui: export AIRFLOW__API__BASE_URL = http://127.0.0.1:$(UI_PORT)
ui: export AIRFLOW__CORE__EXECUTION_API_SERVER_URL = http://127.0.0.1:$(UI_PORT)/execution/
ui: export AIRFLOW__CORE__PARALLELISM = 4
ui: export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS = $(if $(filter none,$(UI_LOGIN)),True,False)
ui: export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE = $(CURDIR)/.airflow/passwords.json
ui: export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS = admin:admin
ui: export AIRFLOW__CORE__TEST_CONNECTION = Enabled
ui: export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL = 5
ui: export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL = 5
# The default of 5 s fails tasks on a busy machine.
ui: export AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT = 60

# Set one of these in the environment, and it wins.
AIRQUERY_HOME ?= $(CURDIR)/.airquery
AIRQUERY_WAREHOUSE ?= $(AIRQUERY_HOME)/warehouse
AIRQUERY_ENDPOINTS ?= $(CURDIR)/include/endpoints/local.yaml
ui: export AIRQUERY_HOME := $(AIRQUERY_HOME)
ui: export AIRQUERY_WAREHOUSE := $(AIRQUERY_WAREHOUSE)
ui: export AIRQUERY_ENDPOINTS := $(AIRQUERY_ENDPOINTS)
ui: export AIRQUERY_SERVE_URL = http://127.0.0.1:$(SERVE_PORT)

# By http.client, because a proxy that the environment names does not know this machine.
HEALTHY = import sys, http.client as http; \
	server = http.HTTPConnection("127.0.0.1", $(SERVE_PORT), timeout=5); \
	server.request("GET", "/health"); sys.exit(server.getresponse().status != 200)

# Airflow answers before all of it is up.
READY = import sys, json, http.client as http; \
	server = http.HTTPConnection("127.0.0.1", $(UI_PORT), timeout=5); \
	server.request("GET", "/api/v2/monitor/health"); health = json.load(server.getresponse()); \
	parts = ("metadatabase", "scheduler", "dag_processor", "triggerer"); \
	sys.exit(any(health[part]["status"] != "healthy" for part in parts))

# The login is made once; whoever wants another one deletes the file.
LOGIN = import json, pathlib, secrets; file = pathlib.Path(".airflow/passwords.json"); \
	file.exists() or file.write_text(json.dumps({"admin": secrets.token_urlsafe(12)})); \
	print("user admin, password", json.loads(file.read_text())["admin"])

define SAID_UI
Airflow: http://127.0.0.1:$(UI_PORT)
Login:   $$login
Log:     .airflow/ui.log
Try:     trigger the DAG product_reviews for 2026-10-01, then open the tab Run report of its run;
         the playground and the endpoints are under airquery in the navigation.
Ctrl-C stops everything.
endef
export SAID_UI

# Each part runs in a process group of its own (set -m). `airflow standalone` stops its components only
# on SIGINT, and not always all of them, so after 15 s the rest of its group is ended. A second signal,
# such as the one make passes on, is ignored before the first one's exit: it would cut the stop short.
# Airflow's output is for a file that only its user reads: LocalExecutor repeats tasks' logs unmasked.
define RUN_UI
set -m; umask 077; \
stop() { \
	trap '' INT TERM; echo 'Stopping'; \
	groups=$$(jobs -p); kill -INT $$groups; \
	for _ in {1..75}; do \
		left=; for group in $$groups; do if kill -0 -- -$$group; then left=1; fi; done; \
		if [ -z "$$left" ]; then break; fi; sleep 0.2; \
	done; \
	for group in $$groups; do kill -KILL -- -$$group; done; \
	wait; \
}; \
listens() { (exec 3<>/dev/tcp/127.0.0.1/$$1); } 2>/dev/null; \
for port in $(SERVE_PORT) $(UI_PORT); do \
	if listens $$port; then \
		echo "Port $$port is taken. Name others: make ui SERVE_PORT=8078 UI_PORT=8081" >&2; exit 1; \
	fi; \
done; \
trap 'stop 2>/dev/null' EXIT; trap 'trap "" INT TERM; exit 0' INT TERM; \
$(VENV)/airquery serve --host 127.0.0.1 --port $(SERVE_PORT) & serve=$$!; \
until $(VENV)/python -c '$(HEALTHY)' 2>/dev/null; do \
	if ! kill -0 $$serve 2>/dev/null; then echo 'airquery serve did not start.' >&2; exit 1; fi; \
	sleep 0.2; \
done; \
login='none needed'; \
if [ '$(UI_LOGIN)' != none ]; then login=$$($(VENV)/python -c '$(LOGIN)') || exit 1; fi; \
echo 'Starting Airflow, which takes about half a minute'; \
$(VENV)/airflow standalone > .airflow/ui.log 2>&1 & airflow=$$!; \
until $(VENV)/python -c '$(READY)' 2>/dev/null; do \
	if ! kill -0 $$airflow 2>/dev/null; then \
		tail -n 20 .airflow/ui.log >&2; echo 'Airflow did not start: see .airflow/ui.log.' >&2; exit 1; \
	fi; \
	sleep 0.5; \
done; \
echo "$${SAID_UI/'$$login'/$$login}"; \
wait $$airflow; \
echo 'Airflow has ended: see .airflow/ui.log.' >&2; exit 1
endef
