"""Runs classes of the stress suite with some program, and reads what they found."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

# What the kernel tells about processes is known there already.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "soaking"))
import process  # noqa: E402

# What `greenbench stress run` answers.
CLEAN, FINDINGS = 0, 3


class Verdict:
    """What a class said of a program."""

    def __init__(self, name, code, seconds, said="", finding="", replay=""):
        self.name = name
        self.code = code
        self.seconds = seconds
        # The last line of its standard error.
        self.said = said
        self.finding = finding
        self.replay = replay


class Suite:
    """The stress suite of a program."""

    def __init__(self, binary, folder, profile, seed, seconds_max):
        self.binary = binary
        self.folder = folder
        self.profile = profile
        self.seed = seed
        self.seconds_max = seconds_max

    def _environment(self):
        """A place of its own for everything that the program keeps."""
        place = os.path.join(self.folder, "place")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(os.path.join(place, "runtime"), mode=0o700)
        return os.environ | {
            "GREENBENCH_DB": os.path.join(place, "results.sqlite"),
            "GREENBENCH_RUNTIME_DIR": os.path.join(place, "runtime"),
            "XDG_STATE_HOME": place, "XDG_CONFIG_HOME": place,
            # Another program takes seconds to tell the calls of each crash.
            "SWIFT_BACKTRACE": "enable=no",
        }

    def classes(self):
        """The names of all classes, in the suite's own order."""
        told = subprocess.run(
            [self.binary, "stress", "list"], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, env=self._environment(), timeout=60, check=True)
        return [line.split()[0] for line in told.stdout.splitlines() if line[:1].islower()]

    def run(self, name):
        """Runs one class. One that does not end in time is killed, and has found nothing."""
        document = os.path.join(self.folder, "stress.json")
        if os.path.exists(document):
            os.remove(document)
        command = [self.binary, "stress", "run", name, "--profile", self.profile,
                   "--seed", str(self.seed), "--first", "--json", document]
        log = os.path.join(self.folder, "stress.log")
        start = time.monotonic()
        with open(log, "w") as output:
            # A session of its own, so that a Ctrl-C here ends it as this program wants it.
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=self._environment(), start_new_session=True)
            try:
                code = child.wait(self.seconds_max)
            except subprocess.TimeoutExpired:
                code = "did not end"
            finally:
                end(child)
        seconds = time.monotonic() - start
        return Verdict(name, code, seconds, _last_line(log), *_finding(document))


def end(child):
    """Kills a process that goes on, and all that it has started, wherever that went."""
    left = process.descendants(os.getpid())
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    child.wait()
    process.reap_orphans({child.pid})


def _last_line(path):
    with open(path, errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1][:200] if lines else ""


def _finding(document):
    """The first thing that was found, and how to see it again."""
    try:
        with open(document) as file:
            report = json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return "", ""
    for one in report.get("classes", []):
        for finding in one.get("findings", []):
            token = finding.get("token", "")
            return finding.get("what", ""), f"greenbench stress replay {token}"
    return "", ""
