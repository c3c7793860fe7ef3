#!/usr/bin/env python3
"""A real Kafka on loopback, for tests and for trying out: Java 17 and Maven are all it needs.

  kafka.py start [NODES]   starts 1 (or 3) KRaft nodes and prints their bootstrap string once they answer
  kafka.py attached [NODES]  the same, and ends them and removes the folder when its standard input closes
  kafka.py stop [I]        ends all nodes, or node I; the data stays, and `start` or `restart` goes on with it
  kafka.py kill I          ends node I without notice (SIGKILL)
  kafka.py restart I       starts node I again on its data
  kafka.py status          a line for each node; exits 3 unless all run
  kafka.py wipe            kills all nodes and removes the folder
  kafka.py tool CLASS ...  runs a class of the jars, as org.apache.kafka.tools.TopicCommand
  kafka.py jars            prints the folder of the jars, fetched if they are not there

Options, before the command: --folder (default: clausum-kafka in the folder for temporary files), --port (of the
first node; each takes two, or three with --secure; 0 finds free ones), --host (the address that nodes listen on for
clients), --heap (of a node), --advertise (the port that clients of a single node are told, for one who stands in
between), --secure (a listener beside the plain one: TLS, and SCRAM-SHA-512 for the user `clausum` with the password
`clausum-secret`; the second line printed is its bootstrap string, FOLDER/ca.pem the authority; needs openssl).
Several clusters may run at once, each in a folder of its own. Where KAFKA_BOOTSTRAP is set, `start` and `attached`
print it and start nothing. Jars are kept in ~/.cache/clausum/kafka/VERSION. Only processes that this script started
in the folder are ever ended.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# The same for every cluster: one is told from another by its ports and its folder.
CLUSTER = "Y2xhdXN1bS10cnktb3V0MQ"
ANSWER_WITHIN_S = 90
STOP_WITHIN_S = 10
PORT_TRIES = 3

PROPERTIES = """\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller}{secure_listener}{listeners}
advertised.listeners=PLAINTEXT://{host}:{told}{secure_listener}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
# Of three nodes one may be away and acks=all is answered still.
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4
# A topic that nobody made is a mistake.
auto.create.topics.enable=false
# A node that was killed is taken for dead soon, and may come back.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Nobody waits for more members of a group than there are.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=3000
group.consumer.min.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""

SECURE = """\
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/node.pem
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
USER = "SCRAM-SHA-512=[name=clausum,password=clausum-secret]"


def say(what):
    print(f"kafka: {what}", file=sys.stderr)


def fail(what):
    say(what)
    sys.exit(1)


def jars():
    """The folder of the jars, filled once."""
    version = re.search(r"<kafka.version>(.*)</kafka.version>", (HERE / "pom.xml").read_text())[1]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = cache / "clausum" / "kafka" / version
    if folder.is_dir():
        return folder
    if not shutil.which("mvn"):
        fail("there is no Maven to fetch the broker with: deploy/bootstrap.sh kafka")
    say(f"fetching Kafka {version} (once, about 45 MB)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Moved into place when it is whole, so that one cut off is begun again and two at once do no harm.
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        command = ["mvn", "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={part}/jars"]
        if subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode:
            fail("Maven could not fetch the jars (its message is above; is there a network?)")
        try:
            os.rename(f"{part}/jars", folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def java(*arguments, **options):
    command = ["java", *[a for a in arguments if a.startswith("-X")], "-cp", f"{jars()}/*"]
    command += ["-Djava.awt.headless=true", *[a for a in arguments if not a.startswith("-X")]]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)


def free_ports(count, host="127.0.0.1"):
    """Ports nobody listens on, each a different one."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind((host, 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def brokers_known(port, host="127.0.0.1"):
    """How many brokers the node at a port knows; 0 if it does not answer. A Metadata request, version 1."""
    try:
        with socket.create_connection((host, port), timeout=2) as node:
            node.sendall(struct.pack(">ihhihi", 14, 3, 1, 7, -1, 0))
            answer = b""
            while len(answer) < 12:
                piece = node.recv(12 - len(answer))
                if not piece:
                    return 0
                answer += piece
            return struct.unpack(">iii", answer)[2]
    except OSError:
        return 0


