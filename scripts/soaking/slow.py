"""Clients that are slow in one way each, and when the daemon lost its patience with them."""

import selectors
import socket
import threading
import time

from wire import connect, request

# By when each kind has to be gone, in seconds: the daemon's own limits, and some to spare.
LIMITS = {
    "a byte a second": 10 + 5, "half of a request": 10 + 5, "never reads": 30 + 10,
    "says nothing": 75 + 10,
}

# A request for something big, again and again: the answers pile up.
GREEDY = request("GET", "/v1/openapi.json") * 2000


class SlowClients:
    """Some of every kind, kept by a thread."""

    def __init__(self, path, each):
        self.begin = time.monotonic()
        self.open = {}
        self.gone = {kind: [] for kind in LIMITS}
        self.refused = 0
        self.over = threading.Event()
        for kind in LIMITS:
            for _ in range(each):
                try:
                    link = connect(path)
                except OSError:
                    self.refused += 1
                    continue
                link.setblocking(False)
                self.open[link] = kind
                self.first(link, kind)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def first(self, link, kind):
        try:
            if kind == "half of a request":
                link.send(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            elif kind == "never reads":
                link.send(GREEDY)
        except (BlockingIOError, BrokenPipeError):
            # It was taken as far as there was room.
            return

    def run(self):
        text = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"s" * 10_000
        step = 0
        while not self.over.wait(1.0) and self.open:
            for link, kind in list(self.open.items()):
                try:
                    if kind == "a byte a second":
                        link.send(text[step : step + 1])
                    elif kind == "never reads":
                        # Tells whether it is still connected without taking anything.
                        link.send(b"")
                        self.send_more(link)
                        continue
                    if link.recv(65536, socket.MSG_DONTWAIT) == b"":
                        self.lose(link, kind)
                except BlockingIOError:
                    continue
                except OSError:
                    self.lose(link, kind)
            step += 1

    def send_more(self, link):
        poll = selectors.DefaultSelector()
        poll.register(link, selectors.EVENT_WRITE)
        if poll.select(0):
            link.send(GREEDY[:1000])
        poll.close()

    def lose(self, link, kind):
        self.gone[kind].append(time.monotonic() - self.begin)
        del self.open[link]
        link.close()

    def await_gone(self, kinds):
        """Waits for what has to be gone by the limits of these kinds."""
        deadline = self.begin + max(LIMITS[kind] for kind in kinds)
        while time.monotonic() < deadline and any(kind in kinds for kind in self.open.values()):
            time.sleep(0.2)

    def end(self):
        self.over.set()
        self.thread.join()
        for link in self.open:
            link.close()
