# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of the fuzzers' corpora: small well-formed inputs, made here rather than kept as files."""
import bz2
import gzip
import lzma
import random
import shutil
import struct
import subprocess

TEXT = b"".join(b"%d bottles of grapefruit juice on the wall, " % (i % 37) for i in range(200))


def elf(more=()):
    note = b""
    for kind, desc in ((1, struct.pack("<Q", 0xffffffff81000000)), (6, b"linux\0\0\0"), (9, b"yes\0"),
                       (10, b"!writable_page_tables|pae_pgdir_above_4gb\0\0\0"), (15, struct.pack("<Q", 0xffffffff80000000)), *more):
        note += struct.pack("<III", 4, len(desc), kind) + b"Xen\0" + desc
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x1000000, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    data = 64 + 3 * 56
    phdrs = struct.pack("<IIQQQQQQ", 1, 5, data, 0xffffffff81000000, 0x1000000, len(note), 0x2000, 0x1000)
    phdrs += struct.pack("<IIQQQQQQ", 1, 6, data, 0xffffffff81200000, 0x1200000, 16, 0x1000, 0x1000)
    phdrs += struct.pack("<IIQQQQQQ", 4, 4, data, 0, 0, len(note), len(note), 4)
    return head + phdrs + note


def bzimage(payload):
    setup = bytearray(1024)
    setup[0x1f1] = 1
    setup[0x1fe:0x200] = b"\x55\xaa"
    setup[0x202:0x208] = b"HdrS\x0f\x02"
    struct.pack_into("<II", setup, 0x248, 0, len(payload))
    return bytes(setup) + payload


def tool(*command, data=TEXT):
    """A packer of Debian's, where it is there; the fuzzer finds its way without."""
    if not shutil.which(command[0]):
        return b""
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def packed():
    yield 0, gzip.compress(TEXT, 9)
    yield 0, gzip.compress(TEXT, 0)
    yield 0, gzip.compress(random.Random(1).randbytes(300) + TEXT, 6)
    yield 1, lzma.compress(TEXT, lzma.FORMAT_ALONE)
    for check in (lzma.CHECK_CRC32, lzma.CHECK_NONE):
        for filters in ([{"id": lzma.FILTER_LZMA2}], [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "lc": 0, "lp": 2}]):
            yield 2, lzma.compress(TEXT, lzma.FORMAT_XZ, check, filters=filters)
    yield 2, lzma.compress(random.Random(2).randbytes(500), lzma.FORMAT_XZ)
    yield 3, tool("lz4", "-l", "-9", "-c")
    for level in ("-1", "-19", "--ultra"):
        yield 4, tool("zstd", level, "-c")
    yield 4, tool("zstd", "--no-check", "-3", "-c")


def kernels():
    """PV kernels as the domain builder wants them, in each packing that there is a tool for."""
    base = struct.pack("<Q", 0xffffffff80000000)
    inside = elf(((5, b"xen-3.0\0"), (3, base), (15, struct.pack("<Q", 0xffff888000000000)), (2, struct.pack("<Q", 0xffffffff81001000))))
    plain = elf(((5, b"xen-3.0\0"), (3, base), (15, struct.pack("<Q", 1 << 39)), (16, b"\1\0\0\0")))
    packed_ones = [gzip.compress(plain), bz2.compress(plain), lzma.compress(plain, lzma.FORMAT_ALONE), lzma.compress(plain),
                   tool("lz4", "-l", "-c", data=plain), tool("zstd", "-c", data=plain)]
    return [plain, inside, bzimage(plain)] + packed_ones + [bzimage(p + struct.pack("<I", len(plain))) for p in packed_ones]


