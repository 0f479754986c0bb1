"""Drain: a daemon that is asked to stop does so soon, and goes on later where it was."""

import json
import os
import signal
import stat
import threading
import time

from daemon import long_job
from wire import WireError, job_of, stream

STOP_MAX = 5.0
ANSWER_MAX = 2.0


def soak(context):
    rounds = 1 if context.quick else 10
    stops, codes, faults, orphans, sockets = [], [], [], 0, 0
    for number in range(rounds):
        daemon = context.daemon()
        daemon.start()
        seconds, code, left, socket_left = stop_in_the_middle(context, daemon, number, faults)
        stops.append(seconds)
        codes.append(code)
        orphans += left
        sockets += socket_left
    context.bar(
        "SIGTERM to the end of the process, longest", f"{max(stops):.2f} s of {rounds}",
        f"at most {STOP_MAX:g} s", max(stops) <= STOP_MAX)
    context.bar("exit codes", ", ".join(sorted(set(map(str, codes)))), "0", set(codes) == {0})
    context.bar("sockets and workers left behind", f"{sockets + orphans}", "0", sockets + orphans == 0)
    context.count("jobs that did not go on, or were not marked", faults)
    signals(context)


def stop_in_the_middle(context, daemon, number, faults):
    """Stops it during a run, with somebody watching, and starts it again."""
    with daemon.wire() as wire:
        first = accepted(wire, long_job(number + 1, 2000))
        once = accepted(wire, long_job(number + 2, 2000, resumes=False))
        waiting = accepted(wire, long_job(number + 3, 2))
        # Every second time the job that runs is one that does not begin anew.
        runs, held = (first, once) if number % 2 == 0 else (once, first)
        act(wire, held, "pause")
        await_state(wire, runs, {"running"}, 30)
    threading.Thread(target=watch, args=(daemon, runs), daemon=True).start()
    time.sleep(context.random.uniform(0.0, 1.0))
    begin = time.monotonic()
    daemon.signal(signal.SIGTERM)
    code = daemon.wait(30.0)
    seconds = time.monotonic() - begin
    if code is None:
        daemon.kill()
    socket_left = os.path.exists(daemon.socket)
    left = daemon.await_no_orphans()
    daemon.start()
    with daemon.wire() as wire:
        job = wire.get(f"/v1/jobs/{runs}")
        if runs == first:
            if job["state"] not in ("queued", "running") or not job["interruptions"]:
                faults.append(("not requeued", job))
            elif not await_state(wire, first, {"running"}, 30):
                faults.append(("does not go on", wire.get(f"/v1/jobs/{first}")))
            act(wire, first, "cancel")
        elif job["state"] not in ("interrupted", "cancelled") or not job.get("reason"):
            faults.append(("not marked", job))
        if wire.get(f"/v1/jobs/{held}")["state"] != "paused":
            faults.append(("paused no more", wire.get(f"/v1/jobs/{held}")))
        act(wire, held, "cancel")
        if not await_state(wire, waiting, {"done"}, 60):
            faults.append(("the next job", wire.get(f"/v1/jobs/{waiting}")))
    # What is left behind in the next round is not to be this one's.
    daemon.kill()
    daemon.await_no_orphans()
    return seconds, code, left, socket_left


def signals(context):
    """SIGHUP reads the configuration again, SIGUSR1 writes a dump."""
    daemon = context.daemon("queue_limit: 11\n")
    daemon.start()
    faults = []
    daemon.configure("queue_limit: 7\n")
    daemon.signal(signal.SIGHUP)
    seconds = await_true(lambda: daemon.status()["queue"]["limit"] == 7)
    context.bar(
        "SIGHUP to the new configuration", shown(seconds), f"within {ANSWER_MAX:g} s",
        seconds is not None)
    daemon.configure("queue_limit: [nonsense\n")
    daemon.signal(signal.SIGHUP)
    time.sleep(0.5)
    if daemon.child.poll() is not None or daemon.status()["queue"]["limit"] != 7:
        faults.append("a configuration that cannot be read changed something")
    with daemon.wire() as wire:
        kinds = [event["kind"] for event in wire.get("/v1/events?after=0&limit=1000")["events"]]
    if "configuration-reloaded" not in kinds:
        faults.append(f"no event tells of the reloading: {kinds}")
    context.count("faults of reloading", faults)

    dump = os.path.join(daemon.run_folder, "dump.txt")
    daemon.signal(signal.SIGUSR1)
    seconds = await_true(lambda: os.path.exists(dump) and os.path.getsize(dump) > 0)
    mode = stat.S_IMODE(os.stat(dump).st_mode) if seconds is not None else 0
    context.bar(
        "SIGUSR1 to the dump", f"{shown(seconds)}, mode {mode:o}", f"within {ANSWER_MAX:g} s, 600",
        seconds is not None and mode == 0o600)


def accepted(wire, job):
    return job_of(wire.submit(job))["id"]


def act(wire, job, action):
    wire.ask("POST", f"/v1/jobs/{job}/{action}")


def await_state(wire, job, states, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if wire.get(f"/v1/jobs/{job}")["state"] in states:
            return True
        time.sleep(0.02)
    return False


def await_true(test):
    """How long it took, or None when it did not come in time."""
    begin = time.monotonic()
    while time.monotonic() - begin < ANSWER_MAX:
        if test():
            return time.monotonic() - begin
        time.sleep(0.01)
    return None


def shown(seconds):
    return "never" if seconds is None else f"{seconds:.2f} s"


def watch(daemon, job):
    """Somebody who is attached; a daemon that stops does not wait for such."""
    try:
        for _ in stream(daemon.socket, f"/v1/jobs/{job}/updates"):
            pass
    except (OSError, WireError, json.JSONDecodeError):
        # The stream ends with the daemon.
        return
