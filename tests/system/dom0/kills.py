#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kills.py KILLS SEED VERB...: does each verb so many times, each time with one of our daemons killed at a random point of it, and
checks what must hold then. Put into dom0 and run there by tests/system/test_kills.py: /run/idle is a guest's kernel, looks.py and what
it needs are beside. A line of sums a verb; exit code 1 with the story of the first thing that was wrong."""
import collections
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import looks
from looks import Wrong, until

DAEMONS = {"anel-stored": "/run/xenstore.pid", "anel-consoled": "/run/xenconsoled.pid", "anel-domd": "/run/anel-domd.pid",
           "anel-devd": "/run/anel-devd.pid"}
NOTES = "/run/anel-domd/guests"
READY = "idle: ready"
MARK = "/tool/anel-kills"
SAVED = "/var/tmp/kills.save"
HOST = looks.Host("/run/frames.so")


def look_now():
    return looks.World(HOST)


def run(*words, timeout=180):
    try:
        p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Wrong("%s does not end" % " ".join(words)) from None
    return p.returncode, p.stdout


def must(*words):
    rc, out = run(*words)
    if rc:
        raise Wrong("%s: exit code %d: %s" % (" ".join(words), rc, out))
    return out


def pid_of(daemon):
    """Of the one that serves now, 0 while there is none."""
    try:
        with open(DAEMONS[daemon]) as f:
            pid = int(f.read())
        with open("/proc/%d/comm" % pid) as f:
            return pid if f.read().strip() == daemon[:15] else 0
    except (OSError, ValueError):
        return 0


def alive_pid(daemon):
    until(lambda: None if pid_of(daemon) else daemon + " is not started again")
    return pid_of(daemon)


def kill(daemon):
    os.kill(alive_pid(daemon), signal.SIGKILL)


def orphans(w):
    """What belongs to nobody."""
    ids = {str(r["id"]) for r in w.rows}
    vms = {w.node(r["id"], "vm") for r in w.rows}
    wrong = []
    wrong += ["/local/domain/" + d for d in w.children("/local/domain") - ids - {"0"}]
    wrong += ["/libxl/" + d for d in w.children("/libxl") - ids - {"0"}]
    wrong += ["/vm/" + v for v in w.children("/vm") if "/vm/" + v not in vms and v != "00000000-0000-0000-0000-000000000000"]
    for kind in w.children("/local/domain/0/backend"):
        wrong += ["backend/%s/%s" % (kind, d) for d in w.children("/local/domain/0/backend/" + kind) - ids]
    # A guest that was moved to this host from this host has a folder UUID-1.
    uuids = {w.value("%s/uuid" % v) for v in vms}
    wrong += ["note " + n for n in os.listdir(NOTES) if n[0] != "." and n not in uuids]
    return wrong


def settled(names):
    """Nothing, or why it is not so: these guests, one of each name, each in anel-domd's care, and no more."""
    try:
        w = look_now()
        if sorted(r["name"] or "(%d)" % r["id"] for r in w.rows) != sorted(names):
            return "guests %s, not %s" % ([(r["name"], r["id"], r["state"]) for r in w.rows], names)
        left = orphans(w)
        if left:
            return "nobody's: %s" % left
        care = looks.cared_for()
        return None if care == sorted(r["id"] for r in w.rows) else "in anel-domd's care: %s" % care
    except Wrong as e:
        return str(e)


def config(name, **more):
    lines = ['name="%s"' % name, 'type="pv"', 'kernel="%s"' % more.pop("kernel", "/run/idle"), "memory=%d" % more.pop("memory", 32),
             "vcpus=1", "maxvcpus=2"] + ['%s="%s"' % m for m in more.items()]
    path = "/run/%s.cfg" % name
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


def said(name, words, at):
    """Nothing, if the guest has said it on its console since."""
    try:
        with open("/var/log/xen/console/guest-%s.log" % name, "rb") as f:
            f.seek(at)
            return None if words.encode() in f.read() else "%s has not said %r" % (name, words)
    except OSError as e:
        return str(e)


def log_size(name):
    try:
        return os.path.getsize("/var/log/xen/console/guest-%s.log" % name)
    except OSError:
        return 0


def make(name, ready=READY, **more):
    at = log_size(name)
    must("anel", "create", "-q", config(name, **more))
    if ready:
        until(lambda: said(name, ready, at))


