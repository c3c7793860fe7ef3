"""The brokers, as deploy/kafka/kafka.py runs them; here they are ended and started without waiting."""

import argparse
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kafka"))
import kafka  # noqa: E402

# A node that takes leave of nobody any more is not waited for longer.
LEAVE_WITHIN_S = 10


class Brokers:
    """A cluster of one or three nodes."""

    def __init__(self, folder, count, links):
        told = argparse.Namespace(folder=folder, host=links.host, port=0, heap="384m", advertise=None, secure=False)
        self.cluster = kafka.Cluster(told)
        # Made to live short: what the compiler would gain later is not waited for.
        self.cluster.flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        self.cluster.apart = links.apart
        self.cluster.start(count)
        links.open(self.cluster)

    def bootstrap(self):
        return self.cluster.bootstrap()

    def nodes(self):
        return self.cluster.nodes

    def kill(self, nodes):
        for node in nodes:
            self.tell(node, signal.SIGKILL)

    def leave(self, nodes):
        """Asks nodes to end, and waits until they have: a fault's step."""
        for node in nodes:
            self.tell(node, signal.SIGTERM)
        end = time.monotonic() + LEAVE_WITHIN_S
        yield lambda: not any(self.cluster.pid(node) for node in nodes) or time.monotonic() > end
        self.kill(nodes)

    def tell(self, node, how):
        pid = self.cluster.pid(node)
        if pid:
            os.kill(pid, how)

    def start(self, nodes):
        """Starts nodes, and waits until each knows the others: a fault's step."""
        yield lambda: not any(self.cluster.pid(node) for node in nodes)
        started = [(node, self.cluster.launch(node)) for node in nodes]
        waited = time.monotonic() + kafka.ANSWER_WITHIN_S

        def answer():
            for node, process in started:
                if process.poll() is not None:
                    self.cluster.tell_why(node)
            if time.monotonic() > waited:
                kafka.fail("a node that was started again does not answer")
            return all(self.cluster.answers(node) for node, _ in started)

        yield answer

    def close(self):
        self.cluster.stop(signal.SIGKILL)
