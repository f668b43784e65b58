# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the build that tests need. Test runners run side by side; ninja does not, in one folder."""
import fcntl
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")


def built(*targets):
    """Makes these, named as ninja names them, after whoever else is at it; raises CalledProcessError."""
    with open(os.path.join(BUILD, "tests.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["ninja", "-C", BUILD, "--quiet", *targets], check=True)
