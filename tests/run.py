#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [PYTEST ARGS]: all tests in turn, then one line with the sums. With arguments: the system tests alone.

ANEL_FULL: the long ones too. ANEL_PEER: the system tests on Debian's Xen. Exit code 1 if anything failed or nothing ran.
"""
import json
import os
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(TOP, "build")
PYTHON = sys.executable
PEER = bool(os.environ.get("ANEL_PEER"))
FULL = bool(os.environ.get("ANEL_FULL"))
# What is done by whichever tools the shared machine has; the others ask for ours.
OURS = ("test_anel.py", "test_anel_life.py", "test_anel_migrate.py", "test_life.py")
BOCHS_SUITES = ("traps", "vcpus", "pagetables", "grants", "memory")


STRICT = ("--hypervisor", os.path.join(OUT, "ubsan/hypervisor/anel"), "--xen-args", "self_check=10")


class Sums:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.stories = []
        self.lock = threading.Lock()

    def add(self, passed=0, failed=0, skipped=0, story=None):
        """story: the lines that tell what failed; they are shown once more at the end."""
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            self.stories += [story] if story else []


def shortened(text, lines=60):
    """The last so many lines."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def stage(name, function, sums):
    started = time.monotonic()
    print("== %s" % name, flush=True)
    function(sums)
    print("== %s: %d s" % (name, time.monotonic() - started), flush=True)


def checks(sums):
    for tool in ("check_layers.py", "check_ceilings.py", "check_command_line.py", "check_advisories.py"):
        ok = subprocess.run([PYTHON, os.path.join(TOP, "tools", tool)]).returncode == 0
        sums.add(passed=ok, failed=not ok, story=None if ok else tool)


