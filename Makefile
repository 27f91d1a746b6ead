# One command per wish. `make help` lists them.

VENV   := .venv
PYTHON := $(VENV)/bin/python
ARGS   ?=

# Whatever of Python's somebody else set: .venv is all that Mailroom needs.
unexport PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONSAFEPATH PYTHONINSPECT

.PHONY: help run test lint bench drill attacks clean set-up set-up-for-tests
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: set-up ## set up everything and start the local system (PORT, MAILROOM_HOME)
	@exec $(PYTHON) start.py

test: set-up-for-tests ## set up everything and run the tests (ARGS="tests/settings -x")
	@exec $(PYTHON) -m pytest $(ARGS)

lint: set-up-for-tests ## check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: set-up-for-tests ## measure: how fast, beside whom (make bench S2: one goal)
	@exec $(PYTHON) -m benchmarks $(filter $(SPEED_GOALS),$(MAKECMDGOALS)) $(ARGS)

# Words after `bench`, not things to make.
SPEED_GOALS := S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S12 S13 S14
.PHONY: $(SPEED_GOALS)
$(SPEED_GOALS): bench
	@:
# Else make would measure everything, and only then say that it does not know S99.
ifneq ($(filter bench,$(MAKECMDGOALS)),)
$(foreach word,$(filter-out $(SPEED_GOALS),$(filter S%,$(MAKECMDGOALS))),\
  $(error there is no $(word) to measure: $(SPEED_GOALS)))
endif

drill: set-up-for-tests ## inject faults into a real system and count the mails (ARGS="1 14b --at-once 2")
	@exec $(PYTHON) -m tests.drills $(ARGS)

attacks: set-up-for-tests ## try what attackers try, each in every place (in `make test`: some places)
	@EVERY_BODY=1 exec $(PYTHON) -m pytest tests/attacks tests/api/test_schemathesis_finds_nothing.py $(ARGS)

clean: ## remove .venv and the tools' caches (never the data in MAILROOM_HOME)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Nothing is asked of pip, nor of the network, while the pins are there.
set-up:
	@deploy/install.sh requirements.txt

set-up-for-tests:
	@deploy/install.sh requirements-dev.txt
