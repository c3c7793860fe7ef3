#!/usr/bin/env python3
"""Shows Clausum on Kafka: a broker, a worker, a switch that streams payments in, the decisions that stream out.

  demo-kafka.py BINARY

All of it runs on loopback, in a fresh folder that is kept, so that its log and state can be looked into afterwards.
Ctrl-C stops it; DEMO_SECONDS=N stops it after N seconds. Where KAFKA_BOOTSTRAP is set, that broker is used. Only
processes that were started here are ended.
"""

import base64
import json
import os
import pathlib
import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
KAFKA = HERE / "kafka" / "kafka.py"
SWITCH = HERE / "kafka" / "Assess.java"
READY_WITHIN_S = 60
# The worker drains for up to 10 s.
STOP_WITHIN_S = 15
GAP_S = 0.2
# Decimals of the currencies that payments are made in.
CURRENCIES = {"MXN": 2, "BRL": 2, "PEN": 2, "CLP": 0}


def fail(what):
    print(f"demo: {what}", file=sys.stderr)
    sys.exit(1)


def seconds_to_run():
    given = os.environ.get("DEMO_SECONDS", "0")
    if not (given.isascii() and given.isdigit()):
        print(f"demo: DEMO_SECONDS must be a whole number, not '{given}'", file=sys.stderr)
        sys.exit(2)
    return int(given)


class Stopped(Exception):
    """Somebody asked for the end."""


