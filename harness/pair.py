# SPDX-License-Identifier: GPL-2.0-or-later
"""Two machines for moves between hosts: their bridges are one network, both write to a third disk, either's root may come to the
other by ssh."""
import os
import subprocess

from guests import put_tool
from machine import IMAGES, Machine

A, B = "10.0.0.1", "10.0.0.2"
DISK = "/dev/vdc"


def _options(folder, other):
    net = "stream,id=n,addr.type=unix,addr.path=%s/net,server=%s" % (folder, "off" if other else "on")
    return {"mem": "1100M", "dom0_mem": "512M", "tools": "anel", "wait": False, "extra": (
        "-netdev", net, "-device", "virtio-net-pci,netdev=n,mac=52:54:00:00:00:0%d" % (2 if other else 1),
        "-drive", "file=%s/shared.img,format=raw,file.locking=off,if=virtio" % folder)}


def _join(host, address):
    """Its card on the bridge, and what ssh needs."""
    host.run("ip addr flush dev xenbr0; ip addr add %s/24 dev xenbr0; ip link set eth0 master xenbr0; ip link set eth0 up" % address)
    host.run("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; mkdir -p /run/sshd /root/.ssh; chmod 700 /root/.ssh;"
             "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; /usr/sbin/sshd", 120)
    put_tool(host)


def _trust(host, other, address):
    host.run("cat >>/root/.ssh/authorized_keys; chmod 600 /root/.ssh/authorized_keys", stdin=other.run("cat /root/.ssh/id_ed25519.pub"))
    key = " ".join(other.run("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    host.run("cat >>/root/.ssh/known_hosts", stdin="%s %s\n" % (address, key))


class Pair:
    """hosts: those at A and at B, with our tools; DISK is a copy of the guests' disk. In an existing, empty folder."""

    def __init__(self, folder, name="pair", **options):
        self.hosts = []
        disk = os.path.join(IMAGES, "guest.img"), os.path.join(folder, "shared.img")
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", *disk], check=True)
        try:
            for other in (False, True):
                self.hosts.append(Machine("%s-%s" % (name, "ab"[other]), **_options(folder, other), **options))
            for m, address in zip(self.hosts, (A, B)):
                m.wait_ready()
                _join(m, address)
            _trust(self.hosts[0], self.hosts[1], B)
            _trust(self.hosts[1], self.hosts[0], A)
            self.hosts[0].run("ping -c 1 -W 20 %s" % B, 60)
        except BaseException:
            self.close()
            raise

    def close(self):
        for m in self.hosts:
            m.close()
