# Two commands for a first look: `make demo` and `make test`. `make` alone lists the others.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed.sha256
EXAMPLE ?= examples/loan-approval.yaml
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = true
export MLFLOW_DISABLE_TELEMETRY = true
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
BENCHMARKS := $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))

.PHONY: help demo test check e2e e2e-story e2e-long e2e-compose backup restore lock clean bench env

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock deployments/install.sh
	@PYTHON="$(PYTHON)" bash deployments/install.sh

demo: $(STAMP) ## Retrain the example end to end, without a server or an account
	@$(BIN)/evenhand train $(EXAMPLE) || [ $$? -eq 3 ] # held for a person is how it should end

test: $(STAMP) ## Run the unit tests and the documentation's examples
	@$(ONE_THREAD) $(BIN)/python -m pytest -q -m "not e2e and not compose" -n 2 --dist loadfile

check: $(STAMP) ## Lint, format, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

e2e: $(STAMP) ## Tests with real servers, kills and a real browser
	@$(BIN)/python -m pytest -q -m "e2e and not e2e_long" -n 3 --dist loadfile --no-loadscope-reorder tests # they wait more than they compute

e2e-story: $(STAMP) ## One model's life: trained, drifted, held, approved in the browser, rolled back
	@$(BIN)/python -m pytest -q tests/e2e/test_story.py

e2e-long: $(STAMP) ## The same at length: every step killed, dozens of runs at once
	@$(BIN)/python -m pytest -q -m e2e_long tests

env: ## Write .env with random secrets for docker compose, once
	@$(PYTHON) deployments/env_file.py

backup: ## Back up the service of docker compose: make backup FILE=/backups/today.tar
	@$(PYTHON) -m deployments.backup backup "$(FILE)"

restore: ## Restore it into an empty one: make restore FILE=/backups/today.tar
	@$(PYTHON) -m deployments.backup restore "$(FILE)" $(REPLACE)

e2e-compose: $(STAMP) ## Try the service of `docker compose up --wait`: doors, a retrain, restarts, backup
	@$(BIN)/python -m pytest -q -m compose tests/e2e/test_compose.py

bench: $(STAMP) ## Run every benchmark
	@for name in $(BENCHMARKS); do $(MAKE) --no-print-directory "bench-$${name//_/-}" || failed=1; done; exit $${failed:-0}

bench-%: $(STAMP) ## Run one benchmark: make bench-search
	@$(BIN)/python benchmarks/$(subst -,_,$*).py

lock: ## Resolve pyproject.toml into requirements.lock (needs uv)
	@uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --upgrade -o requirements.lock

clean: ## Remove what was built; your runs under .evenhand/ stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
