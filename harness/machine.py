# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine in QEMU with a hypervisor and dom0 on it, and a way to run commands in that dom0."""
import base64
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMAGES = os.path.join(TOP, "build/images")
PEER = bool(os.environ.get("ANEL_PEER"))
# Whose store and console daemons dom0 runs: debian, or anel for ours, with the guests' daemon.
TOOLS = os.environ.get("ANEL_TOOLS") or "debian"
# Under emulation on a busy machine everything may take several times longer, and on Debian's Xen from the start.
SLOW = float(os.environ.get("ANEL_SLOW", "3" if PEER else "1"))
# Debian's Xen loses dom0 with SMAP on under QEMU 7.2; Anel must not.
PEER_CPU = "max,smap=off,smep=off,rdtscp=off,pku=off"
# QEMU's XSAVE and XRSTOR do not trap when CR0.TS is set: with vector registers that Debian's Xen gives to a vCPU when it first uses them,
# a process of a PV guest, or of dom0, at times goes on with another's.
PEER_WORDS = "spec-ctrl=eager-fpu"


class Failed(Exception):
    """A command in dom0 ended with another code than 0."""


class Dead(Exception):
    """The machine does not answer, or is gone."""


def hypervisor():
    """What a machine boots that is not told otherwise."""
    return os.path.join(IMAGES, "peer-xen") if PEER else os.path.join(TOP, "build/hypervisor/anel")


