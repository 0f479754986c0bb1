"""Fuzz: a million wrong requests and the slowest of clients, and nobody else notices."""

import json
import os
import subprocess
import sys
import threading
import time

import process
from outcome import megabytes, percentile
from slow import LIMITS, SlowClients
from starvation import starve
from wire import Wire, WireError

REQUESTS = 1_000_000
PROCESSES = 3
RESIDENT_MAX = 64_000_000
ANSWER_MAX = 1.0
SLOW_EACH = 25


def soak(context):
    daemon = context.daemon()
    daemon.start()
    with daemon.wire() as wire:
        wire.get("/v1/status")
    descriptors = daemon.settled_descriptors()
    requests = 20_000 if context.quick else REQUESTS
    friend = Friend(daemon)
    slow = SlowClients(daemon.socket, SLOW_EACH)
    begin = time.monotonic()
    found = attack(context, daemon, requests, 0)
    rounds = 1
    while not context.quick and time.monotonic() - begin < context.seconds and not faults_of(found):
        found += attack(context, daemon, requests // 10, rounds)
        rounds += 1
    taken = time.monotonic() - begin
    kinds = ["a byte a second", "half of a request"] if context.quick else list(LIMITS)
    slow.await_gone(kinds)
    friend.end()
    slow.end()
    if daemon.child.poll() is None:
        daemon.settled_descriptors(descriptors)
        starve(context, daemon)
    sent = sum(one["sent"] for one in found)
    statuses = {}
    for one in found:
        for status, count in one["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    context.say(", ".join(f"{count:,} times {status}" for status, count in sorted(statuses.items())))
    context.bar(
        "malformed requests", f"{sent:,} ({sent / taken:,.0f} a second)", f"{requests:,}", sent >= requests)
    context.count("wrong answers to them", faults_of(found))
    crashed = daemon.child.poll() is not None
    context.bar("crashes", f"{int(crashed)}", "0", not crashed)
    report_slow(context, slow, kinds)
    context.count("errors of a client who behaves", friend.faults)
    context.bar(
        "its answers, P50, P99 and longest",
        ", ".join(f"{1000 * value:.1f} ms" for value in (
            percentile(friend.seconds, 0.5), percentile(friend.seconds, 0.99), max(friend.seconds))),
        f"under {ANSWER_MAX:g} s", max(friend.seconds) < ANSWER_MAX)
    if crashed:
        return
    peak = process.peak_bytes(daemon.pid)
    context.bar(
        "resident memory of the service, at its peak", megabytes(peak),
        f"at most {megabytes(RESIDENT_MAX)}", peak <= RESIDENT_MAX)
    after = daemon.settled_descriptors(descriptors)
    context.bar(
        "descriptors of the service", f"{after} after, {descriptors} before", "as many",
        after == descriptors)


def attack(context, daemon, requests, number):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz_attackers.py")
    attackers = [
        subprocess.Popen(
            [sys.executable, "-B", script, daemon.socket, str(-(-requests // PROCESSES)),
             f"{context.seed} {number} {one}"], stdout=subprocess.PIPE, text=True)
        for one in range(PROCESSES)
    ]
    found = []
    try:
        for one in attackers:
            try:
                found.append(json.loads(one.communicate(timeout=3600)[0]))
            except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
                found.append({"sent": 0, "statuses": {}, "faults": [f"the attackers' process: {error}"]})
    finally:
        for one in attackers:
            one.kill()
            one.wait()
    return found


def faults_of(found):
    return [text for one in found for text in one["faults"]]


def report_slow(context, slow, kinds):
    for kind in LIMITS:
        gone = slow.gone[kind]
        longest = f", the last after {max(gone):.0f} s" if gone else ""
        context.bar(
            f"clients that are slow: {kind}", f"{len(gone)} of {SLOW_EACH} closed{longest}",
            f"all within {LIMITS[kind]} s", len(gone) + slow.refused >= SLOW_EACH,
            judged=kind in kinds)


class Friend:
    """A client who behaves, all the while."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.seconds = []
        self.faults = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with Wire(self.daemon.socket) as wire:
            while not self.over.wait(0.01):
                begin = time.monotonic()
                try:
                    wire.get("/v1/status")
                    # Every so often somebody new has to get in, too.
                    if len(self.seconds) % 20 == 0:
                        wire.close()
                except (OSError, WireError) as error:
                    self.faults.append(str(error))
                    if len(self.faults) > 100:
                        return
                self.seconds.append(time.monotonic() - begin)

    def end(self):
        self.over.set()
        self.thread.join()
