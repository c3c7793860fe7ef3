#!/usr/bin/env python3
"""Measures the ways in and out of the engine side by side, in one run: figures.py BINARY [--out FILE]

In turn: HTTP over the embedded log, HTTP over Kafka, and requests produced to Kafka with decisions read from it;
each with latencies at a stated open-loop rate, then as fast as it goes. Then the velocity job: a backlog of small
payments with skewed keys, drained by a worker whose rules ask for six entities' counts and sums over four windows.
Server, broker and load generator share the machine's processors; what each took of them is told an event.

--rate and --seconds state the open loop, --flood-seconds and --backlog the rest; --profile draws where the
velocity job spends its time, by `perf`. --out writes the tables to a file besides. About five minutes; Linux, with
Java and Maven for the broker (deploy/kafka). KAFKA_BOOTSTRAP measures on a broker that runs, whose processor time
is not seen then; topics of an installation must not be on it.
"""

import argparse
import base64
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
READY_WITHIN_S = 60
STOP_WITHIN_S = 30
DRAIN_WITHIN_S = 120
LOOK_EVERY_S = 0.05
# Seldom, for a server that is asked for its metrics works for that.
COUNT_EVERY_S = 0.25
WARM_S = 4
# Connections of the closed loop over HTTP, and requests under way in that on Kafka.
CONNECTIONS = 64
UNDER_WAY = 2_000
PAYERS = 50_000
PARTITIONS = 4

ENTITIES = ["email", "phone", "customer", "device", "ip", "card"]
WINDOWS = ["1m", "10m", "1h", "24h"]
DISTINCT = "velocity.device.distinct_cards_24h"
# Above everything that is counted, so that each comparison is made of all its windows.
NEVER = 10**17


def fail(what):
    sys.exit(f"figures: {what}")


def say(what):
    print(f"==> {what}", file=sys.stderr, flush=True)


def cpu(pid):
    """Processor seconds a process took so far; none of one that is not ours to see."""
    if pid is None:
        return None
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


class Broker:
    """A Kafka of one node."""

    def __init__(self, folder):
        self.script = [sys.executable, HERE / "kafka" / "kafka.py", "--folder", folder, "--port", "0"]
        self.bootstrap = None
        started = subprocess.run([*self.script, "start", "1"], stdout=subprocess.PIPE, text=True)
        if started.returncode:
            fail("there is no broker (its message is above)")
        self.bootstrap = started.stdout.strip()
        mine = folder / "1" / "pid"
        self.pid = int(mine.read_text()) if mine.exists() else None

    def end(self):
        subprocess.run([*self.script, "wipe"], stdout=subprocess.DEVNULL)


