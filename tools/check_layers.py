#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may know whom, checked on the real include graph. Rules: ARCHITECTURE.md, "Layers".

 - In the hypervisor a folder includes only itself and folders left of it in LAYERS.
 - boot/ may include lib and x86; others see of it only BOOT_PUBLIC, whose own includes are lib's.
 - pv and hvm, svm and vmx never include each other. debug/ and release/ are seen by nobody.
 - A header named NAME_priv.h is seen only by its folder's NAME.c and NAME_*.c.
 - abi/ includes freestanding and public Xen headers; the hypervisor those, abi/ and itself.
 - Dom0's libraries stand in libs/deps, lowest first: each includes abi/, itself and those before it. A daemon includes abi/,
   libraries and itself, no other daemon; a program of cli/ likewise. daemons/apid makes no hypercall (DENIED); cli/xe knows the
   XenAPI alone. The hypervisor knows none of them.
 - Nothing includes tests/; tests/guest sees only abi/, freestanding and Xen headers and itself.
 - No include cycle. Every header compiles alone (with --headers, which needs a configured build).
Exceptions stand in tools/layers_exceptions.txt, one "FROM TO" a line; one that is not needed is an error.
"""
import json
import os
import re
import shlex
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYERS = ["lib", "x86", "mem", "domain", "sched", "gmem", "svm", "vmx", "pv", "hvm", "hypercall", "init"]
BOOT_PUBLIC = {"boot/boot.h", "boot/image.h", "boot/cmdline.h"}
NEVER = {("pv", "hvm"), ("hvm", "pv"), ("svm", "vmx"), ("vmx", "svm")}
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "stdalign.h", "stdnoreturn.h", "limits.h", "float.h",
                "iso646.h", "cpuid.h"}
# Libraries that a program must not see.
DENIED = {"daemons/apid": {"hcall"}, "cli/xe": {"hcall", "store", "build", "stream", "device", "vm"}}
USER_SPACE = ("libs", "daemons", "cli")
USER_SPACE_TESTS = ("tests/store", "tests/build", "tests/console", "tests/domd", "tests/devd")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def sources(folder):
    for root, _, names in os.walk(os.path.join(TOP, folder)):
        for n in sorted(names):
            if n.endswith((".c", ".h", ".S", ".inc")):
                yield os.path.relpath(os.path.join(root, n), TOP)


def includes(path):
    with open(os.path.join(TOP, path), errors="replace") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    return [(k, name) for k, name in INCLUDE.findall(text)]


def resolve(path, name):
    """The file of the repository that an include with quotes names, or None."""
    roots = [os.path.dirname(path), "hypervisor", "abi", ""]
    if path.startswith("tests/fuzz"):
        roots += ["libs", "daemons"]
    if path.startswith(USER_SPACE + USER_SPACE_TESTS):
        roots = [os.path.dirname(path), "libs", "abi", "daemons"]
    if path.startswith("tests/guest"):
        roots += ["tests/guest", "tests/guest/lib"]
    for root in roots:
        p = os.path.normpath(os.path.join(root, name))
        if os.path.exists(os.path.join(TOP, p)):
            return p
    return None


def layer(path):
    parts = path.split("/")
    return "init" if len(parts) == 2 else parts[1]


def allowed_inside(source, target):
    """None, or why the hypervisor's file source may not include its file target."""
    if not target.startswith("hypervisor/"):
        return "the hypervisor knows nothing of user space"
    a, b = layer(source), layer(target)
    inner = target[len("hypervisor/"):]
    if a == b:
        return private(source, target)
    if b == "boot":
        return None if a == "init" or inner in BOOT_PUBLIC else "only %s is public of boot/" % ", ".join(sorted(BOOT_PUBLIC))
    if a == "boot":
        lib_only = source[len("hypervisor/"):] in BOOT_PUBLIC
        # Its last step hands over to init.
        ok = b == "lib" or (not lib_only and (b == "x86" or inner == "init.h"))
        return None if ok else "boot/ may include lib and x86 only"
    if b in ("debug", "release"):
        return "nobody includes debug/ or release/"
    if a in ("debug", "release"):
        return None
    if a not in LAYERS or b not in LAYERS:
        return "a folder without a place in LAYERS"
    if (a, b) in NEVER:
        return "these two never know each other"
    if LAYERS.index(b) > LAYERS.index(a):
        return "%s is above %s" % (b, a)
    return private(source, target)