class Verb:
    """A verb, and what comes before it. names(done): the guests that there are when it is done, or when nothing of it is."""
    guests = ("k",)         # made at first
    linux = False
    memory = 96             # of a guest of Linux, MiB

    def __init__(self):
        self.turn = 0

    def open(self):
        for g in self.guests:
            if self.linux:
                make(g, "here is a shell", kernel="/boot/vmlinuz", ramdisk="/boot/guest-initrd", memory=self.memory, extra="console=hvc0")
            else:
                make(g)

    def close(self):
        for name in {r["name"] for r in look_now().rows}:
            must("anel", "destroy", name)

    def before(self):
        self.turn += 1

    def names(self, done):
        return self.guests


class Create(Verb):
    guests = ()

    def before(self):
        super().before()
        if look_now().guest("k"):
            must("anel", "destroy", "k")
        until(lambda: settled([]))
        self.path = config("k")

    def words(self):
        return "anel", "create", "-q", self.path

    def done(self, w):
        g = w.guest("k")
        return bool(g) and g["state"] == "running"

    def names(self, done):
        return ("k",) if done else ()


class Destroy(Verb):
    guests = ()
    ready = None

    def before(self):
        super().before()
        if not look_now().guest("k"):
            make("k", self.ready)

    def words(self):
        return "anel", "destroy", "k"

    def done(self, w):
        return not w.rows

    def names(self, done):
        return () if done else ("k",)


class Shutdown(Destroy):
    ready = READY

    def words(self):
        return "anel", "shutdown", "-w", "-w", "k"


class Reboot(Verb):
    guests = ()
    said_at = 0     # where the last start's words begin in the console's log

    def before(self):
        super().before()
        if look_now().guest("k"):
            until(lambda: said("k", READY, self.said_at))
        else:
            make("k")
        # As if it had run for an hour: what lived shortly is started again later.
        (note,) = [n for n in os.listdir(NOTES) if n[0] != "."]
        with open(os.path.join(NOTES, note)) as f:
            o = json.load(f)
        o["started"] -= 3600000
        with open(os.path.join(NOTES, note), "w") as f:
            json.dump(o, f)
        kill("anel-domd")
        until(lambda: settled(["k"]))
        self.old = look_now().guest("k")["id"]
        self.said_at = log_size("k")

    def words(self):
        return "anel", "reboot", "k"

    def done(self, w):
        g = w.guest("k")
        return bool(g) and g["id"] != self.old

    def names(self, done):
        return ("k",)


class Pause(Verb):
    def words(self):
        return "anel", ("unpause", "pause")[self.turn % 2], "k"

    def done(self, w):
        return bool(w.guest("k")) and (w.guest("k")["state"] == "paused") == (self.turn % 2 == 1)


class Rename(Verb):
    def names(self, done):
        return ("kk" if (self.turn % 2 == 1) == done else "k",)

    def words(self):
        return ("anel", "rename") + (("kk", "k"), ("k", "kk"))[self.turn % 2]

    def done(self, w):
        name = ("k", "kk")[self.turn % 2]
        return bool(w.guest(name)) and w.value(w.node(w.guest(name)["id"], "vm") + "/name") == name


class VcpuSet(Verb):
    def words(self):
        return "anel", "vcpu-set", "k", str(1 + self.turn % 2)

    def done(self, w):
        return w.of("k", "cpu/1/availability") == ("offline", "online")[self.turn % 2]


class MemSet(Verb):
    def words(self):
        return "anel", "mem-set", "k", "%dm" % (32 - self.turn % 2)

    def done(self, w):
        return w.of("k", "memory/target") == str((32 - self.turn % 2) << 10)


class Save(Verb):
    """And restore."""

    def words(self):
        return ("anel", "save", "k", SAVED) if self.turn % 2 else ("anel", "restore", "-q", SAVED)

    def before(self):
        super().before()
        if self.turn % 2 and os.path.exists(SAVED):
            os.unlink(SAVED)

    def done(self, w):
        return not w.rows and os.path.exists(SAVED) if self.turn % 2 else bool(w.guest("k"))

    def names(self, done):
        if self.turn % 2 and not done and os.path.exists(SAVED):
            raise Wrong("there are both the guest and its file")
        return () if (self.turn % 2 == 1) == done else ("k",)