class Demo:
    """Everything that is started, and how it is ended again."""

    def __init__(self, binary):
        self.binary = pathlib.Path(binary).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clausum-demo-kafka."))
        self.data = self.folder / "worker-1"
        self.own_broker = not os.environ.get("KAFKA_BOOTSTRAP")
        self.environment = dict(os.environ)
        self.worker = self.switch = None
        self.status = 0

    def kafka(self, *command, **options):
        script = [sys.executable, str(KAFKA), "--folder", str(self.folder / "kafka"), "--port", "0", *command]
        # A session of its own, here and below: Ctrl-C is meant for this script, which ends the others in order.
        return subprocess.run(script, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **options)

    def start_broker(self):
        print("Starting a broker" if self.own_broker else "Using the broker of KAFKA_BOOTSTRAP", flush=True)
        started = self.kafka("start", stdout=subprocess.PIPE)
        if started.returncode:
            fail("there is no broker (its message is above)")
        given = {
            "CLAUSUM__KAFKA__BOOTSTRAP": started.stdout.strip(),
            "CLAUSUM__INSTALLATION__KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "CLAUSUM__ARCHIVE__URL": (self.folder / "archive").as_uri(),
        }
        self.environment |= given
        # What every worker and every command of this installation is given.
        with open(os.open(self.file("environment"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())

    def file(self, name):
        return self.folder / name

    @property
    def bootstrap(self):
        return self.environment["CLAUSUM__KAFKA__BOOTSTRAP"]

    def clausum(self, *command):
        options = {"env": self.environment, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
        done = subprocess.run([self.binary, *command], stdin=subprocess.DEVNULL, **options)
        if done.returncode:
            fail(f"clausum {' '.join(command)} ended with {done.returncode} (its message is above)")
        return done.stdout

    def found(self):
        print("Making the topics and an organization", flush=True)
        self.clausum("topics", "create", "--kafka", self.bootstrap, "--single-node")
        made = self.clausum("orgs", "create", "--name", "Demo", "--kafka", self.bootstrap)
        with open(os.open(self.file("organization.json"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(made)
        self.organization = json.loads(made)["organization_id"]

    def start_worker(self):
        print("Starting a worker", flush=True)
        told = self.file("worker-1.log")
        command = [self.binary, "serve", "--kafka", self.bootstrap, "--data", str(self.data)]
        command += ["--listen", f"127.0.0.1:{0 if is_taken(8080) else 8080}"]
        with told.open("wb") as log:
            self.worker = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + READY_WITHIN_S
        while not self.is_ready(told):
            if self.worker.poll() is not None or time.monotonic() > end:
                print("\n".join(told.read_text(errors="replace").splitlines()[-40:]), file=sys.stderr)
                fail("the worker is not ready; what it said is above")
            time.sleep(0.1)

    def is_ready(self, told):
        """Whether every partition decides."""
        _, found, rest = told.read_text(errors="replace").partition("base_url=")
        if not found:
            return False
        self.url = rest.split()[0]
        try:
            return urllib.request.urlopen(f"{self.url}/health/readyz", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def start_switch(self):
        tool = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars()}/*", str(SWITCH)]
        self.switch = subprocess.Popen(
            [*tool, self.bootstrap, self.organization],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def jars(self):
        return self.kafka("jars", stdout=subprocess.PIPE, check=True).stdout.strip()

    def stop(self):
        """Ends what was started, from the top; nothing here is cut short by another Ctrl-C."""
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        if self.switch:
            try:
                self.switch.stdin.close()
            except OSError:
                pass
            self.end(self.switch, "the switch", 5)
        if self.worker and self.worker.poll() is None:
            self.worker.terminate()
            self.end(self.worker, "the worker", STOP_WITHIN_S)
            if self.worker.returncode:
                self.status = 1
        if self.own_broker:
            self.kafka("stop")
        print(f"\nStopped. Log and state are in {self.folder}; remove it when you are done.")

    def end(self, process, name, within_s):
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            print(f"demo: {name} did not stop within {within_s} s and was killed", file=sys.stderr)
            process.kill()
            process.wait()
            self.status = 1

    def tell(self):
        folder, broker = self.folder, self.bootstrap
        print(f"""
Clausum is deciding what comes in on clausum.requests at {broker}

In another terminal:

  . {folder}/environment    # brokers, installation key, archive: what every worker is given
  PATH=$PATH:{self.binary.parent}

  # a second worker, which takes half of the partitions; kill one of the two and see the other go on
  clausum serve --listen 127.0.0.1:0 --data {folder}/worker-2

  # each partition of the first, its lag, and whether it is parked; the topics, and whose log is on them
  clausum status --data {self.data}
  clausum topics describe --single-node

  # the answers as they are, with their headers
  {KAFKA} tool org.apache.kafka.tools.consumer.ConsoleConsumer \\
    --bootstrap-server {broker} --topic clausum.decisions --formatter-property print.headers=true

  {self.url}/api/v1/health   is it well
  {self.url}/metrics         what Prometheus sees
  {folder}/organization.json   the organization and its keys
  {SWITCH}   the switch: Kafka's own client in one file

Decisions as they come from clausum.decisions: score, amount, time as the switch sees it, signals (Ctrl-C stops):
""", flush=True)

    def run(self, seconds):
        for step in (self.start_broker, self.found, self.start_worker, self.start_switch, self.tell):
            step()
        sent, first = {}, threading.Event()
        showing = threading.Thread(target=show, args=(self.switch.stdout, sent, first), daemon=True)
        showing.start()
        end = None
        for number, body in enumerate(payments(random.Random(1))):
            identity = f"ORD-{number}"
            sent[identity] = (time.monotonic() if number else None, body)
            try:
                self.switch.stdin.write(f"{identity} {json.dumps(body)}\n")
                self.switch.stdin.flush()
            except OSError:
                fail("the switch ended by itself")
            # The first one waits until the switch is there; from its answer on time counts.
            if not first.wait(READY_WITHIN_S):
                fail(f"no decision within {READY_WITHIN_S} s; see {self.file('worker-1.log')}")
            if not showing.is_alive():
                fail("the switch ended by itself")
            if self.worker.poll() is not None:
                fail(f"the worker ended by itself; see {self.file('worker-1.log')}")
            end = end or time.monotonic() + seconds
            if seconds and time.monotonic() >= end:
                return
            time.sleep(GAP_S)


def is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def payments(chance):
    """Payments without end: people who pay now and then, and every tenth second somebody in a hurry."""
    people = [f"{name}{number}@{host}" for number in range(40) for name in ("ana", "luis", "eva") for host in HOSTS]
    while True:
        for _ in range(44):
            yield payment(chance, chance.choice(people))
        hurried = f"carlos{chance.randrange(10_000)}@mailinator.com"
        # The sixth of one address within the hour is what the velocity rules are for.
        for _ in range(6):
            yield payment(chance, hurried)


HOSTS = ("example.com", "example.org", "example.net")


def payment(chance, email):
    currency = chance.choice(list(CURRENCIES))
    amount = int(chance.lognormvariate(4.5, 1) * 10 ** CURRENCIES[currency]) + 1
    card = {"type": "card", "card_bin": chance.choice(["411111", "520000", "450799"])}
    return {
        "amount": amount,
        "currency": currency,
        "email": email,
        "device": {"ip": f"203.0.113.{chance.randrange(1, 255)}"},
        "payment_method": card | {"card_last4": f"{chance.randrange(10_000):04}"},
    }


def show(answers, sent, first):
    """A line for each answer: an id, a status, whether it is a repeat, and the body."""
    for line in answers:
        identity, status, _, body = line.split(" ", 3)
        begun, asked = sent.pop(identity)
        took = f"{(time.monotonic() - begun) * 1000:.0f} ms" if begun else "-"
        answer = json.loads(body)
        decimals = CURRENCIES[asked["currency"]]
        amount = f"{asked['currency']} {asked['amount'] / 10**decimals:>10.{decimals}f}"
        if status == "200":
            told, signals = f"{answer['decision']:<9} {answer['risk_score']:>3}", ", ".join(answer["signals"]) or "-"
        else:
            told, signals = f"HTTP {status:<8}", answer["error"]["code"]
        print(f"{time.strftime('%H:%M:%S')}  {told}  {amount}  {took:>7}  {signals}", flush=True)
        first.set()
    # Nobody waits for what does not come any more.
    first.set()


def main():
    seconds = seconds_to_run()
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    if not os.access(sys.argv[1], os.X_OK):
        fail(f"{sys.argv[1]} is missing: run make build")

    def stopped(*_):
        raise Stopped

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, stopped)
    demo = Demo(sys.argv[1])
    try:
        demo.run(seconds)
    except Stopped:
        pass
    except SystemExit:
        demo.status = 1
    finally:
        demo.stop()
    sys.exit(demo.status)


if __name__ == "__main__":
    main()
