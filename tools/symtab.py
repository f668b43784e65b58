#!/usr/bin/env python3
"""Makes the hypervisor's table of function names (format: hypervisor/lib/symbols.h).

symtab.py empty OUT.c          a table without entries, for the first link
symtab.py table IMAGE OUT.c    the table of a linked image
symtab.py image IMAGE OUT      checks that IMAGE holds its own table, then writes it as a flat binary
"""
import re
import subprocess
import sys

GROUP = 16
HEAD = '/* made by tools/symtab.py */\n#include "lib/symbols.h"\n\n'


def functions(image):
    """Sorted (address, name) of the code symbols, one per address, and the end of the code."""
    at, end = {}, 0
    out = subprocess.run(["nm", "-n", "--defined-only", image], check=True, capture_output=True, text=True).stdout
    sizes = subprocess.run(["nm", "-S", "--defined-only", image], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        addr, kind, name = line.split()[:3]
        # Code below the kernel half is start-up code that runs before there is anything to report with.
        if kind in "tTwW" and not name.startswith((".", "$")) and int(addr, 16) >= 1 << 63:
            known = at.get(int(addr, 16))
            if known is None or (known.startswith("_") and not name.startswith("_")):
                at[int(addr, 16)] = name
    for line in sizes.splitlines():
        f = line.split()
        if len(f) == 4 and f[2] in "tTwW":
            end = max(end, int(f[0], 16) + int(f[1], 16))
    if at:
        end = max(end, max(at) + 1)
    return sorted(at.items()), end


def render(entries, end):
    base = entries[0][0] if entries else 0
    names, groups, pos = [], [], 0
    for i, (_, name) in enumerate(entries):
        if i % GROUP == 0:
            groups.append(pos)
        names.append(name)
        pos += len(name) + 1
    text = [HEAD]
    text.append("static const uint32_t offsets[] = {\n%s};\n" %
                "".join("\t%#x,\n" % (a - base) for a, _ in entries) if entries else "")
    text.append("static const uint32_t groups[] = {\n%s};\n" % "".join("\t%d,\n" % g for g in groups)
                if entries else "")
    text.append("static const char names[] =\n%s;\n\n" % "\n".join('\t"%s\\0"' % n for n in names)
                if entries else "")
    if entries:
        text.append("const struct symtab symtab = {\n\t.base = %#xul,\n\t.end = %#xul,\n\t.count = %d,\n"
                    "\t.offset = offsets,\n\t.groups = groups,\n\t.names = names,\n};\n" %
                    (base, end, len(entries)))
    else:
        text.append("const struct symtab symtab = { .count = 0 };\n")
    return "".join(text)


def check(image, table):
    """The table was made from another link: refuse it if a function has moved since."""
    with open(table) as f:
        text = f.read()
    base = int(re.search(r"\.base = (0x[0-9a-f]+)", text).group(1), 16)
    offsets = re.search(r"offsets\[\] = \{(.*?)\};", text, re.S).group(1)
    names = re.findall(r'^\t"([^"]+)\\0"', text, re.M)
    had = {(base + int(o, 16), n) for n, o in zip(names, re.findall(r"0x[0-9a-f]+|\b0\b", offsets))}
    moved = [n for a, n in functions(image)[0] if (a, n) not in had]    # static functions may share a name
    if moved:
        sys.exit("symtab: the table moved the code (%d functions, first %s): the linker script must place "
                 ".rodata after .text" % (len(moved), moved[0]))


def main(argv):
    if argv[1] == "empty":
        text = render([], 0)
    elif argv[1] == "table":
        text = render(*functions(argv[2]))
    elif argv[1] == "image":
        check(argv[2], argv[2].rsplit("/", 1)[0] + "/symtab.c")
        subprocess.run(["objcopy", "-O", "binary", argv[2], argv[3]], check=True)
        return
    else:
        sys.exit(__doc__)
    with open(argv[-1], "w") as f:
        f.write(text)


if __name__ == "__main__":
    main(sys.argv)
