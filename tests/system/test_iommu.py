# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines with an IOMMU: dom0's devices reach dom0's memory and what it is granted, and drivers notice nothing of it."""
import pytest

from guests import Guest
from test_boot import healthy, network, storage

UNITS = {"VT-d": ("-machine", "q35", "-device", "intel-iommu"),
         "AMD-Vi": ("-machine", "q35", "-device", "amd-iommu")}


@pytest.mark.parametrize("unit", UNITS)
def test_dom0_confined(boot, unit):
    """dom0's disk and network, and a guest's disk: the back end has the device write into the guest's own pages."""
    m = boot(disk="nvme", net="e1000e", append="iommu=verbose dom0-iommu=strict", extra=UNITS[unit])
    healthy(m, 2)
    assert "IOMMU: %s: 1 unit" % unit in m.log()
    storage(m, "nvme")
    network(m, "e1000e")
    g = Guest(m, "dma", extra="root=/dev/xvda init=/usr/lib/anel/init anel.ip=10.0.0.55", vif=True,
              disk="format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/nvme1n1").create()
    m.run("ping -c 3 -W 5 10.0.0.55", 60)
    g.run("dd if=/dev/urandom of=/blob bs=1M count=4 conv=fsync status=none; md5sum /blob >/sum; "
          "echo 3 >/proc/sys/vm/drop_caches; md5sum -c /sum", 90)
    g.destroy()
    assert m.log().count("blocked") == 0
