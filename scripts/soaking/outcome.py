"""What the parts found: lines of figures with their bars, as text, JSON and a page."""

import json
import os
import platform
import subprocess
import sys


class Outcome:
    """The lines of all parts."""

    def __init__(self, quick):
        self.quick = quick
        self.lines = []

    def bar(self, part, what, figure, bar, ok, judged=True):
        """Notes a figure beside its bar. One that is not judged is shown, and cannot be short."""
        verdict = "shown" if not judged else "ok" if ok else "SHORT"
        self.lines.append(
            {"part": part, "what": what, "figure": figure, "bar": bar, "verdict": verdict})
        print(f"{part}: {what}: {figure}, {bar}, {verdict}", file=self.stream, flush=True)

    def count(self, part, what, found, wanted=0):
        """Notes a number of faults; the first of them are shown on standard error."""
        for one in found[:5]:
            say(f"{part}: {what}: {one}")
        self.bar(part, what, f"{len(found):,}", f"{wanted:,}", len(found) == wanted)

    # Where text goes: standard output, unless that is for a document.
    stream = sys.stdout

    @property
    def is_short(self):
        return any(line["verdict"] == "SHORT" for line in self.lines)


def say(text):
    """Progress and reasons, for the one who watches."""
    print(f"soak: {text}", file=sys.stderr, flush=True)


def percentile(values, share):
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def machine():
    """The fixed facts that figures depend on."""
    name = "unknown CPU"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    return f"{name}, {os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {platform.release()}"


def version(binary):
    """What the program says of itself, in one line."""
    try:
        told = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    return " ".join(told.stdout.split()) or "unknown"


def document(outcome, facts):
    return json.dumps(facts | {"bars": outcome.lines, "short": outcome.is_short}, indent=2)


def page(outcome, facts):
    """The same as a page of the project's results."""
    text = [
        "# The daemon's bars",
        "",
        "Made by `scripts/soak --report`; a figure without its machine says nothing.",
        "",
        f"- machine: {facts['machine']}",
        f"- program: {facts['version']}",
        f"- commit: `{facts['commit']}`",
        f"- command: `{facts['command']}`, seed {facts['seed']}, {facts['minutes_taken']:.1f} minutes",
        "",
        "| part | what | figure | bar | |",
        "|---|---|---|---|---|",
    ]
    for line in outcome.lines:
        text.append("| {part} | {what} | {figure} | {bar} | {verdict} |".format(**line))
    return "\n".join(text) + "\n"
