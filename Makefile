# Two commands matter: make run, make test. `make help` lists the rest.

BASE := $(shell sh deploy/bootstrap.sh base)
VENV := $(BASE)/.venv
PY := $(VENV)/bin/python
ARGS ?=
# Files run side by side; the long ones first, so that no core is idle at the end.
TESTS ?= tests/fault tests/e2e tests/integration tests/contract tests/unit
PACKAGES := chiso_shared chiso_ingest chiso_indicators chiso_alerts chiso_local chiso_cli

# A read-only checkout keeps its state beside its environment.
ifneq ($(BASE),$(CURDIR))
export CHISO_HOME ?= $(BASE)/.chiso
endif

.DEFAULT_GOAL := help
.PHONY: help install install-run install-dev run servers test check check-lint check-format check-types \
  check-imports check-schemas fmt schemas lock bench prove clean reset

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  Settings are environment variables (shared/docs/contract.md): CHISO_HOME, CHISO_KAFKA_PORT, CHISO_INGEST_PORT …"

install: install-run ## fetch everything that make run needs, and start nothing
	@"$(PY)" -W ignore -m chiso_local.fetch

install-run:
	@sh deploy/bootstrap.sh install run

install-dev:
	@sh deploy/bootstrap.sh install dev

run: install-run ## start all of chiso, print READY, stay until Ctrl-C
	@exec "$(PY)" -m chiso_local run --with-parent

servers: install-run ## start only Kafka and PostgreSQL, for work on one service
	@exec "$(PY)" -m chiso_local servers --with-parent

test: install-dev ## every test that fits in CI, on real Kafka and PostgreSQL (TESTS=…, ARGS=…; ARGS=-n0: one by one)
	@"$(PY)" -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TESTS) $(ARGS)

check: install-dev ## format, lint, types, import rules, generated schemas
	@$(MAKE) --no-print-directory --keep-going check-lint check-format check-types check-imports check-schemas

check-lint:
	@"$(VENV)/bin/ruff" check .

check-format:
	@"$(VENV)/bin/ruff" format --check .

check-types:
	@"$(VENV)/bin/mypy" $(addprefix -p ,$(PACKAGES))
	@"$(VENV)/bin/mypy" tests

check-imports:
	@"$(VENV)/bin/lint-imports"

check-schemas:
	@"$(PY)" -m chiso_shared.contracts.export --check
	@"$(PY)" deploy/grafana/build.py --check

fmt: install-dev ## format the code and repair what the linter can
	@"$(VENV)/bin/ruff" format .
	@"$(VENV)/bin/ruff" check --fix .

schemas: install-dev ## write the JSON Schemas and the AsyncAPI document anew
	@"$(PY)" -m chiso_shared.contracts.export

lock: install-dev ## resolve the dependencies anew
	@PATH="$(BASE)/.venv-tools/bin:$$PATH" uv lock

bench: install-dev ## measure observations per second and CPU, beside two baselines
	@"$(PY)" -m tests.bench $(ARGS)

prove: install-dev ## hours, not minutes: 20,000 simulated lives, 5,000 histories, every mutant, a country-year
	@"$(PY)" -m tests.simulation --seeds 0..20000 --processes 2
	@"$(PY)" -m tests.simulation --mutants
	@"$(PY)" -m tests.model --seeds 1..5000
	@"$(PY)" -m tests.mutants
	@CHISO_FULL=1 "$(PY)" -m pytest tests/e2e/test_alerts_country.py
	@"$(PY)" -m tests.bench.country_year

clean: ## remove the environment and caches (the state stays)
	@rm -rf "$(BASE)/.venv" "$(BASE)/.venv-tools" .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: ## remove the state of make run: all data, keys and logs
	@home="$${CHISO_HOME:-.chiso}"; pid="$$(cat "$$home/lock" 2>/dev/null)"; \
	if [ -n "$$pid" ] && kill -0 "$$pid" 2>/dev/null; then \
	  echo "chiso: it is still running on $$home (pid $$pid); stop it first." >&2; exit 1; \
	fi; rm -rf "$$home"
