"""Requests that are wrong: each is made of a right one, by a seed.

`spoken(random)` makes one that is HTTP and says nothing sensible: it is answered, and the
connection goes on. `broken(random)` makes one that is no HTTP, or none that is safe to go on after:
the connection ends with it.
"""

import json

# Statuses with which nonsense is refused; 422 is a scenario that the worker does not have.
REFUSALS = {400, 403, 404, 405, 408, 409, 411, 413, 414, 415, 417, 422, 426, 429, 431, 501, 505}

# What no worker has: a job that is right by accident goes no further than the scenario.
NO_WORKLOAD = "no-such-workload"

PATHS = [
    "/v1/status", "/v1/jobs", "/v1/jobs/1", "/v1/jobs/1/cancel", "/v1/jobs/1/pause", "/v1/events",
    "/v1/sessions/0000", "/v1/schedules", "/v1/queue/pause", "/metrics", "/readyz",
]

WRONG_PATHS = [
    "/v1/jobs/-1", "/v1/jobs/0x10", "/v1/jobs/99999999999999999999", "/v1/jobs/1e3", "/v1/jobs/%00",
    "/v1/jobs/1/explode", "/v1/jobs//", "/v2/status", "/v1/../etc/passwd", "/v1/%2e%2e/%2e%2e/etc",
    "/v1/sessions/zz%ff", "/v1/sessions/" + "a" * 300, "/v1/jobs?limit=0", "/v1/jobs?limit=1001",
    "/v1/jobs?limit=x", "/v1/jobs?state=flying", "/v1/jobs?before=-5", "/v1/jobs?colour=red",
    "/v1/events?after=-1", "/v1/events?limit=99999999999999999999", "/v1/events?after=1&after=x",
    "/v1/status?x=1", "/V1/STATUS", "/v1/schedules/none", "/v1/jobs/%D9%A1", "//v1/status", "/v1/%zz",
]

WRONG_METHODS = ["PUT", "PATCH", "TRACE", "OPTIONS", "DELETE"]

WRONG_VALUES = [
    None, True, -1, 0, 1e308, 10**30, "", "x" * 3000, "\u0000", "\ud7ff", [], {}, [[]], {"a": {}},
    ["native"] * 1001, -0.5, "1",
]