class Migrate(Verb):
    options = ("--live",)

    def before(self):
        super().before()
        self.old = look_now().guest("k")["id"]

    def words(self):
        return ("anel", "migrate") + self.options + ("k", "localhost")

    def done(self, w):
        return bool(w.guest("k")) and w.guest("k")["id"] != self.old


class MigrateStill(Migrate):
    options = ()


class Block(Verb):
    linux = True

    def open(self):
        super().open()
        with open("/var/tmp/kills.img", "w") as f:
            f.truncate(16 << 20)

    def words(self):
        return ("anel", "block-attach", "k", "file:/var/tmp/kills.img,xvdb,w") if self.turn % 2 else ("anel", "block-detach", "k", "xvdb")

    def state(self, w):
        return w.of("k", "device/vbd/51728/state")

    def done(self, w):
        return self.state(w) == ("4" if self.turn % 2 else None)


class BlockQcow2(Block):
    def open(self):
        super().open()
        must("qemu-img", "create", "-q", "-f", "qcow2", "/var/tmp/kills.qcow2", "16M")

    def words(self):
        return ("anel", "block-attach", "k", "format=qcow2,vdev=xvdb,access=rw,target=/var/tmp/kills.qcow2") if self.turn % 2 else super().words()


class Network(Verb):
    linux = True
    memory = 512            # Linux 6.1 loses 1 MiB with each card that goes, on Debian's Xen as here

    def words(self):
        return ("anel", "network-attach", "k", "bridge=xenbr0") if self.turn % 2 else ("anel", "network-detach", "k", "0")

    def done(self, w):
        return w.of("k", "device/vif/0/state") == ("4" if self.turn % 2 else None)


VERBS = {"create": Create, "destroy": Destroy, "shutdown": Shutdown, "reboot": Reboot, "pause": Pause, "rename": Rename, "vcpu-set": VcpuSet,
         "mem-set": MemSet, "save": Save, "migrate-live": Migrate, "migrate": MigrateStill, "block": Block, "block-qcow2": BlockQcow2,
         "network": Network}


def outcome(verb):
    """Waits until all is quiet; has the verb's work been done?"""
    last = []

    def look():
        w = look_now()
        done = verb.done(w)
        last[:] = [done]
        return settled(verb.names(done))

    until(look)
    return last[0]


def complete(verb):
    def look():
        w = look_now()
        return None if verb.done(w) else "%s: it is told to be done and is not: %s" % (" ".join(verb.words()), w.rows)

    until(look)
    until(lambda: settled(verb.names(True)))


