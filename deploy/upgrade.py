#!/usr/bin/env python3
"""Holds that today's program reads what earlier ones wrote and goes on from it.

    upgrade.py [COMMIT…]      only those commits of tests/upgrade/commits

For each commit of the list, by the words that stand there:

    samples     every line of its samples of stored forms is still in today's
    golden      today's program gives its golden corpus the outputs it gave
    served      its program serves a folder and is killed, another and is asked to end; today's goes on
                with both
    snapshot    its program takes snapshots and is killed; today's goes on from them alone
    backup      its program takes a backup; today's restores it and goes on

*Goes on* means: every repeat is answered byte for byte as before, the next payments are decided as on a
folder that only today's program had, and log and store verify clean. What is known to differ stands in
tests/upgrade/*.known with the reason; a difference that no longer shows is a fault as well.

Needs the history of the repository. Dependencies are shared through CARGO_TARGET_DIR, and programs once
built are kept in its folder `upgrade`. Ends with 1 if anything differs or could not be looked at.
"""

import datetime
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTED = ROOT / "tests/upgrade"
TARGET = pathlib.Path(os.environ["CARGO_TARGET_DIR"]).resolve()
KEPT = TARGET / "upgrade"
WORDS = {"samples", "golden", "served", "snapshot", "backup"}
RUN = {"served", "snapshot", "backup"}
SETTLED, UNSETTLED, NEXT = 300, 100, 150
FED = SETTLED + UNSETTLED
WITHIN_S = 60
# What of an answer is the decision; the rest are names and times, which differ between any two folders.
DECIDED = ["decision", "risk_score", "signals", "signal_details", "rules_applied", "attempt", "blocked_by", "flow"]


class Differs(Exception):
    """Something is not as it must be."""


def demand(holds, what):
    if not holds:
        raise Differs(what)


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    if done.returncode != 0:
        raise Differs(f"git {' '.join(arguments)}: {done.stderr.decode().strip()}")
    return done.stdout


# --- what is listed


def listed():
    for line in (LISTED / "commits").read_text().splitlines():
        if line and not line.startswith("#"):
            head, brought = line.split("|", 1)
            commit, *words = head.split()
            unknown = set(words) - WORDS
            if unknown or not words:
                sys.exit(f"upgrade: {commit}: no such check: {' '.join(sorted(unknown)) or 'none is named'}")
            yield commit, words, brought.strip()


class Known:
    """A difference between then and now that is meant: commits, check, the reason, both texts. By check:

    samples     a line of a sample, and the one that took its place
    golden      a part of the outputs, and what it is today
    repeats     an expression for requests, and what the answer to their repeats says today
    state       a word on it, and what today's program says when it does not read the state
    """

    def __init__(self, path):
        head, rest = path.read_text().split("--- then\n", 1)
        self.name = path.stem
        self.then, self.now = rest.removesuffix("\n").split("\n--- now\n", 1)
        self.commits, self.check = (re.search(f"^{name}: (.+)$", head, re.M)[1].split() for name in ("commits", "check"))

    def concerns(self, commit, check):
        return commit in self.commits and check in self.check


def known(commit, check):
    every = map(Known, sorted(LISTED.glob("*.known")))
    return [one for one in every if one.concerns(commit, check)]


def refuse_without_history(commits):
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        sys.exit("upgrade: this is a shallow clone, earlier programs cannot be built from it: git fetch --unshallow")
    for commit in commits:
        try:
            git("merge-base", "--is-ancestor", commit, "HEAD")
        except Differs:
            sys.exit(f"upgrade: {commit} is not in the history of this tree; nothing was tested")


# --- samples and golden corpus


def samples(commit):
    names = git("ls-tree", "-r", "--name-only", commit, "src").decode().splitlines()
    count = 0
    for name in names:
        if not re.search(r"(samples?|canonical)\.(txt|json)$", name):
            continue
        today = (ROOT / name).read_text().splitlines() if (ROOT / name).exists() else []
        for line in git("show", f"{commit}:{name}").decode().splitlines():
            if line.startswith("#"):
                continue
            count += 1
            meant = any(one.then == line for one in known(commit, "samples"))
            demand((line in today) != meant, f"{name}: {line[:40]}… {'is there again' if meant else 'is gone'}")
    demand(count, "there are no samples")
    return f"{count} lines"


