"""Crowd: two hundred clients are served at once, and the run that measures does not notice them."""

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time

import memory
import process
from daemon import long_job, tiny_job
from outcome import megabytes, percentile
from wire import WireError, job_of, stream

CLIENTS = 200
REQUESTS = 100_000
# A second, of all clients together: each thinks a while, as people and dashboards do.
RATE = 1000
PROCESSES = 2
STATUS_MAX = 0.050
SHIFT_PERCENT_MAX = 1.0
RESIDENT_MAX = 64_000_000

# Who is there in each phase: what drifts evenly weighs on both.
PATTERN = "ABBA"
# Blocks on both sides of a change that belong to neither phase.
EDGE_BLOCKS = 3
PHASE_BLOCKS_MIN = 4 * EDGE_BLOCKS


def soak(context):
    daemon = context.daemon()
    daemon.start()
    with daemon.wire() as wire:
        first = job_of(wire.submit(tiny_job(1)))["id"]
        if not daemon.await_idle(60):
            raise WireError("a first run did not end within a minute")
        session = wire.get(f"/v1/jobs/{first}")["session"]
    memory.submit_and_wait(context, daemon, memory.WARM_RUNS, "warm", [])
    descriptors = daemon.settled_descriptors()
    run = Experiment(context, daemon, session)
    try:
        run.go_on()
    finally:
        found = run.end()
    report(context, daemon, run, found)
    after = daemon.settled_descriptors(descriptors)
    context.bar(
        "descriptors of the service", f"{after} after, {descriptors} before", "as many",
        after == descriptors)
    # Hundreds of connections and their answers are not kept; what they needed is shown.
    kept = process.resident_bytes(daemon.pid)
    context.bar(
        "resident memory of the service, after the crowd", megabytes(kept),
        f"at most {megabytes(RESIDENT_MAX)}", kept <= RESIDENT_MAX)
    context.bar(
        "resident memory of the service, at its peak", megabytes(process.peak_bytes(daemon.pid)),
        f"at most {megabytes(RESIDENT_MAX)} without a crowd", True, judged=False)


