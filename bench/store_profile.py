#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""store_profile.py [ROW...]: where an operation's instructions go, by function: anel-stored's and its client's apart, with the kernel's and
the hypervisor's on behalf of each.

dom0 boots once; its machine is kept in build/bench/saved and goes on from there, until the hypervisor or an image is newer.
"""
import argparse
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TOP, "harness")]

import machine      # noqa: E402
import run          # noqa: E402
import store        # noqa: E402

SAVED = os.path.join(run.OUT, "saved")
PARTS = {1: "daemon", 2: "client"}
# Where Linux puts a position-independent program without randomization, and what lies above it.
PROGRAM, HEAP = 0x555555554000, 0x555556000000


class Machine(machine.Machine):
    """Its disks are plain files, which a saved state may belong to; to be told what to do by QMP."""

    def __init__(self, writable, extra=()):
        self.writable = writable
        path = os.path.join(SAVED, "qmp")
        super().__init__("profile", mem="2G", kernel=SAVED + "/anel", kernel_args="quiet", cpu=machine.PEER_CPU, by_instructions=True,
                         wait=writable, extra=["-qmp", "unix:%s,server=on,wait=off" % path, *extra])
        self.qmp = socket.socket(socket.AF_UNIX)
        self.qmp.connect(path)
        self.answers = self.qmp.makefile("rw")
        self.answers.readline()
        self.tell("qmp_capabilities")

    def _disks(self, kind):
        snapshot = "off" if self.writable else "on"
        return sum((["-drive", "id=d%d,file=%s/%s.img,format=raw,if=virtio,snapshot=%s" % (i, SAVED, name, snapshot)]
                    for i, name in enumerate(("dom0", "guest"))), [])

    def tell(self, command, **arguments):
        self.answers.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.answers.flush()
        while True:
            answer = json.loads(self.answers.readline())
            if "error" in answer:
                raise machine.Failed(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def until_status(self, query, states):
        while self.tell(query)["status"] not in states:
            time.sleep(0.2)


def save():
    shutil.rmtree(SAVED, ignore_errors=True)
    os.makedirs(SAVED)
    for path in (run.KERNELS["anel"], run.KERNELS["anel"] + ".elf"):
        shutil.copy(path, SAVED)
    for name in ("dom0.img", "guest.img"):
        subprocess.run(["cp", "--sparse=always", os.path.join(machine.IMAGES, name), SAVED], check=True)
    host = Machine(True)
    try:
        host.run("echo 0 >/proc/sys/kernel/randomize_va_space; sync")
        with open(SAVED + "/kallsyms", "w") as f:
            f.write(host.run("cat /proc/kallsyms"))
        host.tell("stop")
        host.tell("migrate-set-parameters", **{"max-bandwidth": 10 ** 11})
        host.tell("migrate", uri="exec:cat >%s/state" % SAVED)
        host.until_status("query-migrate", ("completed", "failed"))
        host.tell("quit")
    finally:
        host.close()


def symbols(daemon, path):
    """Of all that runs, where it runs."""
    with open(path, "w") as f:
        with open(SAVED + "/kallsyms") as k:
            f.write(k.read())
        for line in subprocess.run(["nm", "-n", SAVED + "/anel.elf"], check=True, capture_output=True, text=True).stdout.splitlines():
            f.write(line + "\n")
        for line in subprocess.run(["nm", "-n", daemon], check=True, capture_output=True, text=True).stdout.splitlines():
            words = line.split()
            if len(words) == 3:
                f.write("%x %s daemon:%s\n" % (int(words[0], 16) + PROGRAM, words[1], words[2]))
        f.write("1000 t low\n400000 t client\n%x t beyond_daemon\n7f0000000000 t libraries\n" % HEAP)


def report(counts, operations, top):
    """operations: (row, clients, how many) of each section, in their order."""
    sections = []
    with open(counts) as f:
        for line in f:
            if line.startswith("SECTION"):
                sections.append([])
            else:
                part, name, executed, entries = line.split()
                sections[-1].append((int(part), name, int(executed), int(entries)))
    for (row, clients, n), section in zip(operations, sections):
        total = {p: sum(s[2] for s in section if s[0] == p) / n for p in PARTS}
        print("%s, %d clients, %d operations: instructions of one: daemon %.0f, client %.0f" % (row, clients, n, total[1], total[2]))
        for part, name in PARTS.items():
            for s in sorted((s for s in section if s[0] == part), key=lambda s: -s[2])[:top]:
                print("  %s %-44s %8.1f in %6.2f entries" % (name, s[1], s[2] / n, s[3] / n))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("rows", nargs="*", default=["read"])
    p.add_argument("--clients", default="1,16")
    p.add_argument("--seconds", type=float, default=0.03)
    p.add_argument("--top", type=int, default=40, help="functions to show")
    p.add_argument("--stored", default=os.path.join(TOP, "build/daemons/stored/anel-stored"), help="the daemon to measure")
    options = p.parse_args()
    run.compile_all()
    if not run.newer(SAVED + "/state", [run.KERNELS["anel"], os.path.join(machine.IMAGES, "dom0.img")]):
        save()
    counts, names = run.OUT + "/profile", run.OUT + "/profile.symbols"
    symbols(options.stored, names)
    host = Machine(False, ["-incoming", "exec:cat %s/state" % SAVED, "-plugin", "file=%s/profile.so,out=%s,symbols=%s" % (run.OUT, counts, names)])
    try:
        host.until_status("query-status", ("paused", "running"))
        host.tell("cont")
        others = [os.path.join(TOP, "build", path) for path in store.OWN[1:]]
        for path in (run.OUT + "/anel-bench", HERE + "/store.py", options.stored, *others):
            with open(path, "rb") as f:
                host.put("/run/" + os.path.basename(path), f.read())
        host.run("cd /run; chmod +x store.py anel-*")
        host.run("/run/store.py --here /run --json /run/samples --rounds 1 --seconds %g --clients %s --rows %s --only anel-stored" %
                 (options.seconds, options.clients, shlex.quote("+".join(options.rows))), 3600)
        samples = json.loads(host.run("cat /run/samples"))
    finally:
        host.close()
    report(counts, [(row, clients, round(values[0][0] * options.seconds)) for row, clients, _, values in samples], options.top)


if __name__ == "__main__":
    main()
