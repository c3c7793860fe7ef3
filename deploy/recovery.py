#!/usr/bin/env python3
"""Measures how long a killed server takes to its first decision: recovery.py BINARY

A server is loaded until its state has RECOVERY_MB (1000) megabytes, and killed (SIGKILL) under load. Then it is
started again, with its state, and once more without it, so that it begins from a snapshot. Each time it tells
when the server listened, when it decided, and what it had to replay. RECOVERY_FOLDER keeps the data folder, and
uses it again where it is loaded already. With `perf` on the path each start is recorded too, and where its time
went is shown by thread and function. Linux only; it needs a few gigabytes of disk and some minutes.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

WANTED_MB = int(os.environ.get("RECOVERY_MB", "1000"))
LOAD_AT_LEAST_S = 15
LOAD_WITHIN_S = 1_800
DECIDE_WITHIN_S = 600
SHOWN = 14
PAYMENT = {
    "amount": 250000,
    "currency": "MXN",
    "email": "recovery@example.com",
    "device": {"ip": "203.0.113.7"},
    "payment_method": {"type": "card", "card_bin": "411111"},
}


def megabytes(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


class Server:
    """A running server and what it told."""

    def __init__(self, binary, data, profile=None):
        self.told = data.parent / "told"
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", data]
        if profile:
            command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "-g", "-o", profile, "--", *command]
        self.began = time.monotonic()
        with self.told.open("w") as told:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)

    def line(self, pattern):
        """The first line that matches, waited for."""
        while time.monotonic() - self.began < DECIDE_WITHIN_S:
            found = re.search(pattern, self.told.read_text())
            if found:
                return found
            if self.process.poll() is not None:
                sys.exit(f"recovery: the server ended:\n{self.told.read_text()}")
            time.sleep(0.002)
        sys.exit(f"recovery: the server did not say {pattern}")

    def pid(self):
        """Of the server itself, be it under perf or not."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else self.process.pid

    def end(self, how):
        os.kill(self.pid(), how)
        self.process.wait()


def first_decision(server, key):
    """Seconds until the server listened, and until it decided."""
    address = urllib.parse.urlparse(server.line(r"started base_url=(\S+)")[1]).netloc
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"recovery-{time.time_ns()}",
    }
    listened = None
    while time.monotonic() - server.began < DECIDE_WITHIN_S:
        try:
            connection = http.client.HTTPConnection(address, timeout=DECIDE_WITHIN_S)
            connection.request("POST", "/api/v1/assess", json.dumps(PAYMENT), headers)
            listened = listened or time.monotonic() - server.began
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return listened, time.monotonic() - server.began
            if answer.status not in (503, 504):
                sys.exit(f"recovery: {answer.status}")
        except ConnectionError:
            pass
        time.sleep(0.005)
    sys.exit("recovery: no decision in time")


def fill(binary, data):
    """Loads a server until it has enough state, and kills it under load."""
    server = Server(binary, data)
    server.line("ready; keys")
    load = subprocess.Popen(
        [binary, "load", "--data", data, "--rate", "max", "--connections", "64"]
        + ["--duration", f"{LOAD_WITHIN_S}s", "--payers", "500000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while megabytes(data / "state") < WANTED_MB or time.monotonic() - server.began < LOAD_AT_LEAST_S:
            if load.poll() is not None or time.monotonic() - server.began > LOAD_WITHIN_S:
                sys.exit("recovery: the load ended too early")
            time.sleep(1)
    finally:
        server.end(signal.SIGKILL)
        load.kill()
        load.wait()


def show_profile(profile):
    for title, columns in ("thread", "comm"), ("function", "comm,symbol"):
        report = subprocess.run(
            ["perf", "report", "-i", profile, "--no-children", "--sort", columns, "-g", "none", "--stdio"],
            capture_output=True,
            text=True,
        ).stdout
        rows = [line.rstrip() for line in report.splitlines() if line.strip() and not line.startswith("#")]
        print(f"  of its processor time, by {title}:")
        print("\n".join(f"  {row[:110]}" for row in rows[:SHOWN]))


def measure(what, binary, data, key):
    profile = data.parent / "profile" if shutil.which("perf") else None
    server = Server(binary, data, profile)
    listened, decided = first_decision(server, key)
    told = server.told.read_text()
    print(f"{what}: listened after {listened:.2f} s, decided after {decided:.2f} s")
    for line in re.findall(r"opening partition=.*", told):
        print(f"  {line}")
    server.end(signal.SIGKILL)
    if profile:
        show_profile(profile)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    kept = os.environ.get("RECOVERY_FOLDER")
    folder = pathlib.Path(kept or tempfile.mkdtemp(prefix="clausum-recovery."))
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    try:
        fill(binary, data)
        key = json.loads((data / "bootstrap.json").read_text())["keys"]["server"]
        sizes = {part: megabytes(data / part) for part in ("log", "state", "archive")}
        print(", ".join(f"{part} {size:,.0f} MB" for part, size in sizes.items()))
        measure("with its state", binary, data, key)
        shutil.rmtree(data / "state")
        measure("from a snapshot", binary, data, key)
    finally:
        if not kept:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
