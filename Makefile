# One command per wish. `make help` lists them.

VENV   := .venv
PYTHON := $(VENV)/bin/python
ARGS   ?=

.PHONY: help run test lint bench drill attacks clean
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## set up everything and start the local system (PORT, MAILROOM_HOME)
	@exec $(PYTHON) start.py

test: $(VENV)/.installed-dev ## set up everything and run the tests (ARGS="tests/settings -x")
	@exec $(PYTHON) -m pytest $(ARGS)

lint: $(VENV)/.installed-dev ## check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: $(VENV)/.installed-dev ## measure: how fast, beside whom (make bench S2: one goal)
	@exec $(PYTHON) -m benchmarks $(filter $(SPEED_GOALS),$(MAKECMDGOALS)) $(ARGS)

# Words after `bench`, not things to make.
SPEED_GOALS := S1 S2 S3 S4 S5 S6 S7 S8
.PHONY: $(SPEED_GOALS)
$(SPEED_GOALS): bench
	@:

drill: $(VENV)/.installed-dev ## inject faults into a real system and count the mails (ARGS="1 14b --at-once 2")
	@exec $(PYTHON) -m tests.drills $(ARGS)

attacks: $(VENV)/.installed-dev ## try what attackers try, each in every place (in `make test`: some places)
	@EVERY_BODY=1 exec $(PYTHON) -m pytest tests/attacks tests/api/test_schemathesis_finds_nothing.py $(ARGS)

clean: ## remove .venv and the tools' caches (never the data in MAILROOM_HOME)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: nothing is asked of pip, nor of the network, while the pins are the same.
$(VENV)/.installed: requirements.txt
	@deploy/install.sh requirements.txt $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt
	@deploy/install.sh requirements-dev.txt $@
	@touch $(VENV)/.installed
