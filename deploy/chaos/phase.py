"""One phase: a cluster, three workers, a switch; faults for a time, then a calm, then judgement."""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import faults
from brokers import Brokers
from judge import Judge
from links import links
from partition import partition_of
from table import Outcome
from watch import Watch
from workers import Fleet

WORKERS = 3
BEGIN_WITHIN_S = 150
COMMAND_WITHIN_S = 60
# Then somebody looks, and restarts the workers.
RECOVER_WITHIN_S = 45
SETTLE_WITHIN_S = 240
REPLAY_WITHIN_S = 600
ORGANIZATIONS_AT_ONCE = 3
OVERLAP = 0.25
# Of its time a phase may take longer, until it has had its part of the faults.
LONGER = 1.25
# What a worker is given besides: soon enough for everything to happen often.
SETTINGS = {
    "SNAPSHOT__INTERVAL": "5s",
    "CHECKPOINT__INTERVAL_MS": "1000",
    "KAFKA__PROPERTIES__SESSION__TIMEOUT__MS": "6000",
    "KAFKA__PROPERTIES__HEARTBEAT__INTERVAL__MS": "1000",
    "KAFKA__PROPERTIES__RECONNECT__BACKOFF__MAX__MS": "1000",
}


class Phase:
    """A phase; it is also what workers are set up with."""

    def __init__(self, plan, folder, brokers, seed, say):
        self.plan = plan
        self.binary = plan.binary
        self.folder = folder
        self.seed = seed
        self.chance = random.Random(seed)
        self.say = say
        self.outcome = Outcome(brokers)
        self.seconds = plan.seconds / len(plan.phases)
        self.due = plan.faults_due / len(plan.phases)

    def run(self):
        self.folder.mkdir(parents=True)
        with contextlib.ExitStack() as held:
            # One more than workers: for the one on a copied folder.
            self.links = links(WORKERS + 1, self.say)
            held.callback(self.links.close)
            self.outcome.links = self.links.name
            count = self.outcome.brokers
            self.say(f"{count} broker{'s' * (count > 1)}, {WORKERS} workers, links by {self.links.name}")
            self.brokers = Brokers(self.folder / "kafka", count, self.links)
            held.callback(self.brokers.close)
            self.make_topics()
            self.fleet = Fleet(self, WORKERS, self.say)
            held.callback(lambda: self.fleet.close(bool(self.outcome.breaches) or sys.exc_info()[0] is not None))
            self.fleet.start()
            organizations = self.make_organizations()
            switch = self.start_switch(organizations)
            held.callback(self.end, switch)
            self.watch = Watch(self.brokers.bootstrap(), self.plan.partitions, {home for _, home in organizations})
            self.watch.start()
            held.callback(self.watch.close)
            self.scene = faults.Scene(self.chance, self.fleet, self.brokers, self.links)
            self.begin()
            self.disturb()
            self.conclude(switch)

    def environment(self):
        """Of the binary, whatever it does: nothing that is set outside reaches it."""
        own = {f"CLAUSUM__{name}": value for name, value in SETTINGS.items()}
        own["CLAUSUM__INSTALLATION__KEY"] = self.plan.key
        own["CLAUSUM__ARCHIVE__URL"] = f"file://{self.folder}/archive"
        own["RUST_BACKTRACE"] = "1"
        return {name: value for name, value in os.environ.items() if not name.startswith("CLAUSUM_")} | own

    def command(self, *words, within_s=COMMAND_WITHIN_S):
        return subprocess.run(
            [self.binary, *words, "--kafka", self.brokers.bootstrap()],
            capture_output=True,
            text=True,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            timeout=within_s,
        )

    def must(self, *words):
        ended = self.command(*words)
        if ended.returncode:
            raise RuntimeError(f"clausum {' '.join(words)} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout

    def make_topics(self):
        single = ["--single-node"] if self.outcome.brokers == 1 else []
        self.must("topics", "create", "--partitions", str(self.plan.partitions), *single)

    def make_organizations(self):
        """Some for each partition; where chance takes long, it is left at what there is."""
        found, number = [], 0
        while len({home for _, home in found}) < self.plan.partitions and number < 8 * self.plan.partitions:
            for _ in range(ORGANIZATIONS_AT_ONCE):
                number += 1
                told = json.loads(self.must("orgs", "create", "--name", f"Chaos {number}"))
                key = told["organization_id"]
                found.append((key, partition_of(key, self.plan.partitions)))
        homes = len({home for _, home in found})
        self.say(f"{len(found)} organizations in {homes} of {self.plan.partitions} partitions")
        return found

    def start_switch(self, organizations):
        told = {
            "bootstrap": self.brokers.bootstrap(),
            "journal": str(self.folder / "journal"),
            "seed": self.seed,
            "rate": self.plan.rate,
            "partitions": self.plan.partitions,
            "organizations": organizations,
        }
        return subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("producer.py"), json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def end(switch):
        switch.kill()
        switch.wait()

    def tend_until(self, holds, within_s):
        """Sees to everything that runs; whether it came to hold in time."""
        limit = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > limit:
                return False
            self.fleet.tend()
            time.sleep(0.05)
        return True

    def begin(self):
        if not self.tend_until(lambda: self.watch.all_since(1), BEGIN_WITHIN_S):
            raise RuntimeError(f"no decision in every partition within {BEGIN_WITHIN_S} s of an undisturbed start")
        self.say("every partition is decided; faults from here on")

    def disturb(self):
        began = time.monotonic()
        cards = faults.deck(self.chance, faults.kinds(self.outcome.brokers, self.fleet.can_fill()))

        def goes_on():
            spent = time.monotonic() - began
            late = spent < LONGER * self.seconds and len(self.outcome.faults) < self.due
            return spent < self.seconds or late

        while goes_on():
            running = [self.strike(next(cards))]
            while self.chance.random() < OVERLAP:
                running.append(self.strike(next(cards)))
            self.round([each for each in running if each])
            pause = time.monotonic() + self.chance.uniform(0.5, 2.0)
            self.tend_until(lambda: time.monotonic() > pause, 10)

    def strike(self, fault):
        try:
            return faults.Running(fault, self.scene)
        except faults.Busy:
            return None

    def round(self, running):
        """Some faults to their end, and until all goes on."""
        try:
            over = self.tend_until(lambda: all([each.tend() for each in running]), 2 * faults.STEP_WITHIN_S)
        finally:
            for each in running:
                each.abandon()
        names = ", ".join(each.name for each in running)
        if not over:
            self.outcome.breaches.append(f"{names}: could not be brought to an end")
        ended = time.time()
        if not self.tend_until(lambda: self.watch.all_since(ended), RECOVER_WITHIN_S):
            self.operate(names, ended)
        for each in running:
            self.outcome.faults.append((each.name, self.watch.longest(each.began, time.time())))
        silence = self.watch.longest(min(each.began for each in running), time.time())
        self.say(f"{len(self.outcome.faults):4} {names}: {silence:.1f} s without a decision")

    def operate(self, names, ended):
        """What a person would do who sees that decisions do not come back."""
        self.outcome.restarts += 1
        self.say(f"{names}: no decision everywhere {RECOVER_WITHIN_S} s after; the workers are restarted")
        self.fleet.leave()
        self.fleet.start()
        if not self.tend_until(lambda: self.watch.all_since(ended), RECOVER_WITHIN_S):
            late = [home for home in self.watch.used if self.watch.last.get(home, 0) <= ended]
            self.outcome.breaches.append(f"{names}: partitions {late} are not decided, even after a restart")

    def conclude(self, switch):
        self.say("no more faults")
        switch.stdin.close()
        self.tend_until(lambda: switch.poll() is not None, SETTLE_WITHIN_S)
        if switch.poll() is None:
            self.outcome.breaches.append("the switch does not get rid of what it has sent")
            self.end(switch)
        told = json.loads(switch.stdout.read() or "{}")
        for what in ("turned_away", "left"):
            if told.get(what):
                self.outcome.breaches.append(f"of the switch's records {told[what]} were {what.replace('_', ' ')}")
        judge = Judge(self.brokers.bootstrap(), self.plan.partitions)
        if not self.tend_until(lambda: judge.settled(30), SETTLE_WITHIN_S):
            some = sorted(judge.waiting)[:5]
            self.outcome.breaches.append(f"{len(judge.waiting)} requests came to nothing, of them {some}")
        self.fleet.leave()
        if not judge.reader.to_end(SETTLE_WITHIN_S):
            self.outcome.breaches.append("the topics cannot be read to their ends")
        judge.reader.close()
        with (self.folder / "journal").open() as journal:
            ends = judge.judge(journal)
        self.outcome.counts = judge.counts() | dict(sorted(ends.items()))
        self.outcome.exits = self.fleet.exits
        self.outcome.breaches += judge.breaches + self.fleet.panics
        if self.fleet.slow_leaves:
            self.outcome.breaches.append(f"{self.fleet.slow_leaves} times a worker did not end when it was asked to")
        self.replay()

    def replay(self):
        """Every output against that of one undisturbed process."""
        self.say("replaying the log")
        ended = self.command("log", "replay", "--json", within_s=REPLAY_WITHIN_S)
        (self.folder / "replay").write_text(ended.stdout + ended.stderr)
        try:
            told = json.loads(ended.stdout)
            partitions = told["partitions"]
        except (ValueError, KeyError):
            why = (ended.stdout + ended.stderr).strip()[-400:]
            self.outcome.breaches.append(f"clausum log replay ended with {ended.returncode}: {why}")
            return
        differing = sum(partition.get("faults", 1) for partition in partitions)
        tallies = [tally for partition in partitions for tally in partition.get("topics", [])]
        lacking = sum(tally["not_there_yet"] for tally in tallies)
        self.outcome.replay = f"{differing} in {told['records']:,} records, {told['seconds']:.0f} s"
        if ended.returncode or differing or lacking:
            found = [what for partition in partitions for what in partition.get("findings", [])][:3]
            text = f"a replay differs in {differing} outputs and has {lacking} more; exit {ended.returncode}"
            self.outcome.breaches.append(f"{text}: {json.dumps(found)[:600]}")
