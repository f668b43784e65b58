# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of a host: their configuration, start and shell."""
import hashlib
import os
import re
import shlex
import subprocess
import tempfile

from machine import PEER, SLOW, TOP, Failed

LOG = "/var/log/xen/console/guest-%s.log"
# Debian's Xen does not follow a PV guest's writes: there a guest that moves is suspended for the whole time.
MOVE = "migrate" if PEER else "migrate --live"


class Guest:
    """A PV guest from Debian's kernel. Without a disk it is the initrd's shell; see dom0/initrd/init."""

    def __init__(self, host, name, memory=192, vcpus=1, extra="", disk=None, vif=False, options=(), kernel=True,
                 ramdisk="/boot/guest-initrd"):
        self.host, self.name = host, name
        lines = ['name="%s"' % name, 'type="pv"', "memory=%d" % memory, "vcpus=%d" % vcpus, 'on_crash="destroy"']
        if kernel:
            lines += ['kernel="/boot/vmlinuz"', 'ramdisk="%s"' % ramdisk,
                      'extra="console=hvc0 loglevel=5 %s"' % extra]
        if disk:
            lines.append('disk=["%s"]' % disk)
        if vif:
            lines.append('vif=["bridge=xenbr0"]')
        lines += list(options)
        self.config = "/run/%s.cfg" % name
        host.put(self.config, "\n".join(lines) + "\n")
        host.run("rm -f " + LOG % name)

    def create(self, ready=r"here is a shell|anel-guest: ready", flags="", timeout=120):
        self.host.run("xl create -q %s %s" % (flags, self.config), timeout)
        if ready:
            self.wait_console(ready, timeout)
        return self

    def wait_console(self, want, timeout=90):
        """Waits for a regular expression in what the guest has written to its console."""
        try:
            return self.host.until("cat " + LOG % self.name, want, timeout)
        except Failed:
            raise Failed("guest %s never wrote %r; its console:\n%s" % (self.name, want, self.console())) from None

    def console(self):
        return self.host.try_run("cat " + LOG % self.name)[1]

    def run(self, command, timeout=30):
        """Output of a command typed at the guest's shell, which must succeed."""
        return self.host.run("/usr/lib/anel/guest-run %s %s %d" % (self.name, shlex.quote(command), timeout * SLOW),
                             timeout + 20)

    def domid(self):
        return int(self.host.run("xl domid " + self.name))

    def row(self):
        """The guest's line of `xl list`: name, id, MiB, vcpus, state, seconds."""
        out = self.host.run("xl list " + self.name)
        name, domid, mem, vcpus, state, secs = out.splitlines()[1].split()
        return {"domid": int(domid), "mem": int(mem), "vcpus": int(vcpus), "state": state, "seconds": float(secs)}

    def destroy(self):
        self.host.run("xl destroy " + self.name, 90)


class AnelGuest(Guest):
    """The same made and ended by the tool `anel`, which put_tool() has put there."""

    def create(self, ready=r"here is a shell|anel-guest: ready", flags="", timeout=180):
        self.host.run("anel create -q %s %s" % (flags, self.config), timeout)
        if ready:
            self.wait_console(ready, timeout)
        return self

    def destroy(self):
        self.host.run("anel destroy " + self.name, 90)


def put_tool(host):
    """The tool as it is built now, once for each machine. If dom0's disk has that one, nothing is to be done."""
    if host.try_run("test -x /usr/local/bin/anel")[0]:
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(["strip", "-o", stripped.name, os.path.join(TOP, "build/cli/anel/anel")], check=True)
            tool = stripped.read()
        if host.run("sha256sum /usr/bin/anel").split()[0] != hashlib.sha256(tool).hexdigest():
            host.put("/usr/local/bin/anel", tool)
            host.run("chmod +x /usr/local/bin/anel")
    return host


def left_of(host, domid):
    """Nodes of a domain that is gone."""
    paths = host.run("xenstore-ls -f").splitlines()
    return [p for p in paths if re.search(r"^(/local/domain/%d|/libxl/%d|.*/backend/\w+/%d)\b" % (domid, domid, domid), p)]


def free_mib(host):
    return int(re.search(r"^free_memory\s*: (\d+)", host.run("xl info"), re.M).group(1))


def all_back(host, before, first_owned=0):
    """Is as much free as before? tests/system/test_life.py counts exactly; here a MiB may turn for what the hypervisor takes
    once when a domain first owns a part of the memory (a page of the M2P for each 2 MiB), more if they owned so many MiB."""
    return before - 1 - first_owned // 512 <= free_mib(host) <= before


def wait_gone(host, timeout=60):
    """Until dom0 and the shared guest are alone and no dying domain is left."""
    host.until("xl list | tail -n +2 | grep -vc -e '^Domain-0 ' -e '^shared '; true", r"^0$", timeout)
