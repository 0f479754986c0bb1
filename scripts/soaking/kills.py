"""Kills: `kill -9` at random moments of a busy daemon loses nothing that was acknowledged."""

import itertools
import os
import signal
import threading
import time

import process
from audit import audit
from daemon import long_job, tiny_job
from ledger import FINAL, Ledger
from wire import Wire, WireError, job_of

KILLS = 1000
RESTART_MAX = 2.0

# Jobs that wait at most: enough that a kill always meets one at work.
AHEAD = 30


def soak(context):
    kills = 30 if context.quick else KILLS
    daemon = context.daemon()
    daemon.start()
    life = Life(context, daemon)
    begin = time.monotonic()
    counts = {"service": 0, "worker": 0, "both": 0, "service while it starts": 0}
    total = 0
    while total < kills or (not context.quick and time.monotonic() - begin < context.seconds):
        target = context.random.choices(list(counts), [5, 3, 3, 1])[0]
        life.kill(target)
        counts[target] += 1
        total += 1
        if total % 100 == 0:
            context.say(f"{total:,} of {kills:,}, {len(life.ledger.asked):,} jobs")
    life.end(total, counts)


class Life:
    """A daemon that is killed again and again, and those who use it."""

    def __init__(self, context, daemon):
        self.context = context
        self.daemon = daemon
        self.ledger = Ledger()
        self.restarts = []
        self.faults = []
        self.stale_sockets = 0
        self.orphans = 0
        # Threads take from it; a count does that in one step.
        self.serials = itertools.count(1)

    def kill(self, target):
        """One kill at a random moment, and what has to be so afterwards."""
        work = Work(self)
        if target == "service while it starts":
            self.kill_service(())
            self.daemon.spawn()
            time.sleep(self.context.random.uniform(0.0, 0.1))
            self.kill_service(())
        else:
            work.start()
            # Short ones are likely: the start of a worker is a random point as well.
            time.sleep(min(self.context.random.expovariate(6.0), 1.0))
            worker = self.worker()
            if target == "worker":
                if self.context.random.random() < 0.3:
                    try:
                        self.kill_worker_at_work()
                    except (OSError, WireError) as error:
                        self.faults.append(f"after a worker was killed: {error}")
                else:
                    self.end_worker(worker)
                    time.sleep(self.context.random.uniform(0.0, 0.1))
                work.stop()
                if self.daemon.child.poll() is not None:
                    self.faults.append("the service died with its worker")
                    self.restart()
                return
            if target == "both" and self.context.random.random() < 0.5:
                self.end_worker(worker)
                worker = None
            self.kill_service((worker,) if target == "both" else ())
        work.stop()
        self.restart()

    def worker(self):
        try:
            return next(iter(self.daemon.worker_pids()), None)
        except (OSError, WireError) as error:
            self.faults.append(f"no status before a kill: {error}")
            return None

    def end_worker(self, worker):
        if worker is not None:
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                # It was recycled since it was asked for.
                return

    def kill_service(self, workers):
        self.daemon.kill()
        for worker in workers:
            self.end_worker(worker)
        if os.path.exists(self.daemon.socket):
            self.stale_sockets += 1

    def kill_worker_at_work(self):
        """The job that runs ends with a crashed row, and the next one is run."""
        with self.daemon.wire() as wire:
            serial = next(self.serials)
            key = f"long-{serial}"
            job = long_job(serial, 400, priority=10)
            self.ledger.ask(key, job)
            answer = wire.submit(job, key)
            if answer.status == 429:
                return
            long = job_of(answer)
            self.ledger.acknowledge(key, long)
            if not self.await_measuring(wire, long["id"]):
                self.faults.append(f"job {long['id']} is not measured within 30 s")
                return
            time.sleep(self.context.random.uniform(0.0, 0.2))
            worker = next(iter(one["pid"] for one in wire.get("/v1/status")["workers"]), None)
            self.end_worker(worker)
            deadline = time.monotonic() + 30
            while (told := wire.get(f"/v1/jobs/{long['id']}"))["state"] not in FINAL:
                if time.monotonic() > deadline:
                    self.faults.append(f"job {long['id']} has no end after its worker died: {told}")
                    return
                time.sleep(0.01)
            # Not noted: the other thread may be about to note what it was before.
            if told["state"] != "done" or told.get("exit") != 3:
                self.faults.append(f"the worker of job {long['id']} was killed: {told}")

    def await_measuring(self, wire, job):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = wire.get("/v1/status")
            measuring = any(one["state"] == "measuring" for one in status["workers"])
            if status["queue"].get("running") == job and measuring:
                return True
            time.sleep(0.005)
        return False

    def restart(self):
        """Starts it again, and looks whether it remembers."""
        self.restarts.append(self.daemon.start())
        ledger = self.ledger
        was_open = ledger.open()
        known = sorted(ledger.acknowledged)
        sample = self.context.random.sample(known, min(20, len(known)))
        with self.daemon.wire() as wire:
            ledger.look(wire, sorted(set(was_open) | set(sample)))
            ledger.settle(wire)
        process.reap_orphans({self.daemon.pid})

    def end(self, total, counts):
        """Lets the rest of the jobs run, and says what was found."""
        context = self.context
        idle = self.daemon.await_idle(60.0)
        crashed = sum(1 for told in self.ledger.told.values() if told[2] == 3)
        # Those of lives before: each had time enough to see that it is alone.
        own = set(process.descendants(self.daemon.pid))
        time.sleep(0.5)
        self.orphans = len([pid for pid in self.daemon.orphans() if pid not in own])
        context.bar("kills", ", ".join(f"{count} {name}" for name, count in counts.items()),
                    f"{total:,}", True)
        context.bar(
            "restart to ready, longest", f"{max(self.restarts):.2f} s of {len(self.restarts):,}",
            f"under {RESTART_MAX:g} s", max(self.restarts) < RESTART_MAX)
        context.bar("stale sockets replaced", f"{self.stale_sockets:,}", "at least 1", self.stale_sockets > 0)
        context.bar("all jobs come to an end", "yes" if idle else "no", "yes", idle)
        context.count("faults around kills", self.faults)
        context.bar("workers of dead daemons", f"{self.orphans}", "0", self.orphans == 0)
        jobs = audit(context, self.daemon, self.ledger)
        requeued = sum(1 for job in jobs if job["interruptions"])
        context.bar(
            "jobs", f"{len(jobs):,} of {len(self.ledger.asked):,} keys, {requeued:,} interrupted and "
            f"run again, {crashed:,} crashed with their worker", "some of each",
            bool(jobs) and (requeued > 0 and crashed > 0 or context.quick))


