# Everything a newcomer or contributor runs. `make` alone lists it.
PYTHON := .venv/bin/python
DATA ?= $(or $(FLOORWALKER_BENCH_DATA),../shared/data)
export FLOORWALKER_BENCH_DATA := $(DATA)

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: .venv/.installed ## Make .venv with everything needed to run
.venv/.installed: pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh
	@touch $@

setup-dev: .venv/.installed-dev ## Make .venv with everything needed to develop and test
.venv/.installed-dev: pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh dev
	@touch $@ .venv/.installed

setup-slow: .venv/.installed-slow setup-dbt ## Add what only slow tests need: Spark (430 MB), Java 17, dbt, SDKs of npm
.venv/.installed-slow: .venv/.installed-dev
	@sh scripts/setup.sh slow
	@touch $@

setup-dbt: .venv-dbt/.installed ## Make .venv-dbt with the dbt that exports are tested with
.venv-dbt/.installed: scripts/setup.sh src/floorwalker/engines/export_dbt.py
	@sh scripts/setup.sh dbt
	@touch $@

demo: setup ## Simulate a retailer of 20,000 customers, run everything, write demo/report.html
	@.venv/bin/floorwalker demo

test: setup-dev ## Set up and run the tests (slow ones excepted)
	@$(PYTHON) -m pytest -n 2 --dist worksteal -m "not slow" tests

test-slow: setup-slow ## Set up Spark and dbt too, and run all the tests
	@$(PYTHON) -m pytest -n 2 --dist worksteal tests

check: setup-dev ## Lint, format, import layers, types
	@.venv/bin/ruff check src tests benchmarks scripts
	@.venv/bin/ruff format --check -q src tests benchmarks scripts
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/ty check src --python .venv -q

format: setup-dev ## Format the code
	@.venv/bin/ruff check --fix -q src tests benchmarks scripts
	@.venv/bin/ruff format -q src tests benchmarks scripts

bench-pipeline: setup-dev ## Raw files to gold, 1 M simulated events, against one plain DuckDB script
	@PYTHONPATH=. $(PYTHON) -m benchmarks.pipeline

bench-lake: setup-dev ## Silver to all features in Delta at 1 M and 10 M events, against a DuckDB script and Polars
	@$(PYTHON) -m pip install -q "polars>=2,<3"
	@PYTHONPATH=. $(PYTHON) -m benchmarks.lake

bench-identity: setup-dev ## Who is who: accuracy, speed and memory, against rules alone and Splink's tutorial
	@PYTHONPATH=. $(PYTHON) -m benchmarks.identity

bench-collect: setup-dev ## The collector: durable events a second, processor time per event, against one that does not wait
	@PYTHONPATH=. $(PYTHON) -m benchmarks.collect

bench-files: setup-dev ## A CSV of 10 M rows into bronze against DuckDB's own copy, and raw files to gold
	@PYTHONPATH=. $(PYTHON) -m benchmarks.files

bench-recommend: setup-dev ## Item-kNN with recency decay on Amazon Beauty, protocols A and B
	@PYTHONPATH=. $(PYTHON) -m benchmarks.recommend

clean: ## Remove what the targets made (not .venv)
	@rm -rf demo dist .pytest_cache .ruff_cache .hypothesis

.PHONY: help setup setup-dev setup-slow setup-dbt demo test test-slow check format bench-pipeline bench-lake bench-identity bench-collect bench-files bench-recommend clean
