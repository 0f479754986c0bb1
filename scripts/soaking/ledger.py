"""What was promised to the clients of a daemon that dies, to be compared with what it remembers."""

import threading

from wire import job_of

# States that a job never leaves.
FINAL = {"done", "failed", "cancelled", "expired", "interrupted"}


class Ledger:
    """Every submission, what was answered, and the last that was told of its job."""

    def __init__(self):
        self.lock = threading.Lock()
        # Job by key; None between the question and its answer.
        self.asked = {}
        # The last that was told, by id.
        self.told = {}
        # Keys without an answer: they may or may not have arrived.
        self.unknown = set()
        self.faults = []

    def ask(self, key, job):
        with self.lock:
            self.asked[key] = (job, None)
            self.unknown.add(key)

    def acknowledge(self, key, told):
        """Takes the answer to a submission."""
        with self.lock:
            job, known = self.asked[key]
            if known is not None and known != told["id"]:
                self.faults.append(f"{key} is job {known}, and then job {told['id']}")
            self.asked[key] = (job, told["id"])
            self.unknown.discard(key)
        self.tell(told)

    def tell(self, told):
        """Takes a job as the daemon shows it; what is final stays as it is."""
        with self.lock:
            last = self.told.get(told["id"])
            state = told["state"]
            session = told.get("session")
            if last is not None and last[0] in FINAL and last[:2] != (state, session):
                self.faults.append(
                    f"job {told['id']} was {last[0]} with session {last[1]}, and is {state} with {session}")
            self.told[told["id"]] = (state, session, told.get("exit"), told["interruptions"])

    @property
    def acknowledged(self):
        with self.lock:
            return {known: key for key, (_, known) in self.asked.items() if known is not None}

    def open(self):
        """Acknowledged jobs that are not known to be final."""
        with self.lock:
            return [job for job, told in self.told.items() if told[0] not in FINAL]

    def settle(self, wire):
        """Submits again what got no answer, twice: both times it has to be the same job."""
        with self.lock:
            unknown = sorted(self.unknown)
        for key in unknown:
            job = self.asked[key][0]
            first = wire.submit(job, key)
            if first.status == 429:
                # The queue is full, so it did not arrive then, and does not now.
                continue
            self.acknowledge(key, job_of(first))
            second = wire.submit(job, key)
            if second.status != 200:
                self.faults.append(f"{key} submitted again: {second.status} {second.body[:120]!r}")
            else:
                self.acknowledge(key, job_of(second))

    def look(self, wire, jobs):
        """Asks for jobs that were acknowledged: each has to be known, with its own request."""
        keys = self.acknowledged
        for job in jobs:
            answer = wire.ask("GET", f"/v1/jobs/{job}")
            if answer.status != 200:
                self.faults.append(f"job {job} was acknowledged: {answer.status} {answer.body[:120]!r}")
                continue
            told = answer.document()
            wanted = self.asked[keys[job]][0]["scenario"]["seed"]
            if told["request"]["scenario"]["seed"] != wanted:
                self.faults.append(f"job {job} has the request of another one")
            self.tell(told)


def all_jobs(wire):
    """Every job that the daemon knows, newest first."""
    found = []
    before = ""
    while True:
        page = wire.get(f"/v1/jobs?limit=1000{before}")
        found.extend(page["jobs"])
        if page.get("next") is None:
            return found
        before = f"&before={page['next']}"
