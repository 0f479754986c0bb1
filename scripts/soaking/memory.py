"""Memory: ten thousand runs leave the service as it was before them."""

import time

import process
from daemon import DaemonGone, tiny_job
from outcome import megabytes
from wire import job_of

RUNS = 10_000
RESIDENT_MAX = 64_000_000
SLOPE_MAX = 1000.0

# How many jobs wait at most: enough that the worker is never without one.
AHEAD = 40

# More than a worker serves.
WARM_RUNS = 80


def soak(context):
    daemon = context.daemon()
    daemon.start()
    runs = 300 if context.quick else RUNS
    # The first runs fill caches and pools, and with the first new worker timers are made that stay.
    submit_and_wait(context, daemon, WARM_RUNS, "warm", [])
    descriptors = daemon.settled_descriptors()
    begin = time.monotonic()
    points = []
    done = submit_and_wait(context, daemon, runs, "run", points)
    while not context.quick and time.monotonic() - begin < context.seconds:
        done += submit_and_wait(context, daemon, 1000, f"more-{done}", points, done)
    with daemon.wire() as wire:
        not_done = not_done_jobs(wire)
        status = wire.get("/v1/status")
    after = daemon.settled_descriptors(descriptors)
    resident = process.resident_bytes(daemon.pid)
    context.bar("runs submitted and done", f"{done:,}", f"{runs:,}", done >= runs)
    context.count("runs that did not end as done", not_done)
    context.bar(
        "resident memory of the service, at its peak", megabytes(process.peak_bytes(daemon.pid)),
        f"at most {megabytes(RESIDENT_MAX)}", process.peak_bytes(daemon.pid) <= RESIDENT_MAX)
    half = [point for point in points if point[0] >= done / 2]
    growth = slope(half)
    context.bar(
        "growth over the second half", f"{growth:.0f} B a run ({megabytes(resident)} at the end)",
        f"under {SLOPE_MAX:.0f} B a run", growth < SLOPE_MAX, judged=not context.quick)
    context.bar(
        "descriptors of the service", f"{after} after, {descriptors} before", "as many",
        after == descriptors)
    told = status["memory"]["resident_bytes"]
    context.bar(
        "resident memory that it tells of itself", megabytes(told), "within 4 MB of the kernel's",
        abs(told - resident) <= 4_000_000)


def submit_and_wait(context, daemon, runs, name, points, done_before=0):
    """Runs jobs to their ends, and notes (runs done, resident bytes) on the way."""
    submitted = 0
    next_point = 0
    deadline = time.monotonic() + 120 + runs
    with daemon.wire() as wire:
        while True:
            queue = wire.get("/v1/status")["queue"]
            waiting = queue["queued"] + (1 if queue.get("running") else 0)
            done = submitted - waiting
            if done >= next_point:
                points.append((done_before + done, process.resident_bytes(daemon.pid)))
                next_point = done + 50
                if done and done % 1000 < 50:
                    context.say(f"{done:,} of {runs:,}, {megabytes(points[-1][1])}")
            if submitted == runs and waiting == 0:
                return runs
            if time.monotonic() > deadline:
                raise DaemonGone(f"{waiting} of {submitted} jobs are not done after {deadline:.0f} s")
            for _ in range(min(AHEAD - waiting, runs - submitted)):
                job = tiny_job(context.random.randrange(1, 1 << 32))
                job_of(wire.submit(job, f"{name}-{submitted}"))
                submitted += 1
            time.sleep(0.02)


def not_done_jobs(wire):
    """The jobs that are final in another way, or that are not final."""
    found = []
    before = ""
    while True:
        page = wire.get(f"/v1/jobs?limit=1000{before}")
        found.extend(
            (job["id"], job["state"], job.get("reason")) for job in page["jobs"]
            if job["state"] != "done" or job.get("exit") != 0)
        if page.get("next") is None:
            return found
        before = f"&before={page['next']}"


def slope(points):
    """Bytes a run, by least squares."""
    if len(points) < 2:
        return float("nan")
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else float("nan")
