"""What became of the mutants: lines for the one who watches, and a page of the project's results."""

import dataclasses
import sys


@dataclasses.dataclass
class Result:
    """What became of one mutant."""

    name: str
    defect: str

    # The class that found it; empty where none did.
    caught_by: str = ""
    # What it said of the defect.
    finding: str = ""
    replay: str = ""
    # Until it was found, all classes that were asked before included; and of the build.
    stress_seconds: float = 0
    build_seconds: float = 0
    # The commit without the defect.
    commit: str = ""
    # Why it was not found.
    trouble: str = ""

    @property
    def line(self):
        if self.caught_by:
            return (f"{self.name}: caught by {self.caught_by} in {self.stress_seconds:.0f} s, "
                    f"built in {self.build_seconds:.0f} s; {self.replay}")
        if not self.trouble and not self.stress_seconds:
            return f"{self.name}: built in {self.build_seconds:.0f} s"
        return f"{self.name}: NOT CAUGHT: {self.trouble or 'no class found anything'}"


def say(text):
    """Progress and reasons, for the one who watches."""
    print(f"mutants: {text}", file=sys.stderr, flush=True)


def table(results):
    """All results, for a terminal."""
    rows = [("mutant", "caught by", "stress", "build", "see it again")]
    rows += [
        (one.name, one.caught_by or "NOBODY", f"{one.stress_seconds:.0f} s",
         f"{one.build_seconds:.0f} s", one.replay or one.trouble)
        for one in results]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]),
                   row[3].rjust(widths[3]), row[4]]).rstrip()
        for row in rows)


def summary(results):
    caught = sum(1 for one in results if one.caught_by)
    slowest = max((one.stress_seconds for one in results if one.caught_by), default=0)
    return f"{caught} of {len(results)} mutants caught, the slowest in {slowest:.0f} s"


def page(results, facts):
    """The same as a page of the project's results."""
    text = [
        "# Seeded defects, and the stress classes that find them",
        "",
        "Made by `scripts/mutants --markdown`: each defect of `scripts/mutations` alone in the code,",
        "the program built anew, and classes of the stress suite run until one finds something.",
        "A class counts only if it finds nothing in the program without the defect, with the same seed.",
        "",
        f"- machine: {facts['machine']}",
        f"- command: `{facts['command']}`, seed {facts['seed']}",
        "- `stress` is the time until it was found, with all classes that were asked before;",
        "  with `--resume`, what earlier commits caught stands beside their names",
        f"- {summary(results)}",
        "",
        "| mutant | what is broken | caught by | stress | build | commit | what was found | see it again |",
        "|---|---|---|---:|---:|---|---|---|",
    ]
    for one in results:
        cells = [
            f"`{one.name}`", one.defect, one.caught_by or "**nobody**",
            f"{one.stress_seconds:.0f} s", f"{one.build_seconds:.0f} s",
            f"`{one.commit[:9]}`", one.finding or one.trouble, f"`{one.replay}`" if one.replay else ""]
        text.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(text) + "\n"


def _cell(text):
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 200 else line[:197] + "..."
