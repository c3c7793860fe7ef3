#!/usr/bin/env python3
"""Measures how long a partition on Kafka goes without decisions when its worker is lost: lost.py BINARY

A worker is loaded until the state of its one partition has LOST_MB (1000) megabytes; a second one stands by. Then,
under LOST_RATE (100) payments a second, each of these, with the longest that a payment waited for its answer:

  the worker is killed, and the one that stands by has nothing yet and begins from a snapshot
  it is killed in turn, and the first, with the state it had when it was lost, goes on
  the only worker is killed and started again at once

Beside each stands what Kafka takes of it, the session timeout (6 s), and what is replayed. Snapshots are taken every
LOST_SNAPSHOT (60s). Linux, with Java and Maven for the broker (deploy/kafka); some minutes and gigabytes.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import figures

WANTED_MB = int(os.environ.get("LOST_MB", "1000"))
RATE = os.environ.get("LOST_RATE", "100")
SNAPSHOT = os.environ.get("LOST_SNAPSHOT", "60s")
FILL_WITHIN_S = 1_500
STAYS_S = 15
DECIDE_WITHIN_S = 300
LOOK_EVERY_S = 0.02
SESSION_S = 6
WATCHED_S = 60


def megabytes(worker):
    """What the worker says that its state has: files that a merge left over do not count."""
    sizes = re.findall(r'^clausum_state_bytes\{kind="store"\} (\S+)$', worker.get("/metrics")[1], re.MULTILINE)
    return sum(map(float, sizes)) / 1e6


class Site:
    """A broker, one partition, one organization, and the workers that run."""

    def __init__(self, bench):
        self.bench = bench
        self.workers = {}
        figures.PARTITIONS = 1
        bench.environment["CLAUSUM__ARCHIVE__URL"] = f"file://{bench.folder}/archive"
        bench.environment["CLAUSUM__SNAPSHOT__INTERVAL"] = SNAPSHOT
        bench.start_broker()
        self.organization = bench.organization("Lost")["organization_id"]

    def start(self, name):
        worker = self.bench.start(name, *self.bench.on_kafka())
        self.workers[name] = worker
        end = time.monotonic() + figures.READY_WITHIN_S
        while not worker.url:
            found = re.search(r"started base_url=(\S+)", worker.told.read_text())
            worker.url = found and found[1]
            if worker.process.poll() is not None or time.monotonic() > end:
                figures.fail(f"the worker does not run:\n{worker.told.read_text()}")
            time.sleep(LOOK_EVERY_S)
        return worker

    def kill(self, name):
        worker = self.workers.pop(name)
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()

    def load(self, *flags, stdout=subprocess.DEVNULL):
        command = [self.bench.binary, "load", *self.bench.on_kafka(), "--org", self.organization, *flags]
        return subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=self.bench.environment)

    def end(self):
        for name in list(self.workers):
            self.kill(name)


def fill(site):
    """Loads the first worker until it has enough state, and a snapshot of nearly all of it is in force."""
    worker = site.start("first")
    load = site.load("--rate", "max", "--connections", "2000", "--payers", "500000", "--duration", f"{FILL_WITHIN_S}s")
    try:
        end = time.monotonic() + FILL_WITHIN_S
        above = 0
        # A merge may still make it smaller.
        while above < STAYS_S:
            if load.poll() is not None or time.monotonic() > end:
                figures.fail("the load ended too early")
            above = above + 1 if megabytes(worker) >= WANTED_MB else 0
            time.sleep(1)
    finally:
        load.kill()
        load.wait()
    taken = worker.told.read_text().count(" snapshot ")
    end = time.monotonic() + DECIDE_WITHIN_S
    while worker.told.read_text().count(" snapshot ") <= taken and time.monotonic() < end:
        time.sleep(1)


def lose(site, what, name, heir):
    """Kills a worker under payments, and starts it again if it is its own heir: how long a payment waited."""
    load = site.load("--json", "--rate", RATE, "--duration", f"{WATCHED_S}s", stdout=subprocess.PIPE)
    try:
        time.sleep(SESSION_S)
        site.kill(name)
        if heir == name:
            site.start(name)
        report = json.loads(load.communicate(timeout=2 * WATCHED_S + DECIDE_WITHIN_S)[0])
    finally:
        load.kill()
        load.wait()
    if report["succeeded"] != report["due"]:
        figures.fail(f"{report['succeeded']} of {report['due']} payments were answered")
    longest = report["latency_us"]["max"] / 1e6
    plans = re.findall(r"opening partition=\d+ epoch=\d+ plan=(.*)", site.workers[heir].told.read_text())
    print(f"{what}: a payment waited for {longest:.2f} s, {SESSION_S} of which Kafka waits; {'; '.join(plans)}")


def measure(site):
    fill(site)
    print(f"state {megabytes(site.workers['first']):,.0f} MB, a snapshot every {SNAPSHOT}, {RATE} payments a second")
    site.start("second")
    lose(site, "lost, by one that begins from a snapshot", "first", "second")
    site.start("first")
    lose(site, "lost, by one that had it before", "second", "first")
    lose(site, "killed and started again", "first", "first")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="clausum-lost."))
    bench = figures.Bench(parser.parse_args(), folder)
    site = None
    try:
        site = Site(bench)
        measure(site)
    finally:
        if site:
            site.end()
        bench.server = None
        bench.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
