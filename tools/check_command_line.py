#!/usr/bin/env python3
"""Each word that the hypervisor registers (BOOT_PARAM) stands in docs/command-line.md, and no other."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
code, doc = {}, set()
for f in sorted((ROOT / "hypervisor").rglob("*.c")):
    for name in re.findall(r'^BOOT_PARAM\(\w+,\s*"([^"]+)"', f.read_text(), re.M):
        code[name] = f.relative_to(ROOT)
for line in (ROOT / "docs/command-line.md").read_text().splitlines():
    cell = re.match(r"\| (`.*?) \| ", line)
    if cell:
        doc |= {re.split(r"[=\\]", w)[0] for w in re.findall(r"`([^`]+)`", cell.group(1))}
bad = [f"{f}: '{n}' is not in docs/command-line.md" for n, f in code.items() if n not in doc]
bad += [f"docs/command-line.md: '{n}' is not in the code" for n in sorted(doc - set(code))]
print("\n".join(bad) or f"command line: {len(code)} words, all documented")
sys.exit(bool(bad))
