#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [NAME...] [--seconds N | --until N] [--jobs N]: builds the fuzzers and runs each for N seconds of CPU time (10), several at a
time (2). --until N: each until it had N seconds in all, earlier runs on this machine counted, so that an hour may come in pieces.

Each starts from its seeds (seeds.py), from what was once found (found/NAME-*.hex, which stay for good) and from what earlier
runs of this machine learned (build/fuzz/NAME). The last line is "N passed, N failed". Of a failure the input is shown as hex,
ready to become a file in found/.
"""
import argparse
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path += [os.path.join(TOP, "harness")]

from built import BUILD, built
from seeds import seeds

OUT = os.path.join(BUILD, "fuzz")
MAX_LEN = {"boot": 8192, "acpi": 8192, "unpack": 8192}
# Of one input, by the clock: they may run beside other work, at the lowest priority.
HANGS = 600
PIECE = 300     # seconds, after which what was spent is noted


def names():
    return sorted(os.path.basename(p)[5:-2] for p in glob.glob(os.path.join(HERE, "fuzz_*.c")))


def write_inputs(folder, inputs):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for i, data in enumerate(inputs):
        with open(os.path.join(folder, "%03d" % i), "wb") as f:
            f.write(data)


def found(name):
    for path in sorted(glob.glob(os.path.join(HERE, "found", name + "-*.hex"))):
        with open(path) as f:
            yield bytes.fromhex("".join(line for line in f if not line.startswith("#")))


def run(command, log, env):
    """(exit code, CPU seconds)"""
    with open(log, "a") as f:
        p = subprocess.Popen(command, stdout=f, stderr=subprocess.STDOUT, env=env)
        status, used = os.wait4(p.pid, 0)[1:]
        p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, used.ru_utime + used.ru_stime


def spent(name):
    """CPU seconds that it ran on this machine, all runs together."""
    try:
        with open(os.path.join(OUT, name, "spent")) as f:
            return float(f.read())
    except (OSError, ValueError):
        return 0.0


def spend(name, used):
    path = os.path.join(OUT, name, "spent")
    total = spent(name) + used
    with open(path + ".new", "w") as f:
        f.write("%.0f\n" % total)
    os.rename(path + ".new", path)


def fuzz(name, seconds):
    """(name, None or what happened, how far it came)"""
    program = os.path.join(BUILD, "tests/fuzz/fuzz_" + name)
    folder = os.path.join(OUT, name)
    learned, given = os.path.join(folder, "learned"), os.path.join(folder, "given")
    write_inputs(given, list(found(name)) + seeds(name))
    os.makedirs(learned, exist_ok=True)
    for old in glob.glob(os.path.join(folder, "bad-*")):
        os.unlink(old)
    log = os.path.join(folder, "log")
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
    open(log, "w").close()
    rc, left = 0, float(seconds)
    while not rc and left > min(seconds / 20, PIECE / 20):
        rc, used = run([program, "-max_total_time=%d" % (min(left, PIECE) + 1), "-timeout=%d" % HANGS, "-rss_limit_mb=2048", "-print_final_stats=1",
                        "-max_len=%d" % MAX_LEN.get(name, 4096), "-artifact_prefix=%s/bad-" % folder, learned, given], log, env)
        left -= used
        spend(name, used)
    with open(log, errors="replace") as f:
        lines = f.read().splitlines()
    runs = sum(int(l.split()[-1]) for l in lines if "number_of_executed_units" in l)
    cover = next((l[l.index("cov:"):].split(" exec")[0] for l in reversed(lines) if "cov:" in l), "")
    if rc == 0:
        return name, None, "%d runs, %s" % (runs, cover)
    text = lines[-60:]
    for path in glob.glob(os.path.join(folder, "bad-*")):
        with open(path, "rb") as f:
            text.append("%s: %s" % (os.path.basename(path), f.read(4096).hex()))
    return name, "\n".join(text), "%d runs" % runs


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("\n", " "))
    p.add_argument("name", nargs="*")
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--until", type=int)
    p.add_argument("--jobs", type=int, default=2)
    args = p.parse_args()
    todo = args.name or names()
    for n in todo:
        if n not in names():
            sys.exit("no fuzzer %s; there are: %s" % (n, " ".join(names())))
    try:
        built(*("tests/fuzz/fuzz_" + n for n in todo))
    except subprocess.CalledProcessError:
        print("0 passed, %d failed" % len(todo))
        return 1
    failed = 0

    def seconds(name):
        return args.seconds if args.until is None else args.until - spent(name)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, bad, said in pool.map(lambda n: fuzz(n, seconds(n)), todo):
            print("%s %s: %s, %.0f s in all" % ("FAILURE" if bad else "success", name, said, spent(name)), flush=True)
            if bad:
                print(bad, flush=True)
                failed += 1
    print("%d passed, %d failed" % (len(todo) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