CHUNKED_HEAD = (
    b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n")


def job():
    return {
        "scenario": {
            "workload": NO_WORKLOAD, "backends": ["native"], "parameters": {"steps": [1]},
            "stacks": ["64KiB"], "blocks": 1, "batches_per_visit": 1, "batch_ns": 100_000, "seed": 7,
        },
        "command_line": "fuzz", "client": "fuzz", "priority": 0, "resumes": True,
        "quiet": {"pressure_percent_max": 5, "deadline_s": 60}, "time_budget_s": 5,
    }


def message(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost"]
    if body or method == "POST":
        lines.append(b"Content-Length: %d" % len(body))
        lines.append(b"Content-Type: application/json")
    lines.extend(headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def spoken(random):
    return random.choice(SPOKEN)(random)


def broken(random):
    return random.choice(BROKEN)(random)


def wrong_path(random):
    return message("GET", random.choice(WRONG_PATHS))


def wrong_method(random):
    return message(random.choice(WRONG_METHODS), random.choice(PATHS))


def wrong_member(random):
    """A value of the wrong type or out of its range, or a member that is not there."""
    made = job()
    part = made if random.random() < 0.5 else made["scenario"]
    name = random.choice(list(part))
    if random.random() < 0.2:
        part[name + random.choice(["s", "_", "\u200b"])] = part.pop(name)
    else:
        part[name] = random.choice(WRONG_VALUES)
    # Never a workload that there is: null in place of the scenario cannot name one either.
    return message("POST", "/v1/jobs", json.dumps(made).encode())


def wrong_json(random):
    """Bytes of a document dropped, doubled, or replaced."""
    body = bytearray(json.dumps(job()).encode())
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(body))
        choice = random.randrange(4)
        if choice == 0:
            del body[at : at + random.randrange(1, 20)]
        elif choice == 1:
            body[at:at] = body[at : at + 20]
        elif choice == 2:
            body[at] = random.randrange(256)
        else:
            body[at:at] = random.choice([b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"NaN"])
        if not body:
            body += b"{"
    return message("POST", "/v1/jobs", bytes(body))


def deep_json(random):
    depth = random.choice([33, 64, 200, 1000])
    body = random.choice([b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth])
    return message("POST", "/v1/jobs", body)


def wrong_type(random):
    body = json.dumps(job()).encode()
    kind = random.choice([b"text/plain", b"application/xml", b"application/jsonx", b"", b";;;"])
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def wrong_key(random):
    key = random.choice([b"k" * 129, b"", b"\xff\xfe", b"a b\tc", b"\xc3\xa4"])
    return message("POST", "/v1/jobs", json.dumps(job()).encode(), [b"Idempotency-Key: " + key])


def wrong_schedule(random):
    cron = random.choice([
        "", "* * * *", "61 * * * *", "* * * * * *", "a b c d e", "*/0 * * * *", "1-0 * * * *"])
    document = {"cron": cron, "name": random.choice(["x", "", "y" * 5000]), "job": job()}
    return message("POST", "/v1/schedules", json.dumps(document).encode())


def chunked_nonsense(random):
    """A body in chunks, well cut, with nothing sensible in it."""
    data = bytes(random.randrange(256) for _ in range(random.randrange(1, 60)))
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return CHUNKED_HEAD + chunks + b"0\r\n\r\n"


def bad_line(random):
    return random.choice([
        b"GET\r\n\r\n", b"GET /v1/status\r\n\r\n", b"GET /v1/status HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET  /v1/status HTTP/1.1\r\n\r\n", b"BREW /v1/status HTTP/1.1\r\n\r\n",
        b"get /v1/status HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 64 + b"\r\n\r\n",
        b"GET /v1/status HTTP/1.1 trailing\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
    ])


def bad_header(random):
    return b"GET /v1/status HTTP/1.1\r\nHost: x\r\n" + random.choice([
        b"no colon here", b": empty", b"Spa ce: 1", b"Na\x00me: 1", b"Folded: a\r\n b", b"N\xc3\xa4me: 1",
        b"Value: \x01\x02", b"Content-Length: -1", b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: 0x10", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: gzip",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked, identity",
    ]) + b"\r\n\r\n"


def too_much(random):
    return random.choice([
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + b"b" * 17000 + b"\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2000000\r\n\r\n{",
    ])


def bad_chunk(random):
    return CHUNKED_HEAD + random.choice([
        b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n", b"ffffffffffffffff1\r\nabc\r\n", 
        b"5\r\nabcdefgh\r\n0\r\n\r\n", b"3;" + b"e" * 20000 + b"\r\nabc\r\n0\r\n\r\n", b"\r\n\r\n",
    ])


def cut_short(random):
    """The front of a right request; who sent it goes away."""
    whole = message("POST", "/v1/jobs", json.dumps(job()).encode())
    return whole[: random.randrange(1, len(whole))]


def flipped(random):
    """A right request with some bytes of its head changed."""
    whole = bytearray(message("POST", "/v1/jobs", json.dumps(job()).encode()))
    head = whole.index(b"\r\n\r\n")
    for _ in range(random.randrange(1, 5)):
        whole[random.randrange(head)] = random.randrange(256)
    return bytes(whole)


SPOKEN = [
    wrong_path, wrong_method, wrong_member, wrong_member, wrong_json, wrong_json, deep_json, wrong_type,
    wrong_key, wrong_schedule, chunked_nonsense,
]
BROKEN = [bad_line, bad_header, bad_header, too_much, bad_chunk, cut_short, flipped, flipped]
