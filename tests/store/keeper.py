# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd does for a daemon with a descriptor store: starts it, keeps descriptors, starts it again when it dies."""
import array
import ctypes
import os
import select
import signal
import socket
import subprocess
import threading
import time

FIRST = 3
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Keeper:
    def __init__(self, command, folder, env=(), restart=True, log=None):
        self.command, self.restart = command, restart
        self.unpolled = set()
        self.refuse = None      # what begins so is not kept
        self.fds, self.ready, self.starts, self.stopping = {}, threading.Event(), 0, False
        self.lock = threading.Lock()
        self.notify_path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(self.notify_path)
        # Daemons become other users.
        os.chmod(self.notify_path, 0o777)
        self.env = dict(os.environ, NOTIFY_SOCKET=self.notify_path, **dict(env))
        self.log = open(log or os.devnull, "ab")
        self.pid = self._start()
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _take_notices(self):
        with self.lock:
            while True:
                try:
                    # socket.recv_fds() forgets the flags.
                    data, more, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64), socket.MSG_DONTWAIT)
                except OSError:
                    return
                fds = [fd for _, kind, raw in more if kind == socket.SCM_RIGHTS for fd in array.array("i", raw)]
                words = dict(line.split("=", 1) for line in data.decode().splitlines())
                if words.get("FDSTORE") == "1":
                    if len(self.fds) > 500:
                        self._prune()
                    if self.refuse is not None and words["FDNAME"].startswith(self.refuse):
                        while fds:
                            os.close(fds.pop())
                    for fd in fds:
                        self.fds.setdefault(words["FDNAME"], []).append(fd)
                        if words.get("FDPOLL") == "0":
                            self.unpolled.add(words["FDNAME"])
                if words.get("FDSTOREREMOVE") == "1":
                    for fd in self.fds.pop(words["FDNAME"], []):
                        os.close(fd)
                if words.get("READY") == "1":
                    self.ready.set()

    def _prune(self):
        """Drops what is over, as systemd does at once."""
        for name in set(self.fds) - self.unpolled:
            poll = select.poll()
            for fd in self.fds[name]:
                poll.register(fd, 0)
            for fd, _ in poll.poll(0):
                self.fds[name].remove(fd)
                os.close(fd)
            if not self.fds[name]:
                del self.fds[name]

    def _listen(self):
        while not self.stopping:
            select.select([self.socket], [], [], 1)
            self._take_notices()

    def _start(self):
        self.starts += 1
        # What it said before it died counts.
        self._take_notices()
        with self.lock:
            self._prune()
            kept = [(name, fd) for name, fds in self.fds.items() for fd in fds]
        pid = os.fork()
        if pid:
            return pid
        try:
            # A test that is killed leaves no daemon behind.
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            high = [os.dup2(fd, 2000 + i) for i, (_, fd) in enumerate(kept)]
            os.dup2(self.log.fileno(), 2)
            for i, fd in enumerate(high):
                os.dup2(fd, FIRST + i, inheritable=True)
            os.closerange(FIRST + len(kept), 4000)
            env = dict(self.env, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)),
                       LISTEN_FDNAMES=":".join(name for name, _ in kept))
            os.execve(self.command[0], self.command, env)
        finally:
            os._exit(127)

    def _watch(self):
        while True:
            os.waitpid(self.pid, 0)
            if self.stopping or not self.restart:
                self.pid = 0
                return
            if not self.ready.wait(0.1) and self.stopping:
                self.pid = 0
                return
            self.pid = self._start()

    def wait_ready(self, timeout=20):
        if not self.ready.wait(timeout):
            self.stop()
            raise RuntimeError("the daemon does not get ready")

    def kill(self):
        pid = self.pid
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def drop(self):
        """Nothing is kept any more."""
        self.refuse = ""
        with self.lock:
            while self.fds:
                for fd in self.fds.popitem()[1]:
                    os.close(fd)

    def stop(self):
        self.stopping = True
        for _ in range(100):
            self.kill()
            if not self.pid:
                break
            time.sleep(0.02)
        self.socket.close()
        self.log.close()
        self.drop()


class AnelKeep:
    """The same done by our own program."""

    def __init__(self, program, command, folder, env=(), log=None):
        self.log, self.pid_file = log, folder + "/pid"
        with open(log, "ab") as f:
            subprocess.run([program, *command, "--pid-file", self.pid_file], env=dict(os.environ, **dict(env)), check=True,
                           stdin=subprocess.DEVNULL, stdout=f, stderr=f)

    @property
    def pid(self):
        with open(self.pid_file) as f:
            return int(f.read() or "0")

    @property
    def starts(self):
        with open(self.log, errors="replace") as f:
            return 1 + f.read().count("it is started again")

    def wait_ready(self):
        """It was when the program returned."""

    def kill(self):
        pid = self.pid
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def stop(self):
        for _ in range(200):
            try:
                with open("/proc/%d/stat" % self.pid) as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
                os.kill(parent, signal.SIGTERM)
                return
            except (OSError, ValueError):
                time.sleep(0.02)
