"""Idle: a daemon that has nothing to do leaves the machine alone."""

import time

import process
from outcome import megabytes

# What a start leaves to be done is done by then. So is the one wake-up that every connection costs
# its event loop after it is gone: the time by which a request should have come, 10 s after the last.
SETTLING_SECONDS = 12.0
WAKEUPS_MAX = 1.0
CPU_PERCENT_MAX = 0.1
RESIDENT_MAX = 64_000_000


def soak(context):
    daemon = context.daemon()
    daemon.start()
    watched = {"service": daemon.pid, "worker": daemon.await_worker()}
    seconds = 8.0 if context.quick else max(20.0, context.seconds - SETTLING_SECONDS)
    time.sleep(SETTLING_SECONDS)
    before = {name: (process.wakeups(pid), process.cpu_seconds(pid)) for name, pid in watched.items()}
    begin = time.monotonic()
    time.sleep(seconds)
    after = {name: (process.wakeups(pid), process.cpu_seconds(pid)) for name, pid in watched.items()}
    taken = time.monotonic() - begin
    for name in watched:
        # A thread that is new counts from zero; one that ended is lost, and was not idle.
        by_thread = {
            thread: count - before[name][0].get(thread, 0)
            for thread, count in after[name][0].items()}
        woken = sum(by_thread.values())
        context.say(f"{name}: " + (", ".join(
            f"{count} times {process.thread_name(watched[name], thread)} ({thread})"
            for thread, count in by_thread.items() if count) or "never"))
        percent = 100 * (after[name][1] - before[name][1]) / taken
        context.bar(
            f"wake-ups of the {name}", f"{woken / taken:.2f} a second over {taken:.0f} s",
            f"at most {WAKEUPS_MAX:g} a second", woken / taken <= WAKEUPS_MAX)
        context.bar(
            f"CPU of the {name}", f"{percent:.4f} %", f"under {CPU_PERCENT_MAX:g} %",
            percent < CPU_PERCENT_MAX)
    resident = process.resident_bytes(daemon.pid)
    context.bar(
        "resident memory of the service", megabytes(resident), f"at most {megabytes(RESIDENT_MAX)}",
        resident <= RESIDENT_MAX)
    context.bar(
        "resident memory at the peak of its start", megabytes(daemon.start_peak),
        f"at most {megabytes(RESIDENT_MAX)}", daemon.start_peak <= RESIDENT_MAX, judged=False)
