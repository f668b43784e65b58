# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures. `host` is one machine for all tests that do not ask for their own; it is started again if a test kills it.
`ours` is another such, whose dom0 runs our daemons; with ANEL_TOOLS=anel `host` does too."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../harness"))

import machine
from guests import put_tool
from machine import Dead, Machine


def pytest_addoption(parser):
    parser.addoption("--lane", choices=("first", "second"), help="only one half; the second has the tests that boot machines of "
                     "their own, and the modules marked second")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: too long for the quick tests")
    config.addinivalue_line("markers", "anel: makes sense on Anel only")
    config.addinivalue_line("markers", "second: of the second of the two lanes that run at once (tests/run.py)")


def pytest_collection_modifyitems(config, items):
    full, peer = os.environ.get("ANEL_FULL"), machine.PEER
    for item in items:
        if item.get_closest_marker("full") and not full:
            item.add_marker(pytest.mark.skip(reason="only with --full"))
        if item.get_closest_marker("anel") and peer:
            item.add_marker(pytest.mark.skip(reason="not on the peer"))

    def own(item):
        return "host" not in item.fixturenames

    def second(item):
        return own(item) or item.get_closest_marker("second") is not None

    lane = config.getoption("--lane")
    if lane:
        config.hook.pytest_deselected(items=[i for i in items if second(i) != (lane == "second")])
        items[:] = [i for i in items if second(i) == (lane == "second")]
    # First what shares a machine: it need not run beside those that tests start for themselves.
    items.sort(key=lambda item: (own(item), "ours" not in item.fixturenames))


class Hosts:
    """Keeps the shared machine. A boot that failed is not tried more than twice."""

    def __init__(self, name, **options):
        self.name, self.options, self.machine, self.failures = name, options, None, []

    def get(self):
        if self.machine and self.machine.alive():
            return self.machine
        if self.machine:
            self.machine.close()
            self.machine = None
        if len(self.failures) >= 2:
            pytest.fail("the shared machine does not boot: %s" % self.failures[-1])
        try:
            self.machine = Machine("%s%d" % (self.name, len(self.failures)), **self.options)
        except Dead as e:
            self.failures.append(e)
            raise
        return self.machine

    def drop(self, why):
        self.failures.append(why)
        self.release()

    def release(self):
        if self.machine:
            self.machine.close()
            self.machine = None


@pytest.fixture(scope="session")
def hosts(request):
    h = Hosts("host-%s-" % (request.config.getoption("--lane") or "all"))
    yield h
    h.release()


@pytest.fixture(scope="session")
def our_hosts(request):
    h = Hosts("ours-%s-" % (request.config.getoption("--lane") or "all"), tools="anel")
    yield h
    h.release()


def lend(hosts):
    """The shared machine for one test; what the test leaves and what the kernels said is looked at."""
    m = hosts.get()
    mark = len(m.log())
    yield m
    try:
        if not m.alive():
            raise Dead("QEMU ended during the test; " + m.tail())
        # The guest called shared is for all tests; others are left by tests that failed.
        _, out = m.try_run("xl list | awk 'NR>1 && $2>0 && $1!=\"shared\" {print $2}'", 30)
        for domid in out.split():
            m.try_run("xl destroy %s" % domid, 60)
    except Dead as e:
        hosts.drop(e)
        raise
    found = re.search(r"(?i)^.*(BUG:|Oops|Kernel panic|PANIC|ASSERT|rcu_sched self-detected|soft lockup).*$",
                      m.log()[mark:], re.M)
    assert not found, "on the console: " + found.group(0)


@pytest.fixture
def host(hosts, our_hosts):
    our_hosts.release()
    yield from lend(hosts)


@pytest.fixture
def ours(hosts, our_hosts):
    """A shared machine with our daemons, and the tool `anel`."""
    hosts.release()
    for m in lend(our_hosts):
        yield put_tool(m)


@pytest.fixture
def anel(host):
    """The shared machine with the tool `anel` in it."""
    return put_tool(host)


@pytest.fixture
def boot(request, hosts, our_hosts):
    """boot(**options) starts machines of the test's own and ends them with it."""
    made = []
    hosts.release()
    our_hosts.release()

    def start(**options):
        m = Machine("%s-%d" % (re.sub(r"\W+", "_", request.node.name), len(made)), **options)
        made.append(m)
        return m

    yield start
    for m in made:
        m.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure in a test shows the end of the console."""
    outcome = yield
    report = outcome.get_result()
    for name in ("host", "ours"):
        if report.failed and name in getattr(item, "funcargs", {}):
            report.sections.append(("console", item.funcargs[name].tail(60)))
