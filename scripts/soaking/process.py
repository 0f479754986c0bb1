"""What the kernel tells about processes: memory, descriptors, wake-ups, time, CPUs, children."""

import ctypes
import os
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Makes processes whose parents die children of this one, so that none of them gets away."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _field(path, name):
    with open(path) as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    raise KeyError(name)


def resident_bytes(pid):
    return int(_field(f"/proc/{pid}/status", "VmRSS").split()[0]) * 1024


def peak_bytes(pid):
    """The most that was ever resident."""
    return int(_field(f"/proc/{pid}/status", "VmHWM").split()[0]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpus(pid):
    """The CPUs that a process may run on."""
    return os.sched_getaffinity(pid)


def wakeups(pid):
    """How often its threads have gone to sleep so far, by thread."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            count = _field(f"/proc/{pid}/task/{thread}/status", "voluntary_ctxt_switches")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[thread] = int(count)
    return found


def cpu_seconds(pid):
    """Time on a CPU, in all, of threads that have ended too."""
    # What clock_getcpuclockid(3) makes of a pid: the CPU clock of a whole process.
    return time.clock_gettime(~pid << 3 | 2)


def thread_name(pid, thread):
    """What a thread calls itself."""
    try:
        with open(f"/proc/{pid}/task/{thread}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "ended"


def parents():
    """The parent of every process that is not a zombie."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX":
            found[int(name)] = int(fields[1])
    return found


def descendants(root):
    """The processes below one, near ones first."""
    known = parents()
    found, level = [], [root]
    while level:
        level = [pid for pid, parent in known.items() if parent in level]
        found.extend(level)
    return found


def is_alive(pid):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def reap_orphans(known):
    """Takes note of adopted processes that have ended; those in `known` are waited for elsewhere."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in known:
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            if fields[0] == "Z" and int(fields[1]) == os.getpid():
                os.waitpid(int(name), os.WNOHANG)
        except (FileNotFoundError, ProcessLookupError, ChildProcessError):
            continue