def multiboot1():
    m = bytearray(2048)
    struct.pack_into("<IIIIIIIIIIIII", m, 0, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12 | 1, 640, 65536, 0, 0x200, 2, 0x300,
                     0, 0, 0, 0, 72, 0x400)
    struct.pack_into("<I", m, 64, 0x280)
    struct.pack_into("<QIIIBB", m, 88, 0xb8000, 160, 80, 25, 16, 2)
    m[0x200:0x220] = b"/boot/anel console=com1 loglvl=x"
    m[0x280:0x284] = b"qemu"
    struct.pack_into("<IIIIIIII", m, 0x300, 0x300000, 0x300800, 0x200, 0, 0x301000, 0x302000, 0, 0)
    for i, entry in enumerate(((0x100000, 0x700000, 1), (0, 0x9fc00, 1), (0x700000, 0x200000, 2))):
        struct.pack_into("<IQQI", m, 0x400 + 24 * i, 20, *entry)
    return b"\1" + bytes(m) + bytes(4096)


def multiboot2():
    def tag(kind, body):
        t = struct.pack("<II", kind, 8 + len(body)) + body
        return t + bytes(-len(t) % 8)

    tags = tag(1, b"console=com1\0") + tag(2, b"GRUB 2.06\0") + tag(3, struct.pack("<II", 0x300000, 0x380000) + b"x quiet\0")
    tags += tag(6, struct.pack("<IIQQIIQQII", 24, 0, 0x100000, 0x700000, 1, 0, 0x800000, 0x8000, 4, 0))
    tags += tag(4, struct.pack("<II", 640, 65536)) + tag(12, struct.pack("<Q", 0x400))
    tags += tag(8, struct.pack("<QIIIBBHBBBBBB", 0x80000000, 3200, 800, 600, 32, 1, 0, 16, 8, 8, 8, 0, 8))
    tags += tag(14, b"RSD PTR " + bytes(12)) + tag(15, b"RSD PTR " + bytes(28)) + tag(0, b"")
    m = bytearray(0x600)
    m[0:len(tags) + 8] = struct.pack("<II", len(tags) + 8, 0) + tags
    m[0x400:0x408] = b"IBI SYST"
    struct.pack_into("<QQ", m, 0x400 + 104, 1, 0x500)
    m[0x500:0x510] = b"\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81"
    struct.pack_into("<Q", m, 0x510, 0x580)
    return b"\0" + bytes(m)


def acpi():
    base, out, offsets = 0xe0000, bytearray(256), []

    def table(name, body):
        offsets.append(base + len(out))
        out.extend(struct.pack("<4sIBB6s8sIII", name, 36 + len(body), 1, 0, b"anel", b"fuzz", 1, 1, 1) + body)

    table(b"APIC", struct.pack("<II", 0xfee00000, 1) + b"".join(struct.pack("<BBBBI", 0, 8, i, i, 1) for i in range(4)) +
          struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0) + struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0xf) +
          struct.pack("<BBHQ", 5, 12, 0, 0xfee00000) + struct.pack("<BBHIII", 9, 16, 0, 300, 1, 9))
    table(b"FACP", bytes(76) + struct.pack("<I", 1 << 10 | 1 << 8) + struct.pack("<BBBBQ", 1, 8, 0, 1, 0xcf9) + b"\6" + bytes(115))
    table(b"HPET", bytes(4) + struct.pack("<BBBBQ", 0, 64, 0, 0, 0xfed00000) + bytes(4))
    table(b"MCFG", bytes(8) + struct.pack("<QHBBI", 0xb0000000, 0, 0, 255, 0))
    table(b"SRAT", bytes(12) + struct.pack("<BBBBIBBBBI", 0, 16, 0, 1, 1, 0, 0, 0, 0, 0) +
          struct.pack("<BBIHQQIIQ", 1, 40, 1, 0, 0, 1 << 30, 0, 1, 0) + struct.pack("<BBHIIIII", 2, 24, 0, 1, 300, 1, 0, 0))
    table(b"SLIT", struct.pack("<Q", 2) + b"\x0a\x14\x14\x0a")
    table(b"DMAR", bytes(12) + struct.pack("<HHBBHQ", 0, 24, 0, 0, 0, 0xfed90000) + struct.pack("<BBHBBBB", 1, 8, 0, 0, 0, 2, 0) +
          struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xfed91000) +
          struct.pack("<HHHHQQ", 1, 32, 0, 0, 0x7000, 0x8fff) + struct.pack("<BBHBBBB", 1, 8, 0, 0, 0, 29, 0))
    table(b"IVRS", bytes(12) + struct.pack("<BBHHHQHHI", 16, 0, 44, 2, 64, 0xfed80000, 0, 0, 0) +
          bytes((3, 0, 0, 0, 4, 255, 1, 0, 66, 8, 2, 0, 0, 0, 2, 0, 72, 0, 0, 0)) + bytes((3, 160, 0, 1)) +
          struct.pack("<BBHHHQQQ", 33, 1, 32, 16, 0, 0, 0x100000, 0x2000))
    tables = list(offsets)
    table(b"RSDT", b"".join(struct.pack("<I", t) for t in tables))
    table(b"XSDT", b"".join(struct.pack("<Q", t) for t in tables))
    out[0:36] = struct.pack("<8sB6sBIIQB3s", b"RSD PTR ", 0, b"anel", 2, offsets[-2], 36, offsets[-1], 0, b"")
    return bytes(out)


