# Every target does its own set-up; the second time it has nothing left to do.

PYTHON = /usr/bin/python3
VENV = .venv
TRIAL = -m twisted.trial
TESTS = tests
# Workers: much of the time is waiting for programs to start, and for time to pass.
JOBS = -j3

# What the virtual environment is made with: python-qpid-proton has no wheels and is
# compiled, which takes half a minute.
BUILD_PACKAGES = python3 python3-venv python3-dev gcc libc6-dev libssl-dev pkg-config
# Real parts that tests/interop/ runs against.
INTEROP_PACKAGES = mosquitto curl procps strace gcc libc6-dev
# The Debian set: exactly these packages, nothing from PyPI.
DEBIAN_PACKAGES = python3 python3-twisted python3-treq python3-service-identity \
    python3-openssl python3-jwt python3-txaio python3-attr python3-bcrypt python3-fastjsonschema \
    python3-qpid-proton python3-prometheus-client python3-hypothesis

# What the fault loops, and the contenders, need besides.
SOAK_PACKAGES = mount
DEB_PACKAGES = build-essential debhelper dh-python pybuild-plugin-pyproject \
    python3-all python3-setuptools python3-docutils python3-systemd bash-completion git
BENCH_PACKAGES = wrk nginx-light util-linux curl git

.PHONY: help run test test-debian proved soak bench lint deb clean

help:
	@echo "make run          run it here, with a sandbox cloud and demo devices"
	@echo "make test         run the tests on the newest set of packages"
	@echo "make test-debian  run the tests on Debian's own packages"
	@echo "make proved       run the tests that prove what docs/ promises"
	@echo "make soak         the long versions: kills, power cuts, full disks, days"
	@echo "make bench        edgeproxy, nginx and stock Twisted side by side"
	@echo "make lint         check style and types"
	@echo "make deb          build the Debian package into dist/"
	@echo "make clean        remove what the others made"

# One stamp for each set of requirements; a change of them makes the set anew.
$(VENV)/.run: setup.cfg constraints/latest.txt
	@scripts/need $(BUILD_PACKAGES)
	@echo "Setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install -q --disable-pip-version-check \
	    --config-settings editable_mode=compat -c constraints/latest.txt -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.run
	@echo "Adding the linters"
	@$(VENV)/bin/pip install -q --disable-pip-version-check \
	    -c constraints/latest.txt ruff mypy mypy-zope codespell towncrier
	@touch $@

run: $(VENV)/.run
	@rm -f twisted/plugins/dropin.cache
	@cat docs/try.txt
	@exec $(VENV)/bin/twistd --nodaemon --pidfile= edgeproxy --sandbox

test: $(VENV)/.run
	@scripts/need $(INTEROP_PACKAGES)
	@rm -f twisted/plugins/dropin.cache
	$(VENV)/bin/python $(TRIAL) $(JOBS) $(TESTS)

test-debian:
	@scripts/need $(DEBIAN_PACKAGES) $(INTEROP_PACKAGES)
	@rm -f twisted/plugins/dropin.cache
	$(PYTHON) $(TRIAL) $(JOBS) $(TESTS)

proved: $(VENV)/.run
	@scripts/need $(INTEROP_PACKAGES)
	$(VENV)/bin/python scripts/proved

soak: $(VENV)/.run
	@scripts/need $(INTEROP_PACKAGES) $(SOAK_PACKAGES)
	$(VENV)/bin/python -m tests.soak

bench:
	@scripts/need $(DEBIAN_PACKAGES) $(BENCH_PACKAGES)
	$(PYTHON) -m bench

lint: $(VENV)/.lint
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

deb:
	@scripts/need $(DEBIAN_PACKAGES) $(DEB_PACKAGES)
	scripts/deb

clean:
	rm -rf $(VENV) var build dist *.egg-info _trial_temp* .hypothesis \
	    .mypy_cache .ruff_cache twisted/plugins/dropin.cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
