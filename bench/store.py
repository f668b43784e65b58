#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""store.py [options]: our store beside Debian's two, all three at once in dom0 on Anel, asked in turn.

With --here FOLDER it measures where it runs, and Xen's libraries are replaced by files (tests/store/fakexen.c), so that three can run
at once, without a hypervisor too. FOLDER has anel-bench, anel-stored, anel-keep (which does for ours what systemd does) and
libfakexen.so. Needs root: Debian's daemons have their sockets' place built in, and get it by a mount of their own.
"""
import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = ("read", "write", "directory", "mkdir, rm", "watch event", "transaction", "read beside a flood", "connect, read, close")
CLIENTS = (1, 16, 256)
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
OWN = ("daemons/stored/anel-stored", "daemons/keep/anel-keep", "tests/store/libfakexen.so")
OURS, OTHERS = "anel-stored", ("xenstored", "oxenstored")


def sample(folder, daemon, row, clients, seconds):
    """(operations a second, daemon's CPU microseconds an operation)"""
    out = subprocess.run([folder + "/anel-bench", "store", daemon.socket, str(daemon.pid), str(clients), row, str(seconds)],
                         check=True, capture_output=True, text=True).stdout
    r = json.loads(out)
    return r["n"] / r["seconds"], r["cpu"] / r["n"] * 1e6


class Daemon:
    def __init__(self, name, folder, xen, world):
        self.name, self.folder = name, os.path.join(world, name)
        self.socket = self.folder + "/run/socket"
        for d in ("run", "fake", "state"):
            os.makedirs("%s/%s" % (self.folder, d))
        with open(self.folder + "/fake/dom0", "wb") as f:
            f.truncate(4096)
        with open(self.folder + "/fake/port", "w") as f:
            f.write("1")
        if name == OURS:
            command = [folder + "/anel-keep", folder + "/anel-stored", "--pid-file", self.folder + "/pid", "--state", self.folder + "/state", "--socket", self.socket]
        elif name == "xenstored":
            command = [xen + "/xenstored", "-N", "--pid-file", self.folder + "/pid"]
        else:
            command = [xen + "/oxenstored", "--no-fork", "--config-file", self.config()]
        env = dict(os.environ, FAKEXEN=self.folder + "/fake", XENSTORED_ROOTDIR=self.folder + "/state")
        script = 'mount --bind "$0/run" /run/xenstored && LD_PRELOAD=%s/libfakexen.so exec "$@"' % folder
        self.log = open(self.folder + "/log", "w")
        self.process = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", script, self.folder, *command],
                                        env=env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait()
        self.pid = self.process.pid
        if name == OURS:
            self.process.wait()
            with open(self.folder + "/pid") as f:
                self.pid = int(f.read())

    def config(self):
        path = self.folder + "/oxenstored.conf"
        with open(path, "w") as f:
            f.write("pid-file = %s/pid\nquota-activate = false\nxenstored-log-file = /dev/null\naccess-log-file = /dev/null\n"
                    "xenstored-kva = %s/fake/dom0\nxenstored-port = %s/fake/port\npersistent = false\n" % ((self.folder,) * 3))
        return path

    def wait(self):
        for _ in range(200):
            with socket.socket(socket.AF_UNIX) as s:
                if not s.connect_ex(self.socket):
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(self.folder + "/log") as f:
            sys.exit("%s does not start: %s" % (self.name, f.read()))

    def close(self):
        # That of ours is told by its keeper.
        with open("/proc/%d/stat" % self.pid) as f:
            parent = int(f.read().rpartition(")")[2].split()[1])
        os.kill(parent if self.name == OURS else self.pid, signal.SIGTERM if self.name == OURS else signal.SIGKILL)
        self.process.wait()
        self.log.close()


def measure(options, daemons):
    samples = {}
    for i in range(options.rounds):
        for clients in options.clients:
            for row in options.rows:
                for d in daemons:
                    samples.setdefault((row, clients, d.name), []).append(sample(options.folder, d, row, clients, options.seconds))
    return samples


def table(samples, options):
    def median(row, clients, name, which):
        found = samples.get((row, clients, name))
        return statistics.median(s[which] for s in found) if found else None

    def cell(x):
        return "-" if x is None else "%.0f" % x if x >= 100 else "%.3g" % x

    print("| row | clients | anel-stored /s | xenstored /s | ratio | oxenstored /s | ratio | CPU us: anel-stored | xenstored | ratio | "
          "oxenstored |\n|" + " --- |" * 11)
    for row in options.rows:
        for clients in options.clients:
            rate, cpu = ({n: median(row, clients, n, i) for n in (OURS, *OTHERS)} for i in (0, 1))
            ratio = ["%.2f" % (rate[OURS] / rate[n]) if rate[n] else "-" for n in OTHERS]
            share = "%.2f" % (cpu[OTHERS[0]] / cpu[OURS]) if cpu[OTHERS[0]] else "-"
            print("| " + " | ".join([row, str(clients), cell(rate[OURS]), cell(rate[OTHERS[0]]), ratio[0], cell(rate[OTHERS[1]]),
                                     ratio[1], cell(cpu[OURS]), cell(cpu[OTHERS[0]]), share, cell(cpu[OTHERS[1]])]) + " |")


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--here", metavar="FOLDER", dest="folder")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.3, help="a sample (0.3)")
    p.add_argument("--clients", type=lambda t: [int(n) for n in t.split(",")], default=CLIENTS)
    p.add_argument("--rows", type=lambda t: t.split("+"), default=ROWS)
    p.add_argument("--xen", default="/usr/lib/xen-4.17/bin", help="where Debian's daemons are")
    p.add_argument("--only", action="append", help="daemons to measure")
    p.add_argument("--hypervisor", help="to boot instead of Anel's release build")
    p.add_argument("--json", metavar="FILE")
    p.add_argument("--by-instructions", action="store_true", help="a dom0 of one CPU, whose time goes by instructions")
    return p.parse_args()


def in_machine(options, arguments):
    """Boots dom0 and runs there."""
    sys.path[:0] = [HERE, os.path.join(TOP, "harness")]
    import machine
    import run
    run.compile_all()
    os.environ.setdefault("ANEL_LOGS", os.path.join(run.OUT, "logs"))
    host = machine.Machine("store", kernel=options.hypervisor or run.KERNELS["anel"], kernel_args="quiet", boot_timeout=400,
                           cpu=machine.PEER_CPU, by_instructions=options.by_instructions)
    try:
        for path in (os.path.join(run.OUT, "anel-bench"), os.path.abspath(__file__), *(os.path.join(TOP, "build", p) for p in OWN)):
            with open(path, "rb") as f:
                host.put("/run/" + os.path.basename(path), f.read())
        host.run("cd /run; chmod +x store.py anel-*")
        print(host.run("/run/store.py --here /run " + shlex.join(arguments), 3600), end="")
    finally:
        host.close()


def main():
    options = arguments()
    if not options.folder:
        return in_machine(options, sys.argv[1:])
    world = tempfile.mkdtemp(prefix="anel-bench-store-", dir="/dev/shm")
    made_dir = not os.path.isdir("/run/xenstored")
    os.makedirs("/run/xenstored", exist_ok=True)
    daemons = []
    try:
        for name in options.only or (OURS, *OTHERS):
            daemons.append(Daemon(name, options.folder, options.xen, world))
        samples = measure(options, daemons)
    finally:
        for d in daemons:
            d.close()
        shutil.rmtree(world, ignore_errors=True)
        if made_dir:
            os.rmdir("/run/xenstored")
    if options.json:
        with open(options.json, "w") as f:
            json.dump([[*key, values] for key, values in samples.items()], f)
    table(samples, options)


if __name__ == "__main__":
    main()