class Machine:
    """Boots at once. Disks are thrown-away copies of the images; the serial console is logged."""

    def __init__(self, name, smp=2, mem="3G", cpu=None, append="", kernel_args="", dom0_mem="1G", init="fast",
                 disk="virtio", net=None, firmware="direct", iso=None, reboots=False, extra=(),
                 next_kernel=False, boot_timeout=180, wait=True, agent=True, kernel=None, tools=None, by_instructions=False):
        # One nanosecond an instruction: what time a thing takes does not depend on what else the host does. One CPU, for with more of
        # them QEMU loses timers.
        if by_instructions:
            smp, boot_timeout = 1, max(boot_timeout, 900)
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="anel-%s-" % name)
        self.log_path = os.path.join(os.environ.get("ANEL_LOGS", self.dir), name + ".log")
        os.makedirs(os.path.dirname(self.log_path), exist_ok=True)
        open(self.log_path, "wb").close()
        self._answers, self._events, self._next = {}, threading.Condition(), 1
        self._arrived = []
        self._ready = False
        self._agent = None
        self.serial = None
        words = "console=com1 com1=115200,8n1 dom0_mem=%s,max:%s %s %s" % (dom0_mem, dom0_mem, PEER_WORDS if PEER else "", append)
        kwords = "console=hvc0 root=LABEL=anel-dom0 anel.agent anel.tools=%s %s %s" % (
            tools or TOOLS, "init=/usr/lib/anel/init" if init == "fast" else "", kernel_args)
        # A thread per CPU, many more than the host has, wait for one lock of QEMU's for seconds: one thread takes them in turn.
        accel = "tcg,thread=single" if smp > 16 else "tcg"
        cmd = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", accel, "-cpu",
               cpu or (PEER_CPU if PEER else "max"), "-smp", str(smp), "-m", mem, "-nodefaults", "-display", "none",
               "-chardev", "socket,id=serial,path=%s,server=on,wait=on" % self._path("serial"),
               "-serial", "chardev:serial"]
        if not reboots:
            cmd += ["-no-reboot"]
        if by_instructions:
            cmd += ["-icount", "shift=0"]
        if agent:
            cmd += ["-device", "virtio-serial-pci", "-chardev",
                    "socket,id=agent,path=%s,server=on,wait=off" % self._path("agent"),
                    "-device", "virtserialport,chardev=agent,name=org.anel.agent"]
        cmd += self._disks(disk)
        if net:
            cmd += ["-nic", "user,model=" + net]
        if firmware == "direct":
            names = ("next-vmlinuz", "next-initrd") if next_kernel else ("vmlinuz", "dom0-initrd")
            cmd += ["-kernel", kernel or hypervisor(), "-append", words,
                    "-initrd", "%s/%s %s,%s/%s" % (IMAGES, names[0], kwords, IMAGES, names[1])]
        else:
            if firmware == "uefi":
                cmd += ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd"]
            cmd += ["-cdrom", iso or make_iso(self._path("iso"), words, kwords)]
        cmd += list(extra)
        self.command = cmd
        self.started = time.monotonic()
        self.qemu = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     cwd=self.dir)
        try:
            self.serial = self._connect("serial")
            self._drainer = threading.Thread(target=self._drain, daemon=True)
            self._drainer.start()
            if agent:
                self._agent = self._connect("agent")
                threading.Thread(target=self._listen, daemon=True).start()
                if wait:
                    self.wait_ready(boot_timeout)
        except BaseException:
            self.close()
            raise

    def _path(self, name):
        return os.path.join(self.dir, name)

    @staticmethod
    def _disks(kind):
        args = []
        for i, name in enumerate(("dom0", "guest")):
            drive = "id=d%d,file=%s/%s.img,format=raw,snapshot=on" % (i, IMAGES, name)
            if kind == "virtio":
                args += ["-drive", drive + ",if=virtio"]
            elif kind == "ahci":
                args += ["-drive", drive + ",if=none"]
                if i == 0:
                    args += ["-device", "ahci,id=ahci"]
                args += ["-device", "ide-hd,drive=d%d,bus=ahci.%d" % (i, i)]
            elif kind == "nvme":
                args += ["-drive", drive + ",if=none", "-device", "nvme,serial=anel%d,drive=d%d" % (i, i)]
            elif kind == "none":
                pass
            else:
                raise ValueError(kind)
        return args

    def _connect(self, name):
        s = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                s.connect(self._path(name))
                return s
            except OSError:
                if self.qemu.poll() is not None:
                    break
                time.sleep(0.05)
        raise Dead("QEMU did not start: %s" % self.qemu.stdout.read().decode(errors="replace"))

    def _drain(self):
        """Logs the serial line. QEMU's own logfile has a character twice whenever its socket was full."""
        with open(self.log_path, "ab", buffering=0) as log:
            while True:
                try:
                    data = self.serial.recv(65536)
                except OSError:
                    return
                if not data:
                    return
                self._arrived.append((time.monotonic() - self.started, data.decode("latin1")))
                log.write(data)

    def _listen(self):
        rest = b""
        while True:
            try:
                data = self._agent.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            with self._events:
                for line in lines:
                    a = json.loads(line)
                    if a["id"] == 0:
                        self._ready = True
                    self._answers[a["id"]] = a
                self._events.notify_all()
        with self._events:
            self._events.notify_all()

    def alive(self):
        return self.qemu.poll() is None

    def _ended(self):
        """How QEMU ended, with what it said itself."""
        return "QEMU has ended (code %s) %s" % (self.qemu.wait(), self.qemu.stdout.read().decode(errors="replace").strip())

    def _wait(self, what, timeout, why):
        limit = time.monotonic() + timeout * SLOW
        with self._events:
            while not what():
                if not self.alive():
                    raise Dead("%s: %s; %s" % (why, self._ended(), self.tail()))
                left = limit - time.monotonic()
                if left <= 0:
                    raise Dead("%s: nothing within %d s; %s" % (why, timeout * SLOW, self.tail()))
                self._events.wait(min(left, 1))

    def wait_ready(self, timeout=180):
        def done():
            if not self._ready and "halting machine" in self.log():
                raise Dead("boot of %s: the machine was halted; %s" % (self.name, self.tail()))
            return self._ready

        self._wait(done, timeout, "boot of " + self.name)
        self.boot_seconds = time.monotonic() - self.started

    def try_run(self, command, timeout=60, stdin=b""):
        """(exit code, output) of a shell command in dom0; the code is None if it ran out of time."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        with self._events:
            n, self._next = self._next, self._next + 1
        ask = {"id": n, "cmd": command, "timeout": timeout * SLOW, "stdin": base64.b64encode(stdin).decode()}
        try:
            self._agent.sendall((json.dumps(ask) + "\n").encode())
        except OSError as e:
            raise Dead("%r: %s; %s" % (command, e, self.tail())) from e
        self._wait(lambda: n in self._answers, timeout + 30, repr(command))
        a = self._answers.pop(n)
        return a["rc"], base64.b64decode(a["out"]).decode(errors="replace")

    def run(self, command, timeout=60, stdin=b""):
        """Output of a shell command in dom0 that must succeed."""
        rc, out = self.try_run(command, timeout, stdin)
        if rc != 0:
            raise Failed("%r: %s\n%s" % (command, "out of time" if rc is None else "exit code %d" % rc, out))
        return out

    def put(self, path, data):
        self.run("cat >%s" % path, stdin=data)

    def until(self, command, want, timeout=30, every=0.5):
        """Repeats a command until the regular expression `want` is in what it prints; returns that output."""
        limit = time.monotonic() + timeout * SLOW
        while True:
            _, out = self.try_run(command, timeout)
            if re.search(want, out, re.M):
                return out
            if time.monotonic() > limit:
                raise Failed("%r never printed %r; last:\n%s" % (command, want, out))
            time.sleep(every)

    def log(self):
        """All that came out of the serial line."""
        if not self.alive():
            self._drainer.join(10)
        with open(self.log_path, errors="replace", newline="") as f:
            return f.read().replace("\r", "")

    def arrival(self, want):
        """Seconds from QEMU's start to the last character of what matches `want` on the serial line; None if it never came."""
        arrived = list(self._arrived)
        m = re.search(want, "".join(data for _, data in arrived))
        left = m.end() if m else 0
        for when, data in arrived if m else ():
            left -= len(data)
            if left <= 0:
                return when
        return None

    def tail(self, lines=40):
        return "end of the console:\n" + "\n".join(self.log().splitlines()[-lines:])

    def wait_log(self, want, timeout=60, start=0):
        """Waits for a regular expression on the serial line from character `start` on; returns the match."""
        limit = time.monotonic() + timeout * SLOW
        while True:
            gone = not self.alive()
            m = re.compile(want, re.M).search(self.log(), start)
            if m:
                return m
            if gone or time.monotonic() > limit:
                raise Dead("no %r on the console; %s; %s" % (want, self._ended() if gone else "out of time", self.tail()))
            time.sleep(0.2)

    def type(self, data):
        self.serial.sendall(data if isinstance(data, bytes) else data.encode())

    def wait_exit(self, timeout=90):
        try:
            return self.qemu.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise Dead("QEMU still runs; " + self.tail()) from None

    def power_off(self, timeout=90):
        """A clean power-off by dom0; QEMU must end by itself."""
        self.run("touch /run/anel-stop; (sleep 1; sync; echo o >/proc/sysrq-trigger) >/dev/null 2>&1 &")
        return self.wait_exit(timeout)

    def close(self):
        if self.alive():
            self.qemu.kill()
        self.qemu.wait()
        self.qemu.stdout.close()
        for s in (self.serial, self._agent):
            if s:
                s.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def make_iso(path, words, kernel_words):
    subprocess.run([os.path.join(TOP, "dom0/iso"), os.path.join(TOP, "build"), "--out", path, "--hypervisor",
                    hypervisor(), "--words", words, "--kernel-words", kernel_words], check=True, stdout=subprocess.DEVNULL)
    return path