def golden(commit):
    corpus, outputs = (git("show", f"{commit}:tests/golden/payin.{end}").decode() for end in ("ndjson", "out"))
    meant = known(commit, "golden")
    for one in meant:
        demand(outputs.count(one.then) == 1, f"{one.name}: what it was is there {outputs.count(one.then)} times")
        outputs = outputs.replace(one.then, one.now)
    with tempfile.TemporaryDirectory(prefix="clausum-golden.") as folder:
        pathlib.Path(folder, "payin.ndjson").write_text(corpus)
        pathlib.Path(folder, "payin.out").write_text(outputs)
        told = subprocess.run(
            ["cargo", "test", "--quiet", "--locked", "--test", "slow", "golden"],
            cwd=ROOT, env={**os.environ, "CLAUSUM_GOLDEN": folder}, capture_output=True, text=True,
        )
        text = told.stdout + told.stderr
        demand(told.returncode == 0 and " 1 passed" in text, f"the outputs differ:\n{text[-6000:]}")
    of = f"{sum(not line.startswith('//') for line in corpus.splitlines())} records"
    return f"{of}, {len(meant)} known difference(s)" if meant else of


# --- programs


# Dependencies have a level of their own. What is decided does not depend on the crate's, and nothing of an
# earlier build is of use to the next.
QUICK = {"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_OPT_LEVEL": "0", "CARGO_PROFILE_DEV_DEBUG": "0"}


def cargo(tree, **variables):
    command = ["cargo", "build", "--quiet", "--locked", "--bin", "clausum"]
    done = subprocess.run(command, cwd=tree, env={**os.environ, **variables})
    demand(done.returncode == 0, f"{tree} does not build")
    return TARGET / "debug/clausum"


def build(commit):
    """The program of a commit, built where no other is built at the time; kept."""
    whole = git("rev-parse", f"{commit}^{{commit}}").decode().strip()
    program = KEPT / whole / "clausum"
    if program.exists():
        return program
    tree = KEPT / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", whole))) as archive:
        for member in archive:
            # Cargo builds again what is newer than what it built.
            member.mtime = time.time()
            archive.extract(member, tree, filter="data")
    begun = time.monotonic()
    unfinished = KEPT / "unfinished"
    shutil.copy2(cargo(tree, **QUICK), unfinished)
    program.parent.mkdir(exist_ok=True)
    unfinished.rename(program)
    shutil.rmtree(tree)
    print(f"    {commit}: built in {time.monotonic() - begun:.0f} s", flush=True)
    return program


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=WITHIN_S)


