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


def checked(header, place):
    """With the sum of its bytes there."""
    return header[:place] + struct.pack(">I", ~sum(header) & 0xffffffff) + header[place + 4:]


def footer(size, kind, at):
    return checked(struct.pack(">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x10000, at, 0, b"qem2", 0x50003, b"Wi2k", size, size,
                               size // 512 // 4 // 17, 4, 17, kind).ljust(512, b"\0"), 64)


def vhd(path, size=8 << 20):
    """A fixed one: its bytes, and a footer."""
    with open(path, "wb") as f:
        f.truncate(size)
        f.seek(size)
        f.write(footer(size, 2, (1 << 64) - 1))
    return path


def dynamic_vhd(path, size=8 << 20, block=2 << 20):
    """Its footer, a header, the table of blocks, of which none is there, and the footer again."""
    header = struct.pack(">8sQQIII", b"cxsparse", (1 << 64) - 1, 1536, 0x10000, size // block, block).ljust(1024, b"\0")
    with open(path, "wb") as f:
        f.write(footer(size, 3, 512) + checked(header, 36) + b"\xff" * 512 + footer(size, 3, 512))
    return path
