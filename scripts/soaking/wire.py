"""Speaks HTTP/1.1 with the daemon over its Unix socket, by hand: whatever it answers is seen."""

import json
import socket


class WireError(Exception):
    """No answer, or one that is not of HTTP."""


class Answer:
    """A status, the headers in lower case, and a body."""

    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def document(self):
        """The body as JSON."""
        return json.loads(self.body)


def connect(path, timeout=10.0):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.settimeout(timeout)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made


def request(method, target, body=None, headers=()):
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        lines.append("Content-Type: application/json")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def head_of(buffer):
    """The status, the headers and where the body begins; None as long as they are not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > 65536:
            raise WireError("a head without an end")
        return None
    lines = bytes(buffer[:end]).split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise WireError(f"not HTTP: {lines[0][:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    return int(words[1]), headers, end + 4


def answer_in(buffer):
    """Takes one answer from the front of a bytearray; None as long as it is not complete."""
    head = head_of(buffer)
    if head is None:
        return None
    status, headers, start = head
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = bytearray()
        while True:
            line_end = buffer.find(b"\r\n", start)
            if line_end < 0:
                return None
            size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
            start = line_end + 2
            if len(buffer) < start + size + 2:
                return None
            body += buffer[start : start + size]
            start += size + 2
            if size == 0:
                break
        body = bytes(body)
    else:
        size = int(headers.get("content-length", "0"))
        if status in (204, 304) or status < 200:
            size = 0
        if len(buffer) < start + size:
            return None
        body = bytes(buffer[start : start + size])
        start += size
    del buffer[:start]
    return Answer(status, headers, body)


class Wire:
    """One client: a connection that is kept, and made anew when it is gone."""

    def __init__(self, path, timeout=10.0):
        self.path = path
        self.timeout = timeout
        self.socket = None
        self.buffer = bytearray()

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self.buffer.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, method, target, body=None, headers=()):
        """The answer; WireError without one."""
        reused = self.socket is not None
        try:
            return self._ask(request(method, target, body, headers))
        except (OSError, ValueError, WireError) as error:
            silent = not self.buffer
            self.close()
            # The daemon may close a connection that was idle; then nothing was asked at all.
            # A timeout is no such case.
            if not (reused and silent) or isinstance(error, TimeoutError):
                raise WireError(f"{method} {target}: {error or type(error).__name__}") from error
        try:
            return self._ask(request(method, target, body, headers))
        except (OSError, ValueError, WireError) as error:
            self.close()
            raise WireError(f"{method} {target}: {error or type(error).__name__}") from error

    def _ask(self, wanted):
        if self.socket is None:
            self.socket = connect(self.path, self.timeout)
        self.socket.sendall(wanted)
        while True:
            answer = answer_in(self.buffer)
            if answer is not None and answer.status >= 200:
                if answer.headers.get("connection", "").lower() == "close":
                    self.close()
                return answer
            received = self.socket.recv(65536)
            if not received:
                raise WireError("the connection was closed before the answer was complete")
            self.buffer += received

    def get(self, target):
        """The document of a question that has to be answered with 200."""
        answer = self.ask("GET", target)
        if answer.status != 200:
            raise WireError(f"GET {target}: {answer.status} {answer.body[:200]!r}")
        return answer.document()

    def submit(self, job, key=None):
        """The answer to a submission, whatever it is."""
        headers = [("Idempotency-Key", key)] if key else []
        return self.ask("POST", "/v1/jobs", job, headers)


def job_of(answer):
    """The job of an accepted submission; WireError for every other answer."""
    if answer.status not in (200, 201):
        raise WireError(f"submitting: {answer.status} {answer.body[:200]!r}")
    document = answer.document()
    return document.get("job", document)


def stream(path, target, timeout=60.0):
    """The server-sent events of a path, as (name, data); ends when the server ends them."""
    link = connect(path, timeout)
    buffer = bytearray()
    try:
        link.sendall(request("GET", target, headers=[("Accept", "text/event-stream")]))
        while (head := head_of(buffer)) is None:
            received = link.recv(65536)
            if not received:
                raise WireError(f"GET {target}: closed before the answer")
            buffer += received
        status, headers, start = head
        if status != 200:
            raise WireError(f"GET {target}: {status} {bytes(buffer[start:start + 200])!r}")
        del buffer[:start]
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        text = bytearray()
        while True:
            ended = _unwrap(buffer, text) if chunked else _take_all(buffer, text)
            while (blank := text.find(b"\n\n")) >= 0:
                lines = bytes(text[:blank]).decode().split("\n")
                del text[: blank + 2]
                fields = dict(line.split(": ", 1) for line in lines if ": " in line[1:])
                if "data" in fields:
                    yield fields.get("event", "message"), json.loads(fields["data"])
            if ended:
                return
            received = link.recv(65536)
            if not received:
                return
            buffer += received
    finally:
        link.close()


def _take_all(buffer, text):
    text += buffer
    buffer.clear()
    return False


def _unwrap(buffer, text):
    """Moves complete chunks from the buffer to the text; whether that was the last one."""
    while True:
        line_end = buffer.find(b"\r\n")
        if line_end < 0:
            return False
        size = int(bytes(buffer[:line_end]).split(b";")[0], 16)
        if len(buffer) < line_end + 4 + size:
            return False
        text += buffer[line_end + 2 : line_end + 2 + size]
        del buffer[: line_end + 4 + size]
        if size == 0:
            return True