def libraries():
    path = os.path.join(TOP, "libs/deps")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def allowed_in_user_space(source, target):
    """None, or why a file of libs/, daemons/ or cli/ may not include the file target."""
    area, name = source.split("/")[:2]
    to, to_name = target.split("/")[:2]
    order = libraries()
    if to == "abi" or (area, name) == (to, to_name):
        return None
    if to != "libs":
        return "the hypervisor is another world" if to == "hypervisor" else "programs talk by protocols in abi/"
    if to_name not in order or (area == "libs" and name not in order):
        return "a library that is not in libs/deps"
    if to_name in DENIED.get("%s/%s" % (area, name), ()):
        return "%s/%s may not know %s" % (area, name, to_name)
    if area == "libs" and order.index(to_name) > order.index(name):
        return "%s is above %s in libs/deps" % (to_name, name)
    return None


def private(source, target):
    name = os.path.basename(target)
    if not name.endswith("_priv.h"):
        return None
    owner = name[:-len("_priv.h")]
    own = os.path.basename(source)
    if os.path.dirname(source) == os.path.dirname(target) and re.match(r"%s(_.*)?\.[chS]$" % re.escape(owner), own):
        return None
    return "%s is private to %s" % (name, owner)


def judge_system(source, name):
    if source.startswith(USER_SPACE + USER_SPACE_TESTS):
        return "the XenAPI is all that xe knows" if source.startswith("cli/xe/") and name.startswith("xen") else None
    if name.startswith("xen/") or name in FREESTANDING or source.startswith(("tests/unit", "tests/fuzz", "tests/system")):
        return None
    if name == "elf.h" and source.startswith("tests/guest"):
        return None
    return "<%s> is neither freestanding nor a public Xen header" % name


def judge(source, kind, name):
    if kind == "<":
        return judge_system(source, name)
    target = resolve(source, name)
    if target is None:
        return "no such file"
    area, to = source.split("/")[0], target.split("/")[0]
    if to == "tests" and area != "tests":
        return "nothing includes tests/"
    if area == "tests":
        stranger = source.startswith("tests/guest") and not target.startswith(("tests/guest", "abi/"))
        return "tests/guest knows the ABI only" if stranger else None
    if area == "abi":
        return None if to == "abi" else "abi/ includes nothing of ours"
    if area in USER_SPACE:
        return allowed_in_user_space(source, target)
    return None if to == "abi" else allowed_inside(source, target)


def cycles(graph):
    found, state = [], {}

    def visit(node, trail):
        state[node] = 1
        for n in graph.get(node, ()):
            if state.get(n) == 1:
                found.append(" -> ".join(trail[trail.index(n):] + [n]) if n in trail else "%s -> %s" % (node, n))
            elif n not in state:
                visit(n, trail + [n])
        state[node] = 2

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return found


def headers_alone():
    """Compiles every header of the hypervisor and abi/ by itself, with the flags of the build."""
    path = os.path.join(TOP, "build/compile_commands.json")
    if not os.path.exists(path):
        return ["--headers needs a build: run ./dev build"]
    with open(path) as f:
        entry = next(e for e in json.load(f) if "libhypervisor.a.p" in e.get("output", "") and e["file"].endswith(".c"))
    words = shlex.split(entry["command"])
    flags = [w for w in words[1:words.index("-o")] if w not in ("-MD", "-MQ", "-MF") and not w.endswith((".o", ".d"))]
    bad = []
    for h in [p for d in ("hypervisor", "abi") for p in sources(d) if p.endswith(".h")]:
        text = '#include "%s"\n#include "%s"\n' % (os.path.join(TOP, h), os.path.join(TOP, h))
        p = subprocess.run([words[0]] + flags + ["-x", "c", "-fsyntax-only", "-"], input=text, text=True,
                           capture_output=True, cwd=entry["directory"])
        if p.returncode:
            bad.append("%s does not compile alone: %s" % (h, p.stderr.strip().splitlines()[0]))
    return bad


def exceptions():
    path = os.path.join(TOP, "tools/layers_exceptions.txt")
    if not os.path.exists(path):
        return set()
    with open(path) as f:
        return {tuple(line.split()[:2]) for line in f if line.strip() and not line.startswith("#")}


def main():
    bad, graph, excused, used = [], {}, exceptions(), set()
    for area in ("hypervisor", "abi") + USER_SPACE + ("tests",):
        for source in sources(area):
            for kind, name in includes(source):
                target = resolve(source, name) if kind == '"' else None
                if target:
                    graph.setdefault(source, []).append(target)
                why = judge(source, kind, name)
                if why and (source, target or name) in excused:
                    used.add((source, target or name))
                elif why:
                    bad.append("%s includes %s: %s" % (source, name, why))
    bad += ["include cycle: " + c for c in cycles(graph)]
    bad += ["exception no longer needed: %s %s" % e for e in sorted(excused - used)]
    if "--headers" in sys.argv:
        bad += headers_alone()
    for line in bad:
        print("layers: " + line)
    print("layers: %d files, %d includes, %d violations" % (len(graph), sum(map(len, graph.values())), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