class Server:
    """A program that serves a data folder, and one connection to it."""

    def __init__(self, program, data, **variables):
        data.mkdir(exist_ok=True)
        self.told = data.parent / f"{data.name}.stderr"
        environment = {**os.environ, "CLAUSUM__CHECKPOINT__INTERVAL_MS": "300", **variables}
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data]
        with self.told.open("w") as stderr:
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        self.port = self.wait_until_ready()
        self.key = json.loads((data / "bootstrap.json").read_text())["keys"]["server"]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def wait_until_ready(self):
        end = time.monotonic() + WITHIN_S
        while time.monotonic() < end:
            text = self.told.read_text()
            port = re.search(r"base_url=http://127\.0\.0\.1:(\d+)", text)
            if port and "ready" in text:
                return int(port[1])
            if self.process.poll() is not None:
                raise Differs(f"it does not start, exit {self.process.returncode}: {text.strip()[-1500:]}")
            time.sleep(0.02)
        self.end(signal.SIGKILL)
        raise Differs(f"it was not ready within {WITHIN_S} s: {text.strip()[-1500:]}")

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=WITHIN_S)

    def assess(self, number, base):
        """Status, whether it was a repeat, body."""
        body, key = payment(number, base)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        self.connection.request("POST", "/api/v1/assess", json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers.get("idempotent-replayed") == "true", answer.read()


# --- payments


def payment(number, base):
    """The same for the same number. Few persons, devices and cards, so that windows matter; some are
    repeats by their order and payment instead of a key; some are late."""
    late = 200_000 if number % 13 == 5 else 0
    at = datetime.datetime.fromtimestamp(base + (number * 3_000 - late) / 1000, datetime.timezone.utc)
    body = {
        "amount": 1_000 + number * 37 % 5_000,
        "currency": ("MXN", "USD", "CLP")[number % 3],
        "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "email": f"p{number * number % 61}@example.com",
        "phone": f"+52551234{number % 29:04}",
        "device": {"ip": f"10.0.0.{number % 11}", "fingerprint": f"fp-{number % 19}"},
        "payment_method": {"type": "card", "card_bin": "411111", "card_last4": f"{number % 23:04}"},
        "metadata": {"n": number} if number % 10 == 9 else {"channel": "web"},
    }
    if number % 7 == 3:
        return {**body, "order_id": f"O-{number}", "payment_id": f"P-{number}"}, None
    return body, f"k-{number}"


def decided(body):
    whole = json.loads(body)
    return {name: whole[name] for name in DECIDED if name in whole}


def feed(server, numbers, base):
    answers = {}
    for number in numbers:
        status, replayed, body = server.assess(number, base)
        demand(status == 200 and not replayed, f"payment {number}: {status} {body.decode()}")
        answers[number] = body
    return answers


class Alone:
    """What today's program decides on a folder that it alone had."""

    def __init__(self, today, folder, base):
        server = Server(today, folder / "alone")
        self.base = base
        self.decided = {n: decided(body) for n, body in feed(server, range(FED + NEXT), base).items()}
        demand(server.end(signal.SIGTERM) == 0, "the end was not orderly")
        kinds = {one["decision"] for one in self.decided.values()}
        signals = {signal for one in self.decided.values() for signal in one["signals"]}
        demand(len(kinds) >= 3 and len(signals) >= 4, f"payments that show little: {kinds} {signals}")
        print(f"    alone: {len(self.decided)} payments; {', '.join(sorted(kinds))}; {', '.join(sorted(signals))}")

    def same(self, answers):
        for number, body in answers.items():
            here, there = decided(body), self.decided[number]
            demand(here == there, f"payment {number} is decided otherwise:\n  {here}\nalone:\n  {there}")


# --- what an earlier program leaves


def left_by(program, data, alone, how, settle=1.0, **variables):
    """Serves and feeds a folder, and ends; the answers. Some are in no checkpoint when it is killed."""
    server = Server(program, data, **variables)
    answers = feed(server, range(SETTLED), alone.base)
    time.sleep(settle)
    answers |= feed(server, range(SETTLED, FED), alone.base)
    ended = server.end(how)
    demand(how == signal.SIGKILL or ended == 0, f"the earlier program ended with {ended}")
    alone.same(answers)
    return answers


def repeated(server, number, stored, alone, meant):
    """Whether a repeat is answered otherwise than before, as is known."""
    status, replayed, body = server.assess(number, alone.base)
    if (status, replayed, body) == (200, True, stored):
        return False
    request, text = json.dumps(payment(number, alone.base)[0]), body.decode()
    told = f"the repeat of payment {number}: {status} {text[:300]}\n  {server.told.read_text()[-1500:]}"
    demand(any(re.search(one.then, request) and one.now in text for one in meant), told)
    return True


def goes_on(commit, today, data, answers, alone):
    """Today's program on the folder; what it said, and what is worth telling."""
    server, meant = Server(today, data), known(commit, "repeats")
    try:
        others = sum(repeated(server, number, stored, alone, meant) for number, stored in answers.items())
        demand(others or not meant, f"every repeat is answered as before: {' '.join(one.name for one in meant)} is to go")
        alone.same(feed(server, range(FED, FED + NEXT), alone.base))
        demand(server.end(signal.SIGTERM) == 0, "the end was not orderly")
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)
    told = server.told.read_text()
    # Nothing was damaged: what was set aside is a form that is not read.
    aside, expected = list(data.glob("state/*.damaged")), known(commit, "state")
    demand(not aside or any(one.now in told for one in expected), f"a state is not read:\n{told[-3000:]}")
    demand(aside or not expected, f"the state is read: {' '.join(one.name for one in expected)} is to go")
    for what in ("log", "store"):
        done = run(today, what, "verify", "--data", data)
        demand(done.returncode == 0, f"{what} verify: exit {done.returncode}\n{done.stdout}{done.stderr}")
    text = f"{len(answers) - others} repeats, {NEXT} decisions"
    text += f"; {others} repeats otherwise, as is known" if others else ""
    return told, text + (f"; {len(aside)} states set aside and made again from the log, as is known" if aside else "")


