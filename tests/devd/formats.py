# SPDX-License-Identifier: GPL-2.0-or-later
"""Empty images."""
import struct

CLUSTER = 65536


def qcow2(path, size=8 << 20, backing=0, features=0):
    """An empty image, version 3: its header, a table of reference counts, a block of them, the first table."""
    with open(path, "wb") as f:
        f.write(struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, backing, 0, 16, size, 0, 1, 3 * CLUSTER, CLUSTER, 1, 0, 0,
                            features, 0, 0, 4, 104))
        f.seek(CLUSTER)
        f.write(struct.pack(">Q", 2 * CLUSTER))
        f.seek(2 * CLUSTER)
        f.write(struct.pack(">4H", 1, 1, 1, 1))
        f.truncate(4 * CLUSTER)
    return path


def vhd(path, size=8 << 20):
    """A fixed one: its bytes, and a footer."""
    footer = struct.pack(">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x10000, (1 << 64) - 1, 0, b"qem2", 0x50003, b"Wi2k", size, size,
                         size // 512 // 4 // 17, 4, 17, 2)
    footer += struct.pack(">I", ~sum(footer) & 0xffffffff)
    with open(path, "wb") as f:
        f.truncate(size)
        f.seek(size)
        f.write(footer.ljust(512, b"\0"))
    return path
