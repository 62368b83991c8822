# The two commands of the README, and what they stand on. Each works from a bare clone and is idempotent.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: site test test-long test-lowest soak fuzz lock browser networks clean

site: $(VENV)/.installed
	$(BIN)/build-site config.yaml
	@echo "Open $(CURDIR)/site/index.html"

test: $(VENV)/.installed-test browser
	$(BIN)/ruff check generator tests benchmarks docs
	$(BIN)/ruff format --check generator tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

# The tests with the oldest releases that our bounds allow, so that the bounds are true. Left out are those of
# plugs pulled, which depend on no bound, and those of whole known networks, which take long; and those of presets,
# as KerasHub wants a newer TensorFlow than the rest.
LOWEST := .venv-lowest
test-lowest: $(LOWEST)/.installed browser
	$(LOWEST)/bin/pytest -n auto --maxprocesses 4 --dist loadfile tests --ignore tests/crash \
	--ignore tests/networks/test_applications.py --ignore tests/test_presets.py

# The tests that take half a minute each and more, such as clusters whose clients are killed.
test-long: $(VENV)/.installed-test
	$(BIN)/pytest -m long

# 200 kills of build-site at random moments, 45 minutes at most; tests/crash/soak.py counts what was lost.
soak: $(VENV)/.installed-test
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.crash.soak --kills 200 --minutes 45

# Readers of what strangers may write, each with FUZZ files and values of any content, other ones each time. What was
# tried is counted at the end.
FUZZ := 5000
fuzz: $(VENV)/.installed-test
	POCKET_FUZZ=$(FUZZ) $(BIN)/pytest -q --hypothesis-show-statistics tests/hostile/test_fuzz.py tests/test_config_fuzz.py

# Every network of keras.applications, and a small one of every vision family in KerasHub, one after the other: 12
# to 20 minutes. Writes docs/networks.md.
networks: $(VENV)/.installed-test
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m docs.generate.networks
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m docs.generate.hub_networks

# Debian's Chromium for the page tests, through apt when none is found and this user may.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	|| { sudo -n apt-get update -qq && sudo -n apt-get install -y -qq chromium >/dev/null; } \
	|| { echo "The page tests need Chromium: install it, e.g. apt-get install chromium" >&2; exit 1; }

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; try make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# What `make test` and CI run with: each package in one version, by the SHA-256 of its wheel. The lock is for
# Linux on x86-64 and Python 3.11; elsewhere what pyproject.toml allows is taken.
LOCK := requirements/dev.lock
LOCKED_FOR := 3.11 Linux x86_64
HERE = $$($(BIN)/python -c 'import platform as p; print(p.python_version().rpartition(".")[0], p.system(), p.machine())')

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml $(LOCK)
	@if [ "$(HERE)" = "$(LOCKED_FOR)" ]; then \
		set -x; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(LOCK) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	else \
		echo "$(LOCK) is for Python $(LOCKED_FOR), this is $(HERE): installing without it."; \
		set -x; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,hub]'; \
	fi
	@touch $@ $(VENV)/.installed

# Writes the lock anew: the newest versions that pyproject.toml allows. uv works out what another machine would take.
lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(BIN)/uv pip compile --no-config --quiet --upgrade --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
		--only-binary :all: --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		--extra test --extra hub pyproject.toml requirements/build.in --output-file $(LOCK)
	$(BIN)/uv pip compile --no-config --quiet --upgrade --python-version 3.11 --universal --only-binary :all: \
		--generate-hashes --no-annotate --custom-compile-command 'make lock' \
		requirements/build.in --output-file requirements/build.lock

# pip has no way to ask for the oldest; uv has.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) .pytest_cache .mypy_cache .ruff_cache artifacts
