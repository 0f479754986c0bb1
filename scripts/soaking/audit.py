"""The last look at a store whose daemon died many times: complete, whole, and nothing twice."""

import sqlite3
import subprocess

from ledger import all_jobs


def audit(context, daemon, ledger):
    """Compares ledger, daemon and file; the daemon is up and has nothing to do."""
    with daemon.wire(timeout=60.0) as wire:
        ledger.look(wire, sorted(ledger.acknowledged))
        jobs = all_jobs(wire)
        faults = jobs_against_ledger(jobs, ledger)
        faults += sessions_of_jobs(context, wire, jobs)
    context.count("lost, torn or changed jobs", ledger.faults)
    context.count("jobs that are there twice, unasked for or without their session", faults)
    # Its log is read in, and nobody writes meanwhile.
    daemon.remove(keep=True)
    store = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)
    try:
        context.count("faults that SQLite finds in the store", integrity(store))
        context.count("sessions of no job, or of two", sessions_against_jobs(store, jobs))
        damaged, checked = damaged_blobs(store)
        context.say(f"{checked:,} blobs checked")
        context.count("blobs whose checksum is wrong", damaged)
    finally:
        store.close()
    context.count("sessions that `greenbench show` cannot read", unreadable(context, daemon, jobs))
    return jobs


def jobs_against_ledger(jobs, ledger):
    faults = []
    keys = ledger.acknowledged
    ids = [job["id"] for job in jobs]
    if len(set(ids)) != len(ids):
        faults.append("an id is listed twice")
    faults.extend(f"job {one} was submitted by nobody" for one in set(ids) - set(keys))
    # Every key was settled, so a job too many is a key with two.
    if len(ids) > len(ledger.asked):
        faults.append(f"{len(ids)} jobs of {len(ledger.asked)} keys")
    for job in jobs:
        if job["state"] == "done" and not job.get("session"):
            faults.append(f"job {job['id']} is done without a session")
        elif job["state"] not in ("done", "interrupted"):
            faults.append(f"job {job['id']} ended as {job['state']}: {job.get('reason')}")
    return faults


def sessions_of_jobs(context, wire, jobs):
    """Reads the reports of done jobs; all of them in a quick run, else a sample."""
    faults = []
    done = [job for job in jobs if job.get("session")]
    for job in done if len(done) <= 2000 else context.random.sample(done, 2000):
        answer = wire.ask("GET", f"/v1/sessions/{job['session']}")
        if answer.status != 200:
            faults.append(f"session {job['session']} of job {job['id']}: {answer.status}")
            continue
        report = answer.document()
        rows = report["rows"]
        scenario = job["request"]["scenario"]
        if report["exit"] != job["exit"] or report["seed"] != scenario["seed"]:
            faults.append(f"session {job['session']} is of another run than job {job['id']}")
        elif len(rows) != 1:
            faults.append(f"session {job['session']} has {len(rows)} rows in place of 1")
        elif rows[0]["status"] == "ok" and rows[0]["blocks"] != scenario["blocks"]:
            faults.append(f"session {job['session']} has {rows[0]['blocks']} blocks")
        elif rows[0]["status"] not in ("ok", "crashed"):
            faults.append(f"session {job['session']}: {rows[0]['status']}, {rows[0].get('failure')}")
        elif rows[0]["status"] == "crashed" and "SIGKILL" not in (rows[0].get("failure") or ""):
            faults.append(f"session {job['session']} crashed: {rows[0].get('failure')}")
    return faults


def integrity(store):
    found = [row[0] for row in store.execute("PRAGMA integrity_check")]
    found = [] if found == ["ok"] else found
    return found + [str(row) for row in store.execute("PRAGMA foreign_key_check")]


def sessions_against_jobs(store, jobs):
    """A session that no job names was stored, and then run again: the same thing twice."""
    stored = [row[0] for row in store.execute("SELECT uuid FROM session")]
    named = [job["session"] for job in jobs if job.get("session")]
    faults = [f"session {one} is of no job" for one in set(stored) - set(named)]
    faults += [f"session {one} is not stored" for one in set(named) - set(stored)]
    if len(set(named)) != len(named):
        faults.append("two jobs have one session")
    without = store.execute(
        "SELECT uuid FROM session WHERE NOT EXISTS (SELECT 1 FROM run WHERE session_id = session.id)")
    return faults + [f"session {row[0]} has no rows" for row in without]


def damaged_blobs(store):
    damaged = []
    checked = 0
    for table in ("batches", "hist"):
        for run, wanted, blob in store.execute(f"SELECT run_id, crc32c, blob FROM {table}"):
            checked += 1
            if crc32c(blob) != wanted:
                damaged.append(f"{table} of run {run}")
    return damaged, checked


def unreadable(context, daemon, jobs):
    """A sample, for each is a process."""
    done = [job for job in jobs if job.get("session")]
    faults = []
    for job in context.random.sample(done, min(len(done), 5 if context.quick else 50)):
        shown = subprocess.run(
            [daemon.binary, "show", job["session"], "--json"], env=daemon.environment,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        if shown.returncode != 0 or job["session"].encode() not in shown.stdout:
            faults.append(f"{job['session']}: exit {shown.returncode} {shown.stderr[:200]!r}")
    return faults


def _table():
    made = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        made.append(crc)
    return made


TABLE = _table()


def crc32c(blob):
    """The checksum of the store, worked out by somebody else."""
    crc = 0xFFFFFFFF
    for byte in blob:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF
