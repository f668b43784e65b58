# SPDX-License-Identifier: GPL-2.0-or-later
"""sections.py CORE: the sections of an ELF core of the hypervisor's tools, and a digest of what each holds."""
import hashlib
import json
import struct
import sys


def main(path):
    with open(path, "rb") as f:
        head = f.read(64)
        offset, = struct.unpack_from("<Q", head, 40)
        size, n, names = struct.unpack_from("<HHH", head, 58)
        f.seek(offset)
        heads = [struct.unpack("<IIQQQQIIQQ", f.read(size)) for _ in range(n)]
        f.seek(heads[names][4])
        strings = f.read(heads[names][5])
        found = {"ELF": (head[:16].hex(),) + struct.unpack_from("<HHI", head, 16)}
        for h in heads:
            name = strings[h[0]:strings.index(b"\0", h[0])].decode()
            f.seek(h[4])
            digest, left = hashlib.md5(), h[5] if h[1] not in (0, 3) else 0
            while left:
                piece = f.read(min(left, 1 << 20))
                digest.update(piece)
                left -= len(piece)
            # The table of names may have another order.
            found[name] = {"type": h[1], "flags": h[2], "size": h[5] if h[1] != 3 else None, "entry": h[9], "digest": digest.hexdigest()}
    print(json.dumps(found))


main(sys.argv[1])