def served(commit, program, today, folder, alone):
    ways = []
    for name, how in (("killed", signal.SIGKILL), ("ended", signal.SIGTERM)):
        answers = left_by(program, folder / name, alone, how)
        ways.append(f"{name}: {goes_on(commit, today, folder / name, answers, alone)[1]}")
    return "; ".join(ways)


def snapshot(commit, program, today, folder, alone):
    data = folder / "snapshots"
    answers = left_by(program, data, alone, signal.SIGKILL, 5.0, CLAUSUM__SNAPSHOT__INTERVAL="1s")
    shutil.rmtree(data / "state")
    told, text = goes_on(commit, today, data, answers, alone)
    fetched = told.count("fetch snapshot")
    demand(fetched, "no partition began from a snapshot")
    return f"{fetched} partitions from a snapshot: {text}"


def backup(commit, program, today, folder, alone):
    data, place, elsewhere = folder / "source", folder / "backup", folder / "restored"
    answers = left_by(program, data, alone, signal.SIGTERM, 3.0, CLAUSUM__SNAPSHOT__INTERVAL="1s")
    taken = (program, "backup", "--to", place, "--data", data)
    for step in (taken, (today, "restore", "--from", place, "--data", elsewhere)):
        done = run(*step)
        demand(done.returncode == 0, f"{step[1]}: exit {done.returncode}: {done.stderr}")
    return f"restored: {goes_on(commit, today, elsewhere, answers, alone)[1]}"


# --- all of it


def looked_at(check, commit, programs, alone):
    if check in ("samples", "golden"):
        return globals()[check](commit)
    with tempfile.TemporaryDirectory(prefix="clausum-upgrade.") as folder:
        return globals()[check](commit, programs[commit], programs["today"], pathlib.Path(folder), alone)


def main():
    wanted = [one for one in listed() if not sys.argv[1:] or one[0] in sys.argv[1:]]
    if not wanted:
        sys.exit("upgrade: no such commit in tests/upgrade/commits")
    refuse_without_history(commit for commit, _, _ in wanted)
    programs = {}
    try:
        KEPT.mkdir(parents=True, exist_ok=True)
        for commit, words, _ in wanted:
            if RUN & set(words):
                programs[commit] = build(commit)
    finally:
        # The program where everyone looks for it is today's again.
        programs["today"] = shutil.copy2(cargo(ROOT), KEPT / "today")
    faults = 0
    with tempfile.TemporaryDirectory(prefix="clausum-upgrade.") as folder:
        alone = Alone(programs["today"], pathlib.Path(folder), time.time() - 3_600) if programs.keys() - {"today"} else None
        for commit, words, brought in wanted:
            print(f"{commit}: {brought}", flush=True)
            for check in words:
                try:
                    told = f"{'same':10}{check}: {looked_at(check, commit, programs, alone)}"
                except Differs as error:
                    faults += 1
                    told = f"{'DIFFERS':10}{check}: {error}"
                print(f"    {told}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Differs as error:
        sys.exit(f"upgrade: {error}")
