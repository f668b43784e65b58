#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""build.py OUTPUT DEPFILE FUZZER.c -- COMPILER ARGS: one fuzzer, by clang with libFuzzer, ASan and UBSan.

The first lines of FUZZER.c name the hypervisor's files that it drives, as unit tests do:
    // sources: lib/elf.c fuzz/machine.c   (fuzz/, unit/: a file of tests/, compiled as the fuzzer itself is)
    // sources: daemons/stored/tx.c        (a whole path: user space's)
    // sources: hypercall/*.c -pv/entry.c  (all of a folder; all but one)
    // sources: host_guest.h               (a header of tests/fuzz or tests/unit that is included before everything)
    // links: z lzma                       (libraries)
    // globals: text_used                  (variables of those files that the fuzzer resets)
    // weak: hv_memset                     (functions of those files in whose place come the fuzzer's)
"""
import fcntl
import glob
import hashlib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CLANG = "clang-14"
USER_SPACE = ("daemons/", "libs/")
PLAIN = ("unit/", "fuzz/", *USER_SPACE)		# not the hypervisor's
FLAGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fno-strict-aliasing", "-std=gnu17",
         "-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=undefined",
         # Members of what a guest points at are named, not used: the pointer may be anything. Alignment: x86 has none.
         "-fno-sanitize=alignment,pointer-overflow,null", "-Wno-unknown-pragmas", "-Wno-pass-failed",
         "-Wno-tautological-constant-out-of-range-compare"]


def listed(text, word):
    return " ".join(re.findall(r"^// %s: *(.*)$" % word, text, re.M)).split()


def find_header(name):
    for folder in ("fuzz", "unit"):
        path = os.path.join(TOP, "tests", folder, name)
        if os.path.exists(path):
            return path
    sys.exit("%s: no such header" % name)


def run(*command):
    if subprocess.run(command).returncode:
        sys.exit(1)


def hypervisor_files(words):
    base, names = os.path.join(TOP, "hypervisor"), []
    for w in words:
        if w.startswith("-"):
            names.remove(w[1:])
        elif w.endswith(".c") and not w.startswith(PLAIN):
            names += sorted(os.path.relpath(p, base) for p in glob.glob(os.path.join(base, w))) if "*" in w else [w]
    if "debug/lock_check.c" not in names:
        names.append("release/lock_check.c")
    return list(dict.fromkeys(names))


def read_deps(obj):
    with open(obj + ".d") as f:
        return f.read().replace("\\\n", " ").split(":", 1)[1].split()


def fresh(obj):
    try:
        made = os.stat(obj).st_mtime
        return all(os.stat(d).st_mtime < made for d in read_deps(obj))
    except FileNotFoundError:
        return False


def compile_file(path, flags, changes):
    """The object of a file; those of the same flags are shared by all fuzzers."""
    folder = "tests/fuzz/objects/" + hashlib.sha256(repr((flags, changes)).encode()).hexdigest()[:12]
    obj = os.path.join(folder, os.path.relpath(path, TOP).replace("/", "_")[:-2] + ".o")
    os.makedirs(folder, exist_ok=True)
    with open(obj + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fresh(obj):
            run(CLANG, "-MD", "-MF", obj + ".d", "-c", "-o", obj + ".new", *flags, path)
            if changes:
                run("objcopy", *changes, obj + ".new")
            os.rename(obj + ".new", obj)
    return obj


def stand_ins(link, output):
    """An object with a function for each of x86/ that the machine has not: it says so when it is called, and ends."""
    said = subprocess.run(link, stderr=subprocess.PIPE, text=True).stderr
    source = output + "_missing.c"
    with open(source, "w") as f:
        f.write("void machine_lacks(const char *name);\n")
        for name in sorted(set(re.findall(r"undefined reference to `(\w+)'", said))):
            f.write('void %s(void) { machine_lacks("%s"); }\n' % (name, name))
    run(CLANG, "-c", "-o", source[:-1] + "o", source)
    return source[:-1] + "o"


def main():
    output, depfile, source = sys.argv[1:4]
    with open(source) as f:
        text = f.read()
    words = listed(text, "sources")
    changes = ["--globalize-symbol=" + n for n in listed(text, "globals")] + ["--weaken-symbol=" + n for n in listed(text, "weak")]
    before = [a for w in words if w.endswith(".h") for a in ("-include", find_header(w))]
    flags = [*sys.argv[5:], *FLAGS, "-I", HERE, *before]
    rename = ["-include", os.path.join(TOP, "tests/unit/host_names.h"), "-fno-builtin"]
    own = [source] + [os.path.join(TOP, w if w.startswith(USER_SPACE) else "tests/" + w) for w in words if w.startswith(PLAIN)]
    objects = [compile_file(p, flags, []) for p in own]
    objects += [compile_file(os.path.join(TOP, "hypervisor", n), flags + rename, changes) for n in hypervisor_files(words)]
    link = [CLANG, "-fsanitize=fuzzer,address,undefined", "-o", output, *objects,
            *("-l" + name for name in listed(text, "links"))]
    if "fuzz/machine.c" in words:
        link.append(stand_ins(link, output))
    run(*link)
    with open(depfile, "w") as f:
        f.write("%s: %s\n" % (output, " ".join(sorted({d for o in objects for d in read_deps(o)}))))


main()
