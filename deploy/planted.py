#!/usr/bin/env python3
"""Plants the bugs of tests/planted, one at a time, and demands that the simulation sees each.

    planted.py [NAME…]      only those whose file name contains one of the names

The tree is copied to a temporary folder, so nothing here is changed; dependencies are shared through
CARGO_TARGET_DIR. Ends with 1 if a bug was not seen.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = 200
# So many at once: a bug that was seen is not looked for in the others, which may take long to give up.
TURN = 10
WITHIN_S = 600


def bugs(names):
    for path in sorted((ROOT / "tests/planted").glob("*.bug")):
        if names and not any(name in path.stem for name in names):
            continue
        text = path.read_text()
        find, replace = text.split("--- find\n", 1)[1].split("--- replace\n", 1)
        place = re.search(r"^file: (.+)$", text, re.M)[1]
        caught = re.search(r"^caught by: (.+)$", text, re.M)[1].split()
        yield path.stem, place, caught, find, replace


def build(tree):
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--bin", "clausum"], cwd=tree, check=True, timeout=WITHIN_S
    )


def simulate():
    binary = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "debug/clausum"
    for seed in range(1, SEEDS + 1, TURN):
        command = [binary, "simulate", "--seed", str(seed), "--seeds", str(TURN)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)
        if ended.returncode:
            break
    return ended.returncode, ended.stdout + ended.stderr


def main():
    unseen = 0
    with tempfile.TemporaryDirectory(prefix="clausum-planted.") as folder:
        tree = pathlib.Path(folder)
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, tracked.stdout.split("\0")):
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        try:
            for name, place, caught, find, replace in bugs(sys.argv[1:]):
                whole = (ROOT / place).read_text()
                (tree / place).write_text(whole.replace(find, replace, 1))
                build(tree)
                status, told = simulate()
                (tree / place).write_text(whole)
                breach = re.search(r"seed (\d+), step (\d+): (\w+): (.*)", told)
                seen = status != 0 and breach is not None and breach[3] in caught
                unseen += not seen
                how = f"seed {breach[1]}, step {breach[2]}, {breach[3]}: {breach[4][:100]}" if breach else told.strip()[-400:]
                print(f"{'seen' if seen else 'NOT SEEN':9}{name}: {how}", flush=True)
        finally:
            # The program where everyone looks for it is the one without bugs again.
            build(ROOT)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