def stream():
    """A saved guest of two frames as xl writes it, and what goes to another host, of which the page table comes twice."""
    def rec(kind, body):
        return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)

    pages = rec(1, struct.pack("<IIQQ", 2, 0, 1 << 60, 1) + struct.pack("<Q", 1 << 12 | 1) + bytes(8184))
    image = (b"\xff" * 8 + b"XENF" + struct.pack(">IHHI", 3, 0, 0, 0) + struct.pack("<IHHII", 1, 12, 0, 4, 17) +
             rec(17, bytes(24)) + rec(2, struct.pack("<BBHI", 8, 4, 0, 0)) + rec(16, b"") + rec(3, struct.pack("<IIQ", 0, 1, 1)) +
             pages + rec(0x80616e72, b"") + pages + rec(8, bytes(24)) + rec(7, bytes(4096)) +
             rec(4, bytes(8 + 5168)) + rec(5, bytes(8 + 112)) + rec(6, bytes(8 + 832)) + rec(12, bytes(8 + 16)) + rec(0, b""))
    bare = b"LibxlFmt" + struct.pack(">II", 2, 0) + rec(1, b"") + image + rec(0, b"")
    config = b'{"c_info": {"name": "a"}}'
    config = struct.pack("<I", len(config)) + config
    yield b"\1" + b"Xen saved domain, xl format\n \0 \r" + struct.pack("<IIII", 0x01020304, 3, 0, len(config)) + config + bare
    yield b"\0" + bare


def programs():
    """For those whose input is a list of steps: any bytes are one."""
    for seed in range(12):
        r = random.Random(seed)
        yield r.randbytes(100 + 400 * (seed % 4))


def seeds(name):
    """The bytes of each seed of a fuzzer."""
    if name == "elf":
        return [elf(), bzimage(elf()), bzimage(gzip.compress(TEXT))]
    if name == "kernel":
        return kernels()
    if name == "unpack":
        return [bytes([which, 0xff]) + data for which, data in packed()] + [b"\5\xff" + data for _, data in packed()]
    if name == "stream":
        return list(stream())
    if name == "save":
        return list(stream()) + [b"\0" + p for p in programs()]
    if name == "boot":
        return [multiboot1(), multiboot2()]
    if name == "acpi":
        return [acpi()]
    if name == "cmdline":
        return [b'console=com1,vga dom0_mem=1G,max:1024M no-x nosmap "a b"=c a-b=0x10k -- quiet', b'"', b"=", b"a_b=off"]
    return list(programs())