class Server:
    """A running server."""

    def __init__(self, binary, data, environment, *flags):
        self.told = data.parent / "told"
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", data, *flags]
        with self.told.open("w") as told:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told, env=environment)
        self.pid = self.process.pid
        self.url = None

    def wait(self):
        """Until it decides."""
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                fail(f"the server ended:\n{self.told.read_text()}")
            found = re.search(r"started base_url=(\S+)", self.told.read_text())
            if found:
                self.url = found[1]
                if self.get("/health/readyz")[0] == 200:
                    return self
            time.sleep(LOOK_EVERY_S)
        return fail(f"the server was not ready within {READY_WITHIN_S} s:\n{self.told.read_text()}")

    def get(self, route):
        try:
            connection = http.client.HTTPConnection(urllib.parse.urlparse(self.url).netloc, timeout=10)
            connection.request("GET", route)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (ConnectionError, http.client.HTTPException, TimeoutError):
            return 0, ""

    def decided(self):
        """Payments decided since it started."""
        counts = re.findall(r"^clausum_decisions_total\{[^}]*\} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return int(sum(map(float, counts)))

    def end(self):
        """Asks it to end; it writes its last checkpoint."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    """What a run has started, and what it ends again."""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.binary = arguments.binary.resolve()
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CLAUSUM__")}
        self.broker = None
        self.server = None
        self.generator = None

    def end(self):
        if self.generator and self.generator.returncode is None:
            self.generator.kill()
            self.generator.wait()
        if self.server:
            self.server.end()
        if self.broker:
            self.broker.end()

    def run(self, *command):
        """What a command of the program prints."""
        done = subprocess.run([self.binary, *command], stdout=subprocess.PIPE, text=True, env=self.environment)
        if done.returncode:
            fail(f"{command[0]} {command[1]} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def start(self, name, *flags):
        data = self.folder / name / "data"
        data.mkdir(parents=True, exist_ok=True)
        self.server = Server(self.binary, data, self.environment, *flags)
        return self.server

    def stop(self):
        self.server.end()
        self.server = None

    def start_broker(self):
        """A broker with the topics of an installation."""
        self.environment["CLAUSUM__INSTALLATION__KEY"] = base64.b64encode(os.urandom(32)).decode()
        self.broker = Broker(self.folder / "kafka")
        create = ["topics", "create", "--kafka", self.broker.bootstrap, "--single-node"]
        self.run(*create, "--partitions", str(PARTITIONS), "--json")

    def on_kafka(self):
        return ["--kafka", self.broker.bootstrap]

    def organization(self, name):
        return json.loads(self.run("orgs", "create", "--name", name, *self.on_kafka()))

    def load(self, *flags):
        """A run of load: its report, and what each process took of the processors an event, in microseconds."""
        pids = [self.server and self.server.pid, self.broker and self.broker.pid]
        before = [cpu(pid) for pid in pids]
        command = [self.binary, "load", "--json", "--payers", str(PAYERS), *flags]
        self.generator = subprocess.Popen(command, stdout=subprocess.PIPE, env=self.environment)
        told = self.generator.stdout.read()
        _, status, used = os.wait4(self.generator.pid, 0)
        self.generator.returncode = os.waitstatus_to_exitcode(status)
        if self.generator.returncode:
            fail(f"load {' '.join(map(str, flags))} ended with {self.generator.returncode}: {told.decode()}")
        report = json.loads(told)
        took = [None if was is None else cpu(pid) - was for pid, was in zip(pids, before)]
        took.append(used.ru_utime + used.ru_stime)
        events = report["answered"] or (report.get("log") or {}).get("acknowledged") or 1
        report["us"] = [None if seconds is None else seconds * 1e6 / events for seconds in took]
        return report

    def answers(self):
        """Answers there are on the topic of decisions."""
        told = json.loads(self.run("topics", "describe", *self.on_kafka(), "--single-node", "--bounds", "--json"))
        return sum(of["end"] for of in told["bounds"] if of["topic"].endswith("clausum.decisions"))

    def drain(self, organization, count, *flags, profile=None):
        """Produces a backlog while no worker runs, then starts one: how it drains."""
        self.stop()
        before = self.answers()
        self.load(*self.on_kafka(), "--org", organization, "--backlog", str(count), *flags)
        server = self.start("kafka", *self.on_kafka())
        end = time.monotonic() + DRAIN_WITHIN_S
        while not (server.url and server.decided()):
            found = re.search(r"started base_url=(\S+)", server.told.read_text())
            server.url = found and found[1]
            if server.process.poll() is not None or time.monotonic() > end:
                fail(f"nothing was decided:\n{server.told.read_text()}")
            time.sleep(LOOK_EVERY_S)
        perf = recorder(server.pid, profile) if profile else None
        pids = [server.pid, self.broker.pid]
        began, first, was = time.monotonic(), server.decided(), [cpu(pid) for pid in pids]
        decided = first
        while decided < count:
            if time.monotonic() > end:
                fail(f"{decided} of {count} were decided within {DRAIN_WITHIN_S} s")
            time.sleep(COUNT_EVERY_S)
            decided = server.decided()
        took, now = time.monotonic() - began, [cpu(pid) for pid in pids]
        if perf:
            perf.send_signal(signal.SIGINT)
            perf.wait()
        while self.answers() - before < count:
            if time.monotonic() > end:
                fail(f"{self.answers() - before} of {count} were answered")
        events = decided - first
        us = [None if a is None else (b - a) * 1e6 / events for a, b in zip(was, now)]
        return {"events": events, "seconds": took, "rate": events / took, "us": us}


def recorder(pid, profile):
    """Records a process until it is interrupted."""
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-g", "-p", str(pid), "-o", profile]
    return subprocess.Popen(command)


def number(value, digits=1):
    return "-" if value is None else f"{value:,.{digits}f}"


def ms(us):
    return number(us / 1000, 2)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def measure(bench, way, *flags, closed):
    """Latencies at the stated rate, then as fast as answers come."""
    arguments = bench.arguments
    say(f"{way}: warm up")
    bench.load(*flags, "--rate", "max", "--connections", closed, "--duration", f"{WARM_S}s", "--seed", "1")
    say(f"{way}: {arguments.rate} a second for {arguments.seconds} s")
    open_loop = ["--rate", str(arguments.rate), "--duration", f"{arguments.seconds}s", "--seed", "2"]
    stated = bench.load(*flags, *open_loop)
    say(f"{way}: as fast as answers come for {arguments.flood_seconds} s")
    flood = ["--rate", "max", "--connections", closed, "--duration", f"{arguments.flood_seconds}s", "--seed", "3"]
    return way, stated, bench.load(*flags, *flood)


def ways(bench):
    """Every way in and out, one after the other."""
    http_closed, kafka_closed = str(CONNECTIONS), str(UNDER_WAY)
    server = bench.start("embedded").wait()
    keys = json.loads((bench.folder / "embedded" / "data" / "bootstrap.json").read_text())["keys"]
    over_http = ["--url", server.url, "--key", keys["server"]]
    results = [measure(bench, "embedded, HTTP", *over_http, closed=http_closed)]
    bench.stop()
    bench.start_broker()
    shop = bench.organization("Shop")
    server = bench.start("kafka", *bench.on_kafka()).wait()
    over_http = ["--url", server.url, "--key", shop["keys"]["server"]]
    results.append(measure(bench, "Kafka, HTTP", *over_http, closed=http_closed))
    over_kafka = [*bench.on_kafka(), "--org", shop["organization_id"]]
    results.append(measure(bench, "Kafka in, Kafka out", *over_kafka, closed=kafka_closed))
    count = bench.arguments.backlog
    say(f"a backlog of {count:,}")
    return results, bench.drain(shop["organization_id"], count, "--seed", "4")


def tables_of_ways(bench, results, drained):
    rate, seconds = bench.arguments.rate, bench.arguments.seconds
    head = ["", "answered a second", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "not answered"]
    cpus = ["server µs", "broker µs", "generator µs"]
    rows = []
    for way, stated, _ in results:
        latency, missing = stated["latency_us"], stated["due"] - stated["succeeded"]
        quantiles = [ms(latency[name]) for name in ("p50", "p99", "p99.9", "max")]
        rows.append([way, number(stated["rate"]), *quantiles, str(missing), *map(number, stated["us"])])
    stated_table = table([*head, *cpus], rows)
    rows = []
    for (way, _, flood), how in zip(results, [f"{CONNECTIONS} connections"] * 2 + [f"{UNDER_WAY} under way"]):
        rows.append([f"{way}, {how}", number(flood["rate"], 0), *map(number, flood["us"])])
    rows.append([f"Kafka in, Kafka out, backlog of {bench.arguments.backlog:,}", number(drained["rate"], 0)])
    rows[-1] += [*map(number, drained["us"]), "-"]
    return [
        f"### {rate:,} requests a second, open loop, {seconds} s",
        "Latencies are from when a request was due to its answer; processor time is an event.",
        stated_table,
        "### As fast as it goes",
        "Over HTTP and on Kafka a request follows each answer; the backlog was there before the worker.",
        table(["", "events a second", *cpus], rows),
    ]


def job(distinct):
    """A pack whose six rules compare what four windows count and sum of six entities."""
    rules = []
    for entity in ENTITIES:
        parts = [f"velocity.{entity}.{what}_{window}" for window in WINDOWS for what in ("count", "sum")]
        if distinct and entity == "device":
            parts.append(DISTINCT)
        when = f"{' + '.join(parts)} > {NEVER}"
        rules.append({"id": f"job_{entity}", "name": entity, "when": when, "score": 1})
    return {"pack": "velocity-job", "flow": "payin", "extends": "clausum/payin", "rules": rules}


def shipped_signals():
    """Codes of the shipped signals that may be switched off."""
    codes = re.findall(r"^  - code: (\w+)$", (HERE.parent / "rules" / "payin.yaml").read_text(), re.MULTILINE)
    return [code for code in codes if not code.startswith("amount_")]


def apply(bench, organization, document):
    """Whether a document was taken."""
    file = bench.folder / "document.json"
    file.write_text(json.dumps(document))
    data = bench.folder / "kafka" / "data"
    command = [bench.binary, "admin", "apply", file, "--org", organization, "--data", data]
    done = subprocess.run(command, capture_output=True, text=True, env=bench.environment)
    if done.returncode not in (0, 3):
        fail(f"admin apply ended with {done.returncode}: {done.stderr}")
    return done.returncode == 0


def velocity(bench):
    """The velocity job, with and without what is evaluated besides."""
    shipped, beside, alone = (bench.organization(f"Velocity {n}")["organization_id"] for n in range(3))
    # A worker that runs meets new organizations in its log.
    bench.server.wait()
    distinct = apply(bench, beside, {"packs": {"payin": job(True)}})
    if not distinct and not apply(bench, beside, {"packs": {"payin": job(False)}}):
        fail("the velocity job's pack was refused")
    off = {"payin": {"disabled_signals": shipped_signals()}}
    if not apply(bench, alone, {"packs": {"payin": job(distinct)}, "scoring": off}):
        fail("the velocity job's settings were refused")
    count, rows, last = bench.arguments.velocity, [], None
    flags = ["--lean", "--seed", "5"]
    for name, organization in (
        ("shipped signals alone", shipped),
        ("the job, beside the shipped signals", beside),
        ("the job, shipped signals disabled", alone),
    ):
        say(f"velocity: {name}, a backlog of {count:,}")
        last = bench.drain(organization, count, *flags)
        us = last["us"]
        rows.append([name, number(last["rate"], 0), number(1e6 / us[0], 0), *map(number, us)])
    asked = "6 entities × 4 windows of count and sum, "
    asked += "one distinct" if distinct else "no distinct (this version counts none)"
    head = ["", "events a second", "events per core-second of the worker", "worker µs", "broker µs"]
    texts = [
        f"### Velocity job: {asked}, six comparisons",
        f"Kafka in, Kafka out; a backlog of {count:,} small payments of {PAYERS:,} payers by Zipf's law (0.9), drained. "
        "Shipped windows are kept up also where the signals that read them are disabled.",
        table(head, rows),
    ]
    if bench.arguments.profile:
        say("velocity: once more under perf")
        profile = bench.folder / "profile"
        bench.drain(alone, count, *flags, profile=profile)
        texts += ["Where the worker's time goes in the last of these, by thread and by function:", spent(profile)]
    return texts


def spent(profile):
    """Where processor time went, by thread and by function."""
    shares = []
    for columns, count in ("comm", 12), ("comm,symbol", 40):
        command = ["perf", "report", "-i", profile, "--no-children", "--sort", columns, "-g", "none", "--stdio"]
        report = subprocess.run(command, capture_output=True, text=True).stdout
        rows = [line.rstrip() for line in report.splitlines() if line.strip() and not line.startswith("#")]
        shares.append("\n".join(row[:110].rstrip() for row in rows[:count]))
    return "```\n" + "\n\n".join(shares) + "\n```"


def machine():
    """What it was measured on."""
    models = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = models[0] if models else platform.machine()
    busy = os.getloadavg()[0]
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return f"{today}, {len(os.sched_getaffinity(0))} processors ({model}), load of {busy:.1f} when it began."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--flood-seconds", type=int, default=10)
    parser.add_argument("--backlog", type=int, default=200_000)
    parser.add_argument("--velocity", type=int, default=300_000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if arguments.profile and not shutil.which("perf"):
        fail("there is no perf (Debian: linux-perf)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="clausum-figures."))
    bench = Bench(arguments, folder)
    try:
        texts = [machine()]
        texts += tables_of_ways(bench, *ways(bench))
        texts += velocity(bench)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        bench.end()
        shutil.rmtree(folder, ignore_errors=True)
    page = "\n\n".join(texts) + "\n"
    print(page)
    if arguments.out:
        arguments.out.write_text(page)


if __name__ == "__main__":
    main()
