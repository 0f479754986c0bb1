"""The defects: one patch each, with a head that says what is broken and who should find it."""

import os
import re
import subprocess

FOLDER = os.path.dirname(os.path.abspath(__file__))

# Fewer than this would prove little.
LEAST = 25


class Fault(Exception):
    """What is wrong with a patch, or with what was done with one: a sentence."""


class Patch:
    """One seeded defect."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".patch")
        with open(path) as file:
            self.text = file.read()
        self.defect = self._head("defect")
        self.classes = self._head("classes").split()

    def _head(self, key):
        found = re.search(rf"^# {key}: (\S.*)$", self.text, re.MULTILINE)
        if not found or found.start() > self.text.find("\n--- "):
            raise Fault(f"{self.path} has no line `# {key}:` before its changes; write one")
        return found[1]


def every():
    """All patches, by name."""
    names = sorted(name for name in os.listdir(FOLDER) if name.endswith(".patch"))
    return [Patch(os.path.join(FOLDER, name)) for name in names]


def some(names):
    """The patches of these names, or all of them."""
    known = {patch.name: patch for patch in every()}
    for name in names:
        if name not in known:
            raise Fault(f"there is no mutant {name!r}; see scripts/mutants --list")
    return [known[name] for name in names] if names else list(known.values())


def apply(patch, folder, *options):
    """Applies a patch to a folder; says why when it does not apply."""
    environment = dict(os.environ)
    # A folder inside of a repository: git would look for the paths at the repository's root.
    environment["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.abspath(folder))
    told = subprocess.run(
        ["git", "apply", *options, patch.path], cwd=folder, env=environment,
        capture_output=True, text=True, check=False)
    if told.returncode != 0:
        reason = " ".join(told.stderr.split())
        raise Fault(f"{patch.name} does not apply: {reason}; make it anew from what the code is now")


def check(chosen, root):
    """What is wrong with the patches, as sentences."""
    found = []
    for patch in chosen:
        try:
            apply(patch, root, "--check")
        except Fault as fault:
            found.append(str(fault))
    if len(every()) < LEAST:
        found.append(f"there are {len(every())} mutants, and {LEAST} are the least; write more")
    return found
