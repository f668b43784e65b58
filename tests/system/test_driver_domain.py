# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver domain: the back ends of a guest's disk and network card are in another domU, by xl."""
import os

import pytest

import machine
from guests import Guest, wait_gone

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.full
def test_driver_domain(boot):
    # A second copy of dom0's root, for the driver domain; the first is then named by its place.
    m = boot(kernel_args="root=/dev/vda", extra=["-drive", "file=%s/dom0.img,format=raw,snapshot=on,if=virtio" % machine.IMAGES])
    m.run("mount /dev/vdc /mnt")
    with open(os.path.join(HERE, "dom0/driver-init")) as f:
        m.put("/mnt/driver-init", f.read())
    m.run("chmod +x /mnt/driver-init; umount /mnt")
    disks = ", ".join('"format=raw,vdev=%s,access=rw,backendtype=phy,target=/dev/%s"' % d
                      for d in (("xvda", "vdc"), ("xvdb", "vdb")))
    driver = Guest(m, "driver", memory=256, extra="root=/dev/xvda init=/driver-init",
                   options=["driver_domain=1", "disk=[%s]" % disks]).create()
    assert driver.run("cat /proc/xen/capabilities").strip() == ""
    client = Guest(m, "client", extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.1.0.2",
                   disk="backend=driver,format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/xvdb",
                   options=['vif=["backend=driver,bridge=drvbr0"]']).create()
    domid = driver.domid()
    assert m.run("xenstore-read /local/domain/%d/device/vif/0/backend-id" % client.domid()).strip() == str(domid)
    client.run("ping -c 3 -W 5 10.1.0.1")
    client.run("dd if=/dev/zero of=/root/x bs=1M count=4 conv=fsync && sync && rm /root/x")
    # dom0 has no part in it: no interface and no back end of its own.
    assert "vif%d" % client.domid() not in m.run("ls /sys/class/net")
    assert "vif%d.0" % client.domid() in driver.run("ls /sys/class/net")
    client.destroy()
    driver.destroy()
    wait_gone(m)
