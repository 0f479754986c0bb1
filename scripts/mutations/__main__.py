"""Seeds one defect at a time, and shows that the stress suite finds each."""

import argparse
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys

import patches
import report
import stress
from tree import Tree


def arguments():
    reader = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__, allow_abbrev=False)
    reader.add_argument("--list", action="store_true", help="print the mutants, and build nothing")
    reader.add_argument("--check", action="store_true", help="only see that every patch applies")
    reader.add_argument("--build", action="store_true", help="only see that every mutant builds")
    reader.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some mutants")
    reader.add_argument("--only-expected", action="store_true",
                        help="ask no other classes than those that a patch names")
    reader.add_argument("--profile", default="pr", choices=["pr", "nightly"],
                        help="how much each class tries")
    reader.add_argument("--seed", type=int, help="repeats the choices of a run")
    reader.add_argument("--limit", type=int, default=900, metavar="SECONDS",
                        help="how long one class may take before it is killed")
    reader.add_argument("--resume", action="store_true",
                        help="take over what earlier runs have caught, beside their commits")
    reader.add_argument("--markdown", metavar="FILE", help="write the table as a page")
    reader.add_argument("--folder", help="where to build; .build-mutants unless given")
    reader.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    reader.add_argument("--root", required=True, help=argparse.SUPPRESS)
    reader.add_argument("--commit", default="unknown", help=argparse.SUPPRESS)
    options = reader.parse_args()
    options.given_seed = options.seed is not None
    if not options.given_seed:
        options.seed = random.SystemRandom().randrange(1, 1 << 32)
    options.folder = os.path.realpath(options.folder or os.path.join(options.root, ".build-mutants"))
    return options


class Run:
    """One run over some mutants."""

    def __init__(self, options, chosen):
        self.options = options
        self.chosen = chosen
        self.tree = Tree(options.root, options.folder)
        self.notes = os.path.join(options.folder, "found.json")
        # By class: what it says of the program without any defect.
        self.controls = {}
        self.results = []

    def suite(self, binary):
        return stress.Suite(
            binary, self.options.folder, self.options.profile, self.options.seed,
            self.options.limit)

    def earlier(self):
        """What earlier runs have noted: their seed, and results by mutant."""
        try:
            with open(self.notes) as file:
                known = json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            return None, {}
        return known["seed"], {
            one["patch"]: report.Result(**one["result"]) for one in known["found"]}

    def take_over(self):
        """What earlier runs have caught, where that is asked for."""
        if not self.options.resume:
            return {}
        seed, known = self.earlier()
        if seed is not None and not self.options.given_seed:
            self.options.seed = seed
        return known

    def note(self):
        # What others have found stays noted: it was hours of building.
        found = self.earlier()[1] | {
            patch.text: result for patch, result in zip(self.chosen, self.results)}
        with open(self.notes, "w") as file:
            json.dump({
                "seed": self.options.seed,
                "found": [
                    {"patch": text, "result": dataclasses.asdict(result)}
                    for text, result in found.items()],
            }, file, indent=1)

    def go(self):
        report.say("building the program without a defect")
        report.say(f"built in {self.tree.build_clean():.0f} s; seed {self.options.seed}")
        known = self.take_over()
        for number, patch in enumerate(self.chosen, 1):
            result = known.get(patch.text)
            if result is None or not result.caught_by:
                result = self.judge(patch)
            self.results.append(result)
            self.note()
            report.say(f"{number} of {len(self.chosen)}: {result.line}")

    def judge(self, patch):
        result = report.Result(patch.name, patch.defect, commit=self.options.commit)
        try:
            result.build_seconds = self.tree.build_mutant(patch)
            if not self.options.build:
                self.hunt(patch, result)
        except patches.Fault as fault:
            result.trouble = str(fault)
        return result

    def hunt(self, patch, result):
        """Asks one class after the other until one has found the defect."""
        suite = self.suite(self.tree.binary)
        every = self.suite(self.tree.clean).classes()
        unknown = [name for name in patch.classes if name not in every]
        if unknown:
            raise patches.Fault(f"its patch names classes that there are not: {' '.join(unknown)}")
        asked = list(patch.classes)
        if not self.options.only_expected:
            asked += [name for name in every if name not in asked]
        troubles = []
        for name in asked:
            verdict = suite.run(name)
            result.stress_seconds += verdict.seconds
            if verdict.code == stress.FINDINGS and self.is_clean(name):
                result.caught_by = name
                result.finding = verdict.finding
                result.replay = verdict.replay
                return
            if verdict.code == stress.FINDINGS:
                troubles.append(f"{name} finds something without the defect, too")
            elif verdict.code != stress.CLEAN:
                troubles.append(f"{name} ended with {verdict.code}: {verdict.said}")
        result.trouble = "; ".join(troubles)

    def is_clean(self, name):
        """Whether a class finds nothing where nothing was seeded, with the same seed."""
        if name not in self.controls:
            self.controls[name] = self.suite(self.tree.clean).run(name).code == stress.CLEAN
        return self.controls[name]


def machine():
    with open("/proc/cpuinfo") as file:
        name = next((line.split(":", 1)[1].strip() for line in file
                     if line.startswith("model name")), "unknown CPU")
    return f"{name}, {os.cpu_count()} CPUs, Linux {os.uname().release}"


def command(options):
    words = ["scripts/mutants", f"--profile {options.profile}"]
    if options.resume:
        words.append("--resume")
    if options.only_expected:
        words.append("--only-expected")
    if options.only:
        words += ["--only", *options.only]
    return " ".join(words)


def main():
    options = arguments()
    try:
        chosen = patches.some(options.only)
        if options.list:
            for patch in chosen:
                print(f"{patch.name}  ({', '.join(patch.classes)})\n    {patch.defect}")
            return 0
        faults = patches.check(chosen, options.root)
        for fault in faults:
            report.say(fault)
        if faults:
            return 1
        if options.check:
            print(f"all {len(chosen)} patches apply")
            return 0
        if options.plan:
            print("build")
            return 0
        return run(options, chosen)
    except patches.Fault as fault:
        report.say(str(fault))
        return 1
    except subprocess.TimeoutExpired as error:
        report.say(f"{' '.join(map(str, error.cmd))} did not end in {error.timeout:.0f} s; call it by hand")
        return 1
    except subprocess.CalledProcessError as error:
        report.say(f"{' '.join(map(str, error.cmd))} ended with {error.returncode}; call it by hand")
        return 1


def run(options, chosen):
    os.makedirs(options.folder, exist_ok=True)
    # A run that is terminated takes the program and its children with it, as one that is interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stress.process.adopt_orphans()
    made = Run(options, chosen)
    made.go()
    if options.build:
        broken = [one for one in made.results if one.trouble]
        print(f"{len(chosen) - len(broken)} of {len(chosen)} mutants build")
        return 1 if broken else 0
    print(report.table(made.results))
    print(report.summary(made.results))
    if options.markdown:
        facts = {
            "machine": machine(), "command": command(options), "seed": options.seed}
        with open(options.markdown, "w") as file:
            file.write(report.page(made.results, facts))
        report.say(f"wrote {options.markdown}")
    return 0 if all(one.caught_by for one in made.results) else 1


if __name__ == "__main__":
    sys.exit(main())