def certify(folder):
    """Makes an authority and, signed by it, what every node shows: FOLDER/ca.pem and node.pem."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    authority = ["-x509", *key, "-subj", "/CN=clausum tests", "-keyout", "ca.key", "-out", "ca.pem"]
    node = ["-x509", *key, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    node += ["-addext", "basicConstraints=critical,CA:false", "-CA", "ca.pem", "-CAkey", "ca.key"]
    for what in [authority, [*node, "-keyout", "node.key", "-out", "node.crt"]]:
        made = subprocess.run(["openssl", "req", *what], cwd=folder, capture_output=True, text=True)
        if made.returncode:
            fail(f"openssl: {made.stderr.strip()}")
    parts = [(folder / name).read_text() for name in ("node.key", "node.crt", "ca.pem")]
    (folder / "node.pem").write_text("".join(parts))


class Cluster:
    """Nodes whose data, settings and process ids are in one folder."""

    def __init__(self, arguments):
        self.folder = pathlib.Path(arguments.folder).resolve()
        self.host = arguments.host
        self.port = arguments.port
        self.heap = arguments.heap
        self.told = arguments.advertise
        self.secure = arguments.secure
        self.flags = []
        # How many listeners apart each node has, for clients whose connections somebody stands in between of.
        self.apart = 0
        self.plan = self.folder / "cluster.json"
        self.nodes = json.loads(self.plan.read_text()) if self.plan.exists() else []

    def lay_out(self, count):
        """Gives each node its ports."""
        if self.port:
            ports = [self.port + n for n in range(3 * count)]
        else:
            ports = free_ports(3 * count, self.host)
        self.nodes = [{"id": n + 1, "port": ports[2 * n], "controller": ports[2 * n + 1]} for n in range(count)]
        for node in self.nodes:
            # A listener apart for each of some clients: where it listens, and where that client is told it does.
            more = free_ports(2 * self.apart)
            node["apart"] = [{"port": port, "told": told} for port, told in zip(more[::2], more[1::2])]
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.secure:
            certify(self.folder)
            for n, node in enumerate(self.nodes):
                node["secure"] = ports[2 * count + n]
        self.plan.write_text(json.dumps(self.nodes))

    def bootstrap(self):
        """A line for the plain listeners, and one for the secure ones if there are any."""
        hosts = {"port": self.host, "secure": "127.0.0.1"}
        kinds = [kind for kind in hosts if all(kind in node for node in self.nodes)]
        return "\n".join(",".join(f"{hosts[kind]}:{node[kind]}" for node in self.nodes) for kind in kinds)

    def home(self, node):
        return self.folder / str(node["id"])

    def node(self, number):
        for node in self.nodes:
            if str(node["id"]) == number:
                return node
        return fail(f"there is no node {number} in {self.folder}")

    def pid(self, node):
        """The process of a node, none unless it runs: a file with its id outlives it."""
        try:
            pid = int((self.home(node) / "pid").read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        mine = os.fsencode(str(self.home(node) / "server.properties"))
        return pid if mine in command.split(b"\0") and state != "Z" else None

    def launch(self, node):
        home = self.home(node)
        home.mkdir(exist_ok=True)
        count = len(self.nodes)
        settings = home / "server.properties"
        voters = ",".join(f"{n['id']}@127.0.0.1:{n['controller']}" for n in self.nodes)
        replicas, in_sync = (3, 2) if count >= 3 else (1, 1)
        secure = f",SECURE://127.0.0.1:{node['secure']}" if "secure" in node else ""
        apart = list(enumerate(node.get("apart", []), 1))
        settings.write_text(
            (PROPERTIES + SECURE * bool(secure)).format(
                **node,
                secure_listener=secure,
                folder=self.folder,
                host=self.host,
                listeners="".join(f",APART{n}://127.0.0.1:{each['port']}" for n, each in apart),
                advertised="".join(f",APART{n}://127.0.0.1:{each['told']}" for n, each in apart),
                protocols="".join(f",APART{n}:PLAINTEXT" for n, _ in apart),
                told=self.told if self.told and count == 1 else node["port"],
                voters=voters,
                data=home / "data",
                replicas=replicas,
                in_sync=in_sync,
            )
        )
        if not (home / "data" / "meta.properties").exists():
            tool = ["-Xshare:auto", "-Dlog4j2.level=ERROR", "kafka.tools.StorageTool", "format"]
            tool += ["-t", CLUSTER, "-c", str(settings), *(["--add-scram", USER] if secure else [])]
            formatted = java(*tool, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            told = formatted.communicate()[0]
            if formatted.returncode:
                fail(f"the storage could not be formatted: {told.decode(errors='replace')}")
        with (home / "server.out").open("ab") as out:
            started = java(
                "-Xms128m",
                f"-Xmx{self.heap}",
                *self.flags,
                f"-Dlog4j2.level={os.environ.get('KAFKA_LOG_LEVEL', 'WARN')}",
                "kafka.Kafka",
                str(settings),
                stdout=out,
                stderr=out,
                # A Ctrl-C meant for who started it is not meant for the node.
                start_new_session=True,
            )
        (home / "pid").write_text(str(started.pid))
        return started

    def answers(self, node):
        """Whether the node knows all nodes."""
        return brokers_known(node["port"], self.host) >= len(self.nodes)

    def wait(self, node, process):
        """Whether the node knows all nodes; false if it ended."""
        end = time.monotonic() + ANSWER_WITHIN_S
        while not self.answers(node):
            if process.poll() is not None:
                return False
            if time.monotonic() > end:
                fail(f"node {node['id']} does not answer; see {self.home(node)}/server.out")
            time.sleep(0.05)
        return True

    def start(self, count):
        if self.nodes and count not in (0, len(self.nodes)):
            fail(f"{self.folder} holds a cluster of {len(self.nodes)} nodes; wipe it first")
        tries = PORT_TRIES if not self.port and not self.nodes else 1
        if not self.nodes:
            self.lay_out(count or 1)
        for left in reversed(range(tries)):
            idle = [node for node in self.nodes if not self.pid(node)]
            for node in idle:
                if brokers_known(node["port"], self.host):
                    fail(f"something else answers on port {node['port']}: choose another with --port")
            started = [(node, self.launch(node)) for node in idle]
            ended = [node for node, process in started if not self.wait(node, process)]
            if not ended:
                return
            self.stop(signal.SIGKILL)
            if left:
                # Somebody took a port between its being found and its being used.
                self.lay_out(len(self.nodes))
        self.tell_why(ended[0])

    def tell_why(self, node):
        lines = (self.home(node) / "server.out").read_text(errors="replace").splitlines()
        fail(f"node {node['id']} ended:\n" + "\n".join(lines[-20:]))

    def restart(self, node):
        if not self.pid(node) and not self.wait(node, self.launch(node)):
            self.tell_why(node)

    def stop(self, how, only=None):
        """Ends nodes, and waits until they have. The last of three has no quorum left to take leave of, and would
        wait for minutes; its log survives a kill."""
        running = {self.pid(node) for node in self.nodes if only in (None, node)} - {None}
        for pid in running:
            os.kill(pid, how)
        end = time.monotonic() + STOP_WITHIN_S
        while running:
            running = {self.pid(node) for node in self.nodes} & running
            if running and time.monotonic() > end:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def wipe(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self):
        if not self.nodes:
            print(f"there is no cluster in {self.folder}")
            return 3
        running = [(node, self.pid(node)) for node in self.nodes]
        for node, pid in running:
            print(f"node {node['id']}  {self.host}:{node['port']}  {f'process {pid}' if pid else 'down'}")
        return 0 if all(pid for _, pid in running) else 3


def attached(cluster, count):
    """Holds a cluster as long as somebody holds the other end of standard input, however that one ends."""
    if cluster.nodes:
        fail(f"{cluster.folder} holds a cluster already")
    # Made to live short: what the compiler would gain later is not waited for.
    cluster.flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        cluster.start(count)
        print(cluster.bootstrap(), flush=True)
        while os.read(0, 4096):
            pass
    finally:
        cluster.wipe()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "clausum-kafka"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=19092)
    parser.add_argument("--heap", default="512m")
    parser.add_argument("--advertise", type=int)
    parser.add_argument("--secure", action="store_true")
    parser.add_argument("command")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    cluster, rest = Cluster(arguments), arguments.rest
    count = int(rest[0]) if rest and rest[0] in ("1", "3") else 0
    external = os.environ.get("KAFKA_BOOTSTRAP")
    match arguments.command:
        case "start" | "attached" if external:
            print(external, flush=True)
            while arguments.command == "attached" and os.read(0, 4096):
                pass
        case "start" if count or not rest:
            cluster.start(count)
            print(cluster.bootstrap())
        case "attached" if count or not rest:
            attached(cluster, count)
        case "stop" if len(rest) <= 1:
            cluster.stop(signal.SIGTERM, cluster.node(rest[0]) if rest else None)
        case "kill" if len(rest) == 1:
            cluster.stop(signal.SIGKILL, cluster.node(rest[0]))
        case "restart" if len(rest) == 1:
            cluster.restart(cluster.node(rest[0]))
        case "status" if not rest:
            sys.exit(cluster.status())
        case "wipe" if not rest:
            cluster.wipe()
        case "jars" if not rest:
            print(jars())
        case "tool" if rest:
            sys.exit(java("-Xmx256m", "-Dlog4j2.level=ERROR", *rest).wait())
        case _:
            parser.print_help(sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
