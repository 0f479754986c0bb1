"""A daemon of a part's own: its folder, its life and its deaths."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import process
from wire import Wire, WireError

# What is waited for that has to come, in seconds; none of these is a bar.
READY_DEADLINE = 30.0
ORPHANS_DEADLINE = 5.0
DESCRIPTORS_DEADLINE = 5.0


class DaemonGone(Exception):
    """The daemon ended, or never became ready."""


class Daemon:
    """`greenbench daemon run` in a folder of its own."""

    def __init__(self, binary, configuration=""):
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="soak-")
        self.run_folder = os.path.join(self.folder, "run")
        self.socket = os.path.join(self.run_folder, "daemon.sock")
        self.store = os.path.join(self.folder, "results.sqlite")
        self.log = os.path.join(self.folder, "daemon.log")
        self.configuration = os.path.join(self.folder, "daemon.yaml")
        self.child = None
        self.configure(configuration)

    def configure(self, text):
        """Writes the configuration that the next start or SIGHUP reads."""
        fresh = self.configuration + ".fresh"
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        os.rename(fresh, self.configuration)

    @property
    def pid(self):
        return self.child.pid

    @property
    def environment(self):
        """The caller's, without what points to another daemon or to a supervisor."""
        unwanted = (
            "XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
            "INVOCATION_ID", "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID", "GREENBENCH_DAEMON",
        )
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        return kept | {
            "HOME": self.folder,
            "GREENBENCH_RUNTIME_DIR": self.run_folder,
            "GREENBENCH_DB": self.store,
            "GREENBENCH_DAEMON_CONFIG": self.configuration,
            "XDG_STATE_HOME": os.path.join(self.folder, "state"),
            "XDG_CONFIG_HOME": os.path.join(self.folder, "config"),
        }

    def spawn(self):
        """Starts the process and waits for nothing."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [self.binary, "daemon", "run"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, cwd=self.folder)

    def start(self):
        """Starts it, and tells how many seconds it took until it was ready."""
        begin = time.monotonic()
        self.spawn()
        self.await_ready()
        return time.monotonic() - begin

    def await_ready(self):
        deadline = time.monotonic() + READY_DEADLINE
        last = "no socket"
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise DaemonGone(
                    f"the daemon ended with {self.child.returncode} before it was ready; see {self.log}")
            try:
                with self.wire(timeout=2.0) as wire:
                    answer = wire.ask("GET", "/readyz")
                if answer.status == 200:
                    return
                last = answer.body[:200].decode(errors="replace")
            except WireError as error:
                last = str(error)
            time.sleep(0.002)
        raise DaemonGone(f"the daemon is not ready after {READY_DEADLINE:.0f} s ({last}); see {self.log}")

    def wire(self, timeout=10.0):
        return Wire(self.socket, timeout)

    def status(self):
        with self.wire() as wire:
            return wire.get("/v1/status")

    def worker_pids(self):
        return [one["pid"] for one in self.status()["workers"] if one.get("pid")]

    def await_worker(self, seconds=READY_DEADLINE):
        """The pid of a worker that is there and idle or at work."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for one in self.status()["workers"]:
                if one.get("pid") and one["state"] in ("idle", "measuring"):
                    return one["pid"]
            time.sleep(0.02)
        raise DaemonGone(f"no worker within {seconds:.0f} s; see {self.log}")

    def await_idle(self, seconds):
        """Waits until nothing runs and nothing is queued; whether that came in time."""
        deadline = time.monotonic() + seconds
        with self.wire() as wire:
            while time.monotonic() < deadline:
                status = wire.get("/v1/status")
                if not status["queue"]["queued"] and not status["queue"].get("running"):
                    return True
                time.sleep(0.05)
        return False

    def settled_descriptors(self, wanted=None):
        """How many it has open once connections that were closed are let go of."""
        deadline = time.monotonic() + DESCRIPTORS_DEADLINE
        if wanted is None:
            # Nobody knows how many there should be, so it gets the time to let go.
            time.sleep(1.0)
            return process.descriptors(self.pid)
        while (count := process.descriptors(self.pid)) != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return count

    def signal(self, number):
        os.kill(self.child.pid, number)

    def wait(self, seconds):
        """The exit status, or None when it is not over by then."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        """kill -9, and nothing else."""
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def orphans(self):
        """What it left behind: adopted processes that run the same executable."""
        own = os.path.realpath(self.binary)
        found = []
        for pid in process.descendants(os.getpid()):
            if self.child is not None and pid == self.child.pid:
                continue
            try:
                if self._is_ours(pid, own):
                    found.append(pid)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def _is_ours(self, pid, executable):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        return os.readlink(f"/proc/{pid}/exe") == executable or executable.encode() in words

    def await_no_orphans(self):
        """How many are still there after the time that a worker has to see that it is alone."""
        deadline = time.monotonic() + ORPHANS_DEADLINE
        while True:
            process.reap_orphans({self.child.pid} if self.child else set())
            left = self.orphans()
            if not left or time.monotonic() > deadline:
                return len(left)
            time.sleep(0.02)

    def remove(self, keep=False):
        """Ends all that is left of it."""
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            if self.wait(10.0) is None:
                self.kill()
        for pid in self.orphans():
            os.kill(pid, signal.SIGKILL)
        self.await_no_orphans()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def tiny_job(seed, client="soak", workload="control", **more):
    """A run that takes some milliseconds."""
    return {
        "scenario": {
            "workload": workload, "backends": ["native"], "blocks": 1, "batches_per_visit": 1,
            "batch_ns": 100_000, "seed": seed,
        },
        "client": client,
        "command_line": "scripts/soak",
    } | more


def long_job(seed, blocks, client="soak", workload="ping-pong", **more):
    """A run of about 20 ms a block."""
    return {
        "scenario": {"workload": workload, "backends": ["native"], "blocks": blocks, "seed": seed},
        "client": client,
        "command_line": "scripts/soak",
    } | more
