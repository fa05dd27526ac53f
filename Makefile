# Everything a person or a machine does with this project. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
STAMP := .venv/.setup-done
CATALOGUES := $(wildcard locale/*/LC_MESSAGES/*.po)
PORT ?= 8000
BENCHMARKS ?= durable short latency live_sockets memory expressions queue_growth history_size monitoring

.PHONY: help setup run test lint format bench soak messages

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) $(CATALOGUES:.po=.mo) ## Make .venv with everything in it (and the system packages it needs)
	@true

$(STAMP): requirements.txt requirements-dev.txt .ci/setup
	@.ci/setup
	@touch $@

%.mo: %.po $(STAMP)
	@msgfmt --check-format -o $@ $<

run: setup ## Open the console with a demo warehouse on an embedded database (PORT=8000; WORKERS=n fixes them)
	@$(PYTHON) manage.py console --prepare --demo --port $(PORT) $(if $(WORKERS),--workers $(WORKERS))

test: setup ## Run every test on SQLite and again on MariaDB, with services of its own where none answers
	@$(PYTHON) -m tests.support.suites

lint: setup ## Check style, types and missing migrations
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy vwed scheduler execution storage
	$(PYTHON) manage.py makemigrations --check --dry-run

format: setup ## Rewrite the sources in the house style
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

messages: setup ## Collect new texts for translation into locale/
	$(PYTHON) manage.py makemessages --locale zh_Hans --no-location --ignore .venv --ignore tests

bench: setup ## Measure engine, durable blocks, short runs, latency, live sockets and memory (P1 to P4, P8)
	@for module in $(BENCHMARKS); do echo; echo "== $$module"; $(PYTHON) -m tests.benchmarks.$$module; done

soak: setup ## Run 1,000 tasks through a real cluster and print the memory of every process; then the leak watch
	@$(PYTHON) -m tests.benchmarks.soak
	@$(PYTHON) -m tests.benchmarks.leak_watch