class Experiment:
    """Runs that measure, with and without a crowd in turns."""

    def __init__(self, context, daemon, session):
        self.context = context
        self.daemon = daemon
        self.session = session
        self.phase_seconds = 0.5 if context.quick else 2.0
        # The crowd is there for half of the time.
        self.requests = 2400 if context.quick else REQUESTS
        self.phase = -1
        self.phase_end = 0.0
        self.phase_border = 0
        self.crowd_seconds = 0.0
        self.present = "A"
        # When the crowd came, if it is there.
        self.since = None
        # P10 of blocks, by the number of the four phases and by who was there.
        self.blocks = {}
        self.processes = []
        self.is_pinned = False

    def go_on(self):
        begin = time.monotonic()
        # A crowd that is slower than its rate is given twice the time, and is then short.
        deadline = begin + max(self.context.seconds, 5 * self.requests / RATE) + 60
        number = 0
        while self.crowd_seconds < 1.1 * self.requests / RATE or (
            not self.context.quick and time.monotonic() - begin < self.context.seconds
        ):
            if time.monotonic() > deadline:
                raise WireError(f"the crowd had {self.crowd_seconds:.0f} s in all; the runs do not go on")
            number += 1
            self.measure(number)

    def start_crowd(self):
        """Clients stay off the CPU of the worker, for a lab's clients are not there either."""
        worker = self.daemon.await_worker()
        every = process.cpus(os.getpid())
        others = every - process.cpus(worker)
        self.is_pinned = bool(others)
        if not others:
            self.context.say(f"the worker may run on every CPU ({sorted(every)}): the crowd does so too")
            others = every
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crowd_clients.py")
        for number in range(PROCESSES):
            self.processes.append(subprocess.Popen(
                [sys.executable, "-B", script, self.daemon.socket, str(CLIENTS // PROCESSES),
                 str(RATE / PROCESSES), f"{self.context.seed} {number}", ",".join(map(str, others))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        os.sched_setaffinity(0, others)
        self.every = every

    def tell(self, line):
        for one in self.processes:
            one.stdin.write(line + "\n")
            one.stdin.flush()

    def measure(self, number):
        """One run; the phases change with its blocks."""
        with self.daemon.wire() as wire:
            blocks = 250 if self.context.quick else 1000
            job = job_of(wire.submit(long_job(number, blocks, client="measure", priority=10)))["id"]
            changes = []
            try:
                for name, data in stream(self.daemon.socket, f"/v1/jobs/{job}/updates"):
                    if name == "block":
                        self.at_block(data["number"], job, changes)
            finally:
                # Between two runs nobody is there.
                self.change("A", job)
            told = wire.get(f"/v1/jobs/{job}")
        if told["state"] != "done" or told.get("exit") != 0:
            raise WireError(f"the run that measures: {told}")
        self.take(told["session"], changes)

    def at_block(self, block, job, changes):
        if not self.processes:
            self.start_crowd()
        now = time.monotonic()
        if changes and (now < self.phase_end or block < self.phase_border):
            return
        self.phase += 1
        who = PATTERN[self.phase % len(PATTERN)]
        if not changes or who != changes[-1][1] or self.phase % len(PATTERN) == 0:
            changes.append((block, who, self.phase // len(PATTERN)))
        self.change(who, job)
        self.phase_end = now + self.phase_seconds
        self.phase_border = block + PHASE_BLOCKS_MIN

    def change(self, who, job):
        now = time.monotonic()
        if self.since is not None:
            self.crowd_seconds += now - self.since
        self.since = now if who == "B" else None
        if self.processes and who != self.present:
            self.tell(f"go {job} {self.session}" if who == "B" else "halt")
        self.present = who

    def take(self, session, changes):
        """Sorts the stored blocks by who was there."""
        store = sqlite3.connect(f"file:{self.daemon.store}?mode=ro", uri=True, timeout=30)
        try:
            rows = store.execute(
                "SELECT number, block.p10_ns FROM block JOIN run ON run.id = run_id JOIN session ON "
                "session.id = session_id WHERE uuid = ? AND ordinal = 1 ORDER BY number", (session,)
            ).fetchall()
        finally:
            store.close()
        borders = [border for border, _, _ in changes] + [len(rows) + 1]
        for number, p10 in rows:
            near = any(abs(number - border) <= EDGE_BLOCKS for border in borders)
            before = [change for change in changes if change[0] <= number]
            if p10 is None or near or not before:
                continue
            _, who, four = before[-1]
            self.blocks.setdefault(four, {"A": [], "B": []})[who].append(p10)

    def end(self):
        """What the clients found."""
        found = []
        if self.processes:
            os.sched_setaffinity(0, self.every)
        for one in self.processes:
            try:
                text, _ = one.communicate("end\n", timeout=30)
                found.append(json.loads(text))
            except (subprocess.TimeoutExpired, json.JSONDecodeError, BrokenPipeError) as error:
                one.kill()
                one.wait()
                found.append({
                    "seconds": {}, "faults": [f"the clients' process: {error}"], "fault_count": 1,
                    "refused": 0, "unanswered": []})
        return found


def report(context, daemon, run, found):
    seconds = {}
    for one in found:
        for kind, taken in one["seconds"].items():
            seconds.setdefault(kind, []).extend(taken)
    total = sum(map(len, seconds.values()))
    mix = ", ".join(f"{len(taken):,} {kind}" for kind, taken in sorted(seconds.items()))
    context.say(f"{mix}; {sum(one['refused'] for one in found)} refused by a full queue")
    context.bar(
        f"requests of {CLIENTS} clients while a run measures", f"{total:,}", f"{run.requests:,}",
        total >= run.requests * (0.7 if context.quick else 1))
    faults = [text for one in found for text in one["faults"]]
    faults += [f"{kind}: no answer at the end" for one in found for kind in one["unanswered"]]
    more = sum(one["fault_count"] for one in found) - sum(len(one["faults"]) for one in found)
    context.count("errors", faults + ["more of the kind"] * more)
    status = seconds.get("status", [])
    context.bar(
        "status, P50, P99 and longest",
        ", ".join(f"{1000 * value:.1f} ms" for value in (
            percentile(status, 0.5), percentile(status, 0.99), max(status, default=float("nan")))),
        f"P99 under {1000 * STATUS_MAX:.0f} ms", percentile(status, 0.99) < STATUS_MAX)
    fours = [four for four in run.blocks.values() if four["A"] and four["B"]]
    shift, low, high = shift_percent(context, fours)
    context.bar(
        "clean P10 of the run, moved by the crowd",
        f"{shift:+.2f} % (95 %: {low:+.2f} to {high:+.2f}; {len(fours)} times ABBA"
        + ("" if run.is_pinned else "; worker not pinned") + ")",
        f"under {SHIFT_PERCENT_MAX:g} %", abs(shift) < SHIFT_PERCENT_MAX, judged=not context.quick)


def shift_percent(context, fours):
    """How far the median of the blocks' P10 lies from that without a crowd, with its interval."""
    if not fours:
        return float("nan"), float("nan"), float("nan")

    def of(chosen):
        crowded = statistics.median(value for four in chosen for value in four["B"])
        quiet = statistics.median(value for four in chosen for value in four["A"])
        return 100 * (crowded / quiet - 1)

    again = sorted(of(context.random.choices(fours, k=len(fours))) for _ in range(1000))
    return of(fours), again[25], again[974]
