"""Proves the daemon's bars, for scripts/soak: a part for each, and a daemon of its own for each."""

import argparse
import os
import random
import signal
import sys
import time
import traceback

import crowd
import drain
import fuzz
import idle
import kills
import memory
import outcome
import process
from daemon import Daemon

# In this order: what needs a machine that is still cool comes first.
PARTS = {
    "idle": idle.soak, "crowd": crowd.soak, "drain": drain.soak, "kills": kills.soak,
    "memory": memory.soak, "fuzz": fuzz.soak,
}

# How the minutes are shared among the parts that go on for as long as there is time.
SHARES = {"idle": 0.04, "crowd": 0.4, "drain": 0.04, "kills": 0.3, "memory": 0.12, "fuzz": 0.1}


class Context:
    """What a part is given."""

    def __init__(self, name, options, found):
        self.name = name
        self.binary = options.binary
        self.quick = options.quick
        self.seed = options.seed
        # Equal for equal seeds, whichever parts are run.
        self.random = random.Random(f"{options.seed} {name}")
        self.seconds = 60 * options.minutes * SHARES[name]
        self.outcome = found
        self.daemons = []

    def daemon(self, configuration=""):
        """A daemon that is not started yet, and that does not outlive its part."""
        made = Daemon(self.binary, configuration)
        self.daemons.append(made)
        return made

    def bar(self, what, figure, bar, ok, judged=True):
        self.outcome.bar(self.name, what, figure, bar, ok, judged)

    def count(self, what, found, wanted=0):
        self.outcome.count(self.name, what, found, wanted)

    def say(self, text):
        outcome.say(f"{self.name}: {text}")


def arguments():
    reader = argparse.ArgumentParser(prog="scripts/soak", description=__doc__, allow_abbrev=False)
    reader.add_argument("--minutes", type=float, default=10, help="how long, if the counts are reached")
    reader.add_argument("--quick", action="store_true", help="all parts in small, within a minute")
    reader.add_argument("--only", default=",".join(PARTS), help="some parts, separated by commas")
    reader.add_argument("--seed", type=int, help="repeats the choices of a run")
    reader.add_argument("--json", action="store_true", help="print one JSON document")
    reader.add_argument("--report", action="store_true", help="write results/daemon.md")
    reader.add_argument("--binary", help="soak this build of greenbench")
    reader.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    reader.add_argument("--root", required=True, help=argparse.SUPPRESS)
    reader.add_argument("--commit", default="unknown", help=argparse.SUPPRESS)
    options = reader.parse_args()
    options.binary = options.binary and os.path.realpath(options.binary)
    options.parts = options.only.split(",")
    for name in options.parts:
        if name not in PARTS:
            reader.error(f"there is no part {name!r}; choose from {', '.join(PARTS)}")
    if options.binary and not os.access(options.binary, os.X_OK):
        reader.error(f"{options.binary} is no executable; build it first")
    if options.minutes <= 0:
        reader.error("--minutes is not positive; give the minutes that the whole may take")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 1 << 32)
    return options


def run_part(name, options, found):
    """Runs a part; what it throws is a bar that was not reached."""
    context = Context(name, options, found)
    before = len(found.lines)
    begin = time.monotonic()
    outcome.say(f"{name}: seed {options.seed}")
    try:
        PARTS[name](context)
    except Exception as error:
        traceback.print_exc()
        context.bar("came to its end", f"{type(error).__name__}: {error}", "no fault", False)
    finally:
        # Whatever ends this, an interrupt too, leaves no process behind.
        short = any(line["verdict"] == "SHORT" for line in found.lines[before:])
        for one in context.daemons:
            one.remove(keep=short)
            if short:
                context.say(f"the log and the store are in {one.folder}; delete it when it is understood")
    outcome.say(f"{name}: took {time.monotonic() - begin:.0f} s")


def main():
    options = arguments()
    if options.check:
        print("given" if options.binary else "own")
        return 0
    found = outcome.Outcome(options.quick)
    if options.json:
        found.stream = sys.stderr
    # A terminated soak takes its daemons with it, as one that is interrupted does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    process.adopt_orphans()
    begin = time.monotonic()
    for name in PARTS:
        if name in options.parts:
            run_part(name, options, found)
    facts = {
        "command": "scripts/soak" + (" --quick" if options.quick else f" --minutes {options.minutes:g}")
        + ("" if len(options.parts) == len(PARTS) else f" --only {options.only}"),
        "seed": options.seed,
        "minutes_taken": (time.monotonic() - begin) / 60,
        "machine": outcome.machine(),
        "version": outcome.version(options.binary),
        "commit": options.commit,
    }
    if options.json:
        print(outcome.document(found, facts))
    if options.report:
        place = os.path.join(options.root, "results", "daemon.md")
        with open(place, "w") as file:
            file.write(outcome.page(found, facts))
        outcome.say(f"wrote {place}")
    if found.is_short:
        outcome.say(f"a bar is short; repeat it with --seed {options.seed}")
    return 1 if found.is_short else 0


if __name__ == "__main__":
    sys.exit(main())
