"""Some clients of a crowd in one process: mixed requests at random moments, each answer checked.

A line on standard input opens the gate (`go JOB SESSION`), closes it (`halt`) or ends it (`end`);
then what was found is one line of JSON on standard output.
"""

import heapq
import json
import os
import random
import selectors
import sys
import time

from daemon import tiny_job
from wire import WireError, answer_in, connect, request

# What is asked, and how often.
MIX = {
    "status": 40, "job": 16, "jobs": 8, "events": 8, "submit": 8, "session": 4, "attach": 6,
    "metrics": 3, "readyz": 4, "schedules": 3,
}

# For what is on its way when all is over.
FINISH_SECONDS = 10.0

# Statuses that are answers; 429 and 409 say something about the queue and the job, not a fault.
ANSWERS = {"submit": (200, 201, 429), "cancel": (200, 409)}


class Client:
    """One connection, and what it waits for."""

    def __init__(self, number):
        self.number = number
        self.link = None
        self.attached = None
        self.buffer = bytearray()
        self.asked = None
        self.begin = 0.0
        self.own_job = None
        self.is_due = False


class Crowd:
    """All clients of this process."""

    def __init__(self, path, count, rate, seed):
        self.path = path
        self.random = random.Random(seed)
        self.pause = count / rate
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self.clients = [Client(number) for number in range(count)]
        self.due = []
        self.is_open = False
        self.job = self.session = None
        self.seconds = {}
        self.faults = []
        self.fault_count = 0
        self.refused = 0
        self.serial = 0

    def run(self):
        while True:
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                _, number = heapq.heappop(self.due)
                self.clients[number].is_due = False
                self.ask(self.clients[number])
            # Behind a closed gate nothing is due: the process sleeps until it is told.
            wait = None if not self.due else max(0.0, self.due[0][0] - time.monotonic())
            for key, _ in self.selector.select(wait):
                if key.data is None:
                    if not self.command():
                        return
                else:
                    self.read(*key.data)

    def command(self):
        """Whether it goes on."""
        for line in os.read(sys.stdin.fileno(), 4096).decode().splitlines() or ["end"]:
            words = line.split()
            if words[0] == "end":
                self.finish()
                return False
            self.is_open = words[0] == "go"
            if self.is_open:
                self.job, self.session = words[1:3]
                for client in self.clients:
                    if client.asked is None:
                        self.later(client)
        return True

    def finish(self):
        """Waits for the answers that are on their way, and cancels what was submitted."""
        self.is_open = False
        self.selector.unregister(sys.stdin.fileno())
        deadline = time.monotonic() + FINISH_SECONDS
        while any(one.asked or one.own_job for one in self.clients) and time.monotonic() < deadline:
            for client in self.clients:
                if client.own_job is not None:
                    self.ask(client)
            for key, _ in self.selector.select(0.1):
                self.read(*key.data)

    def later(self, client):
        if client.is_due:
            return
        client.is_due = True
        delay = self.random.expovariate(1.0) * self.pause
        heapq.heappush(self.due, (time.monotonic() + delay, client.number))

    def ask(self, client):
        if client.asked is not None:
            return
        if client.own_job is not None:
            kind = "cancel"
        elif self.is_open:
            kind = self.random.choices(list(MIX), list(MIX.values()))[0]
        else:
            return
        client.asked = kind
        client.begin = time.monotonic()
        try:
            if kind == "attach":
                client.attached = connect(self.path)
                self.selector.register(client.attached, selectors.EVENT_READ, (client, "attached"))
                client.attached.sendall(self.bytes_of(kind, client))
                return
            if client.link is None:
                client.link = connect(self.path)
                self.selector.register(client.link, selectors.EVENT_READ, (client, "link"))
            client.link.sendall(self.bytes_of(kind, client))
        except OSError as error:
            self.fault(client, f"{kind}: {error}")

    def bytes_of(self, kind, client):
        if kind == "submit":
            self.serial += 1
            job = tiny_job(self.serial, client=f"crowd-{client.number}", priority=-10)
            key = f"{os.getpid()}-{self.serial}"
            return request("POST", "/v1/jobs", job, [("Idempotency-Key", key)])
        if kind == "cancel":
            return request("POST", f"/v1/jobs/{client.own_job}/cancel")
        return request("GET", {
            "status": "/v1/status", "job": f"/v1/jobs/{self.job}", "jobs": "/v1/jobs?limit=20",
            "events": f"/v1/events?after={self.random.randrange(50)}&limit=20",
            "session": f"/v1/sessions/{self.session}", "metrics": "/metrics", "readyz": "/readyz",
            "attach": f"/v1/jobs/{self.job}/updates", "schedules": "/v1/schedules",
        }[kind])

    def read(self, client, which):
        link = getattr(client, which)
        try:
            received = link.recv(262144)
            if not received and client.asked is None:
                # It was idle for long; the next question finds a new connection.
                self.drop(client, which)
                return
            if not received:
                raise WireError("closed without an answer")
            client.buffer += received
            if which == "attached":
                # The job may have ended meanwhile; then the stream tells its last state.
                if b"data:" in client.buffer and client.buffer.rstrip(b"\n") != client.buffer:
                    if not client.buffer.startswith(b"HTTP/1.1 200"):
                        raise WireError(f"{bytes(client.buffer[:100])!r}")
                    self.answered(client)
                elif b"\r\n\r\n" in client.buffer and not client.buffer.startswith(b"HTTP/1.1 200"):
                    raise WireError(f"{bytes(client.buffer[:100])!r}")
                return
            answer = answer_in(client.buffer)
            if answer is None:
                return
            if client.asked is None:
                raise WireError(f"an answer that nobody asked for: {answer.status}")
            if answer.status not in ANSWERS.get(client.asked, (200,)):
                raise WireError(f"{answer.status} {answer.body[:120]!r}")
            self.refused += answer.status == 429
            client.own_job = None
            if client.asked == "submit" and answer.status == 201:
                document = answer.document()
                client.own_job = document.get("job", document)["id"]
            self.answered(client)
        except (OSError, ValueError, WireError) as error:
            self.fault(client, f"{client.asked}: {error}")

    def answered(self, client):
        taken = time.monotonic() - client.begin
        self.seconds.setdefault(client.asked, []).append(taken)
        if client.asked == "attach":
            self.drop(client, "attached")
        client.asked = None
        client.buffer.clear()
        if self.is_open or client.own_job is not None:
            self.later(client)

    def fault(self, client, text):
        self.fault_count += 1
        if len(self.faults) < 20:
            self.faults.append(text)
        self.drop(client, "attached")
        self.drop(client, "link")
        client.asked = client.own_job = None
        client.buffer.clear()
        if self.is_open:
            self.later(client)

    def drop(self, client, which):
        link = getattr(client, which)
        if link is not None:
            self.selector.unregister(link)
            link.close()
            setattr(client, which, None)


def main():
    path, count, rate, seed, cpus = sys.argv[1:6]
    if cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    crowd = Crowd(path, int(count), float(rate), seed)
    crowd.run()
    unanswered = [client.asked for client in crowd.clients if client.asked is not None]
    print(json.dumps({
        "seconds": crowd.seconds, "faults": crowd.faults, "fault_count": crowd.fault_count,
        "refused": crowd.refused, "unanswered": unanswered,
    }))


if __name__ == "__main__":
    main()