class Work:
    """One who submits and one who looks, for the length of a life."""

    def __init__(self, life):
        self.life = life
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(one,), daemon=True)
            for one in (self.submit, self.look)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join()

    def run(self, step):
        with Wire(self.life.daemon.socket, timeout=10.0) as wire:
            while not self.over.is_set():
                try:
                    step(wire)
                except (OSError, WireError):
                    # It was killed, which is what this is about.
                    if self.life.daemon.child.poll() is not None:
                        return
                    time.sleep(0.01)

    def submit(self, wire):
        life = self.life
        if len(life.ledger.open()) >= AHEAD:
            time.sleep(0.005)
            return
        serial = next(life.serials)
        key = f"tiny-{serial}"
        job = tiny_job(serial)
        life.ledger.ask(key, job)
        answer = wire.submit(job, key)
        if answer.status in (200, 201):
            life.ledger.acknowledge(key, job_of(answer))
        elif answer.status != 429:
            life.faults.append(f"submitting: {answer.status} {answer.body[:120]!r}")

    def look(self, wire):
        for job in wire.get("/v1/jobs?limit=50")["jobs"]:
            # One of somebody who has not got his answer yet is noted when it comes.
            if job["id"] in self.life.ledger.told:
                self.life.ledger.tell(job)
        time.sleep(0.01)