def once(verb, victim=None, delay=0, mark=None):
    """The verb, with the victim killed so many seconds after its start. Was it refused?"""
    verb.before()
    if mark:
        HOST.store.write(MARK, mark)
    if victim:
        pid = alive_pid(victim)
    p = subprocess.Popen(verb.words(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if victim:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    try:
        out = p.communicate(timeout=180)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        raise Wrong("%s does not end" % " ".join(verb.words())) from None
    refused = p.returncode != 0
    if refused and not victim:
        raise Wrong("%s: exit code %d: %s" % (" ".join(verb.words()), p.returncode, out))
    if refused:
        # All of it or nothing of it; and then it can be had.
        done = outcome(verb)
        if not done:
            must(*verb.words())
    complete(verb)
    if mark and HOST.store.read(MARK) != mark:
        raise Wrong("what was written before %s is lost" % " ".join(verb.words()))
    return (out.strip() or "exit code %d" % p.returncode) if refused else None


def measured(verb):
    """Seconds that it takes, without what comes before and after; the least of some, as a kill is to hit it."""
    best = 60
    for _ in range(4):
        verb.before()
        start = time.monotonic()
        must(*verb.words())
        if not isinstance(verb, Reboot):
            best = min(best, time.monotonic() - start)
        complete(verb)
        if isinstance(verb, Reboot):
            best = min(best, time.monotonic() - start)
    return best


def kept():
    """Free frames apart, what must be as before once no guest is left."""
    things = {}
    for d in DAEMONS:
        things[d] = len(os.listdir("/proc/%d/fd" % alive_pid(d)))
    lines = [line.split(None, 2) for line in must("ps", "-eo", "pid,ppid,comm").splitlines()[1:]]
    names = [comm for pid, ppid, comm in lines if ppid != "2" and int(ppid) != os.getpid()]
    things["processes"] = dict(collections.Counter(names))
    things["loop devices"] = must("losetup", "-nO", "NAME,BACK-FILE")
    things["cards"] = [n for n in os.listdir("/sys/class/net") if n.startswith("vif")]
    things["images"] = [n for n in os.listdir("/sys/block") if n.startswith("nbd") and os.path.exists("/sys/block/%s/pid" % n)]
    return things


def memory():
    """Who has it: what the hypervisor says of its heap, its tables and its domains."""
    must("anel", "dmesg", "-c")
    must("anel", "debug-keys", "mq")
    return [line for line in must("anel", "dmesg").splitlines() if "heap:" in line or "pages" in line or "frames" in line]


def staying():
    """Frames that the hypervisor took for tables which it keeps: no more than RAM and addresses need. Debian's Xen tells of none."""
    return sum(int(n) for line in memory() for n in re.findall(r"([0-9]+) (?:frames of the machine|of the vmap)", line))


def differ(had):
    now = memory()
    return "\n".join(["- " + w for w in had if w not in now] + ["+ " + w for w in now if w not in had])


def consoles_closed():
    """Nothing, or a guest's log that anel-consoled still has: it hears of a guest's end when its turn comes."""
    folder = "/proc/%d/fd" % alive_pid("anel-consoled")
    for fd in os.listdir(folder):
        try:
            if "/guest-" in os.readlink(os.path.join(folder, fd)):
                return "anel-consoled has a guest's log open"
        except OSError:
            pass    # closed since
    return None


def frames():
    last = -1
    for _ in range(100):
        now = HOST.frames()
        if now == last:
            return now
        last = now
        time.sleep(0.1)
    return last


def quiet(before):
    now = {}

    def look():
        now.update(kept())
        differ = {k: (before[k], now[k]) for k in before if now[k] != before[k]}
        return None if not differ else "before and after: %s" % differ

    until(look)


def work(name, kills, rng):
    verb = VERBS[name]()
    started = time.monotonic()
    until(lambda: settled([]))
    # Once with all that there is, for what is taken for good.
    verb.open()
    length = measured(verb)
    for d in DAEMONS:
        kill(d)
    verb.close()
    until(lambda: settled([]) or consoles_closed())
    before, had, stay, free = kept(), memory(), staying(), frames()
    verb.turn = 0
    verb.open()
    hit, refusals = 0, []
    for i in range(kills):
        victim, delay = list(DAEMONS)[i % len(DAEMONS)], rng.random() * length
        try:
            said = once(verb, victim, delay, "%s-%d" % (name, i))
        except Wrong as e:
            raise Wrong("kill %d, %s %.3f s after the start of %s (which takes %.3f): %s"
                        % (i, victim, delay, " ".join(verb.words()), length, e)) from e
        hit += 1
        if said:
            refusals.append("%s: %s" % (victim, said))
    verb.close()
    until(lambda: settled([]))
    quiet(before)
    few = 2 + kills // 50

    def lost():
        # What is still on its way back comes; what is lost never does.
        left = free - HOST.frames()
        left -= staying() - stay if left > few else 0
        return "%s: %d frames are lost" % (name, left) if left > few else None

    try:
        until(lost)
    except Wrong as e:
        raise Wrong("%s\n%s" % (e, differ(had))) from None
    left = free + stay - frames() - staying()
    print("%s: %d kills, %d refused, it takes %.3f s, all %.0f s, %d frames"
          % (name, hit, len(refusals), length, time.monotonic() - started, left), flush=True)
    for text, n in collections.Counter(refusals).most_common(8):
        print("    %d times %s" % (n, text), flush=True)


def story():
    for words in (("anel", "list"), ("xenstore-ls", "-f"), ("anel-ctl", "anel-domd", "guests")):
        print("$ %s\n%s" % (" ".join(words), run(*words)[1]))
    for d in DAEMONS:
        print("$ %s's log\n%s" % (d, run("tail", "-n", "15", "/var/log/%s.log" % d)[1]))
    for path in glob.glob("/var/log/xen/console/guest-*.log"):
        print("$ %s\n%s" % (path, run("tail", "-n", "120", path)[1]))
    print("$ the hypervisor's log\n%s" % "\n".join(run("anel", "dmesg")[1].splitlines()[-20:]))


def main():
    kills, seed, verbs = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    for name in verbs:
        try:
            work(name, kills, random.Random(seed + name))
        except Wrong as e:
            print("%s: WRONG: %s" % (name, e))
            story()
            sys.exit(1)


main()