def unit(sums):
    log = os.path.join(OUT, "meson-logs/testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    p = subprocess.run(["meson", "test", "-C", OUT, "--suite", "unit", "--print-errorlogs"])
    if not os.path.exists(log):
        sums.add(failed=1, story="unit tests: they did not run")
        return
    failed = 0
    with open(log) as f:
        for test in map(json.loads, f):
            ok = test["result"] == "OK"
            failed += not ok
            sums.add(passed=ok, failed=not ok, story=None if ok else "unit test %s: %s" % (test["name"], shortened(test.get("stdout", ""))))
    if p.returncode and not failed:
        sums.add(failed=1, story="unit tests: meson's exit code is %d" % p.returncode)


def tool(sums, path, *options, prefix="", before=()):
    """A program of tests/ whose last line has the sums."""
    p = subprocess.Popen([*before, PYTHON, os.path.join(TOP, path), *options], stdout=subprocess.PIPE, text=True)
    last, stories, told = None, [], False
    for line in p.stdout:
        print(prefix + line, end="", flush=True)
        last = re.search(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", line) or last
        bad = re.match(r"(?i)(failure|error)\b", line)
        told = bool(bad) or (told and not re.match(r"(?i)(success|skip)\b|\d+ passed", line))
        if told:
            stories.append((path + ": " if bad else "    ") + line)
    if last:
        sums.add(*(int(n or 0) for n in last.groups()), story=shortened("".join(stories)))
    if not last or (p.wait() and not int(last.group(2))):
        sums.add(failed=1, story="%s: exit code %d" % (path, p.wait()))


def guests(sums, *options):
    """The tiny kernels of tests/guest, each booted in place of dom0, or by a test dom0 as domU."""
    tool(sums, "tests/guest/run.py", "--jobs", "2", *options)


def storm(sums):
    """The fuzzer among them, for an hour; the quick tests have run it for 20 seconds."""
    tool(sums, "tests/guest/run.py", "--args", "seconds=3600", "fuzz")


def fuzzers(sums):
    """A minute of CPU time each, from what the system tests leave and after them; an hour in --full."""
    tool(sums, "tests/fuzz/run.py", "--seconds", "3600" if FULL else "60", prefix="fuzz   | ", before=("nice", "-n", "19"))


def pytest(sums, report, *args, prefix="", more=None):
    """Runs pytest, with this added to its environment, and adds what its report says."""
    report = os.path.join(OUT, report)
    if os.path.exists(report):
        os.unlink(report)
    env = dict(os.environ, ANEL_LOGS=os.path.join(OUT, "test-logs"), PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", **(more or {}))
    p = subprocess.Popen([PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--tb=short", "--durations=10",
                          "--junitxml", report, *args], cwd=TOP, env=env, stdout=subprocess.PIPE, text=True, errors="replace")
    for line in p.stdout:
        print(prefix + line, end="", flush=True)
    p.wait()
    if not os.path.exists(report):
        sums.add(failed=1, story="pytest made no %s: exit code %d" % (report, p.returncode))
        return
    for suite in xml.parse(report).getroot().iter("testsuite"):
        n = {k: int(suite.get(k)) for k in ("tests", "failures", "errors", "skipped")}
        bad = n["failures"] + n["errors"]
        sums.add(max(0, n["tests"] - bad - n["skipped"]), bad, n["skipped"])
        for case in suite.iter("testcase"):
            for bad in (*case.iter("failure"), *case.iter("error")):
                sums.add(story="%s::%s\n%s" % (case.get("classname"), case.get("name"), shortened(bad.text or bad.get("message"))))


def together(*work):
    """Runs (function, arguments, keyword arguments) side by side."""
    threads = [threading.Thread(target=f, args=args, kwargs=kwargs) for f, args, kwargs in work]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def daemons(sums):
    """Side by side; the console's longest test, which mostly waits, by itself."""
    long = "killed_under_load"
    parts = (("store", "store", ()), ("domd", "domd", ()), ("devd", "devd", ()), ("console", "console", ("-k", "not " + long)),
             ("kills", "console", ("-k", long)))
    together(*((pytest, (sums, name + "-tests.xml", "tests/" + folder, *only), {"prefix": "%-7s | " % name})
               for name, folder, only in parts))


def system(sums, args, *beside, more=None):
    """Two halves at once, each with one machine at a time."""
    args = args or ["tests/system"]
    together(*((pytest, (sums, "system-tests-%s.xml" % lane, "--lane=" + lane, *args), {"prefix": "%-6s | " % lane, "more": more})
               for lane in ("first", "second")), *((f, (sums,), {}) for f in beside))


def ours_on_peer(sums):
    """Our tool on our daemons on Debian's Xen; what has our daemons in any case has been in the stage before."""
    system(sums, ["tests/system/" + n for n in OURS], more={"ANEL_TOOLS": "anel"})


def main(args):
    sums = Sums()
    if not args and not PEER:
        stage("layers and ceilings", checks, sums)
        stage("unit tests", unit, sums)
        stage("the daemons of the store, the console, the domains and the disk images", daemons, sums)
        stage("guest kernels as dom0", guests, sums)
        stage("guest kernels as domU", lambda s: guests(s, "--domu"), sums)
        if FULL:
            stage("analyzers", lambda s: tool(s, "tools/analyze.py"), sums)
            stage("guest kernels as dom0, undefined behaviour and self-checks", lambda s: guests(s, *STRICT), sums)
            stage("guest kernels as domU, undefined behaviour and self-checks", lambda s: guests(s, "--domu", *STRICT), sums)
            stage("guests' fuzzer", storm, sums)
            stage("guest kernels in Bochs", lambda s: guests(s, "--bochs", *BOCHS_SUITES), sums)
            stage("guest kernels in Bochs as domU", lambda s: guests(s, "--bochs", "--domu", "traps"), sums)
    if not any(a.startswith("tests/") for a in args):
        args = args and args + ["tests/system"]
    if args or PEER:
        stage("system tests", lambda s: system(s, args), sums)
        if not args and PEER:
            stage("our tools and daemons on Debian's Xen", ours_on_peer, sums)
    else:
        stage("system tests, and fuzzers beside them", lambda s: system(s, args, fuzzers), sums)
    if sums.stories:
        print("== what failed, once more")
    for story in sums.stories:
        print(story + "\n")
    print("%d passed, %d failed, %d skipped" % (sums.passed, sums.failed, sums.skipped))
    return 1 if sums.failed or not sums.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
