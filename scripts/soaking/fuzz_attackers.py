"""Sends wrong requests in one process, as fast as they are refused, and checks every answer."""

import json
import random
import socket
import sys

import mutations
from wire import WireError, answer_in, connect

# Wrong requests on a connection before the one that ends it.
PIPELINED = 24
ANSWER_SECONDS = 20.0


class Attacker:
    def __init__(self, path, seed):
        self.path = path
        self.seed = seed
        self.statuses = {}
        self.faults = []
        self.answered = 0
        self.is_closing = False

    def attack(self, number):
        """One connection: several requests that are answered, and one that breaks it."""
        choices = random.Random(f"{self.seed} {number}")
        parts = [mutations.spoken(choices) for _ in range(choices.randrange(PIPELINED * 2))]
        last = mutations.broken(choices)
        self.answered = 0
        self.is_closing = False
        link = connect(self.path, ANSWER_SECONDS)
        try:
            self.exchange(link, parts, last)
        except (OSError, ValueError, WireError) as error:
            if len(self.faults) < 20:
                self.faults.append(f"connection {number} of {self.seed!r}: {error or type(error).__name__}")
        finally:
            link.close()
        return self.answered

    def exchange(self, link, parts, last):
        buffer = bytearray()
        waiting = memoryview(b"".join(parts))
        # The server need not read further than it has answered, so both ways take turns.
        while waiting and not self.is_closing:
            try:
                waiting = waiting[link.send(waiting[:16384]) :]
            except (BrokenPipeError, ConnectionResetError):
                # What it said before it closed is still to be read.
                break
            self.receive(link, buffer, len(parts), socket.MSG_DONTWAIT)
        while self.answered < len(parts) and not self.is_closing:
            self.receive(link, buffer, len(parts), 0)
        if self.is_closing:
            return
        if buffer:
            raise WireError(f"an answer too many: {bytes(buffer[:80])!r}")
        self.answered += 1
        try:
            link.sendall(last)
            link.shutdown(socket.SHUT_WR)
            while received := link.recv(65536):
                buffer += received
        except (BrokenPipeError, ConnectionResetError):
            # Closed in the middle of what is too long, or with some of it unread: a refusal too.
            self.note("reset")
        while (answer := answer_in(buffer)) is not None:
            self.judge(answer, mutations.REFUSALS | {200})
        if buffer:
            raise WireError(f"an answer that is cut short: {bytes(buffer[:80])!r}")

    def receive(self, link, buffer, wanted, flags):
        """Takes the answers that came."""
        try:
            received = link.recv(65536, flags)
        except BlockingIOError:
            return
        if not received:
            raise WireError(f"closed with {wanted - self.answered} requests unanswered that were HTTP")
        buffer += received
        while (answer := answer_in(buffer)) is not None:
            self.judge(answer, mutations.REFUSALS)
            self.answered += 1
            # Who says so may close, whatever else was asked.
            self.is_closing |= answer.headers.get("connection", "").lower() == "close"

    def judge(self, answer, allowed):
        self.note(str(answer.status))
        if answer.status not in allowed:
            raise WireError(f"answered with {answer.status}: {answer.body[:120]!r}")

    def note(self, what):
        self.statuses[what] = self.statuses.get(what, 0) + 1


def main():
    path, wanted, seed = sys.argv[1:4]
    attacker = Attacker(path, seed)
    sent = number = 0
    while sent < int(wanted) and len(attacker.faults) < 20:
        sent += attacker.attack(number)
        number += 1
    print(json.dumps({
        "sent": sent, "connections": number, "statuses": attacker.statuses, "faults": attacker.faults}))


if __name__ == "__main__":
    main()
