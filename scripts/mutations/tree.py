"""A copy of the tree that defects are put into, with a build folder of its own that stays warm."""

import filecmp
import hashlib
import os
import shutil
import subprocess
import time

import patches


class Tree:
    """The copy, and the program that is built from it."""

    def __init__(self, root, folder):
        self.root = root
        self.folder = folder
        self.path = os.path.join(folder, "tree")
        self.log = os.path.join(folder, "build.log")
        self.binary = os.path.join(self.path, ".build", "release", "greenbench")
        # The program of the tree as it is, to tell false alarms by.
        self.clean = os.path.join(folder, "clean", "greenbench")

    def refresh(self):
        """Makes the copy like the tree. What is the same keeps its time, so that builds stay warm."""
        os.makedirs(self.path, exist_ok=True)
        wanted = set(self._listed())
        for name in wanted:
            source, copy = os.path.join(self.root, name), os.path.join(self.path, name)
            if os.path.isfile(copy) and filecmp.cmp(source, copy, shallow=False):
                continue
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(source, copy)
            os.utime(copy)
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".build")]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.relpath(path, self.path) not in wanted:
                    os.remove(path)

    def _listed(self):
        told = subprocess.run(
            ["git", "-c", f"safe.directory={self.root}", "ls-files", "-coz", "--exclude-standard"],
            cwd=self.root, capture_output=True, text=True, check=True)
        names = set(filter(None, told.stdout.split("\0"))) | {"Package.resolved"}
        return [name for name in names if os.path.isfile(os.path.join(self.root, name))]

    def build(self):
        """Builds as scripts/greenbench does; seconds. The compiler's words are in `build.log`."""
        start = time.monotonic()
        with open(self.log, "w") as log:
            told = subprocess.run(
                ["swift", "build", "--package-path", self.path, "-c", "release",
                 "--product", "greenbench"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False)
        if told.returncode != 0:
            raise patches.Fault(f"it does not build; see {self.log}")
        return time.monotonic() - start

    def build_clean(self):
        """Builds the tree as it is, and keeps the program."""
        self.refresh()
        seconds = self.build()
        os.makedirs(os.path.dirname(self.clean), exist_ok=True)
        shutil.copy2(self.binary, self.clean)
        return seconds

    def build_mutant(self, patch):
        """Puts a defect in, builds, and takes it out again; seconds."""
        patches.apply(patch, self.path)
        try:
            seconds = self.build()
            if digest(self.binary) == digest(self.clean):
                raise patches.Fault("the program is the same as without it; the defect is not built")
            kept = os.path.join(self.folder, f"build-{patch.name}.log")
            if os.path.exists(kept):
                os.remove(kept)
            return seconds
        except patches.Fault:
            shutil.copy2(self.log, os.path.join(self.folder, f"build-{patch.name}.log"))
            raise
        finally:
            # Whatever ends this: what is left in would be in all that follow.
            patches.apply(patch, self.path, "--reverse")


def digest(path):
    """What tells one program from another."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
