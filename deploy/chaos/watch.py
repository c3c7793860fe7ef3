"""Looks on while things fail: when each partition's last new decision was written, by the brokers' clock."""

import threading
import time

from confluent_kafka import KafkaException
from reader import Reader, headers_of

# Shorter ones are the ordinary pace of the traffic.
SILENCE_S = 0.25


class Watch(threading.Thread):
    """A reader of the decisions in a thread of its own."""

    def __init__(self, bootstrap, partitions, used):
        super().__init__(daemon=True)
        self.reader = Reader(bootstrap, ["clausum.decisions"], partitions, self.take)
        self.used = used
        self.greatest = {}
        self.last = {}
        self.silences = []
        self.decided = 0
        self.ends = threading.Event()

    def run(self):
        while not self.ends.is_set():
            try:
                self.reader.read(0.1)
            except KafkaException:
                time.sleep(0.1)
        self.reader.close()

    def take(self, message):
        partition = message.partition()
        offset = int(headers_of(message)["clausum-position"].partition(":")[2])
        if offset <= self.greatest.get(partition, -1):
            return
        at = message.timestamp()[1] / 1000
        before = self.last.get(partition, at)
        if at - before > SILENCE_S:
            self.silences.append((partition, before, at))
        self.greatest[partition], self.last[partition] = offset, at
        self.decided += 1

    def all_since(self, moment):
        """Whether every partition with traffic has had a new decision since."""
        return all(self.last.get(partition, 0) > moment for partition in self.used)

    def longest(self, begin, end):
        """The longest silence of any partition within a time, in seconds."""
        spans = [(since, to) for _, since, to in list(self.silences)]
        spans += [(self.last.get(partition, begin), end) for partition in self.used]
        return max((min(to, end) - max(since, begin) for since, to in spans), default=0.0)

    def close(self):
        self.ends.set()
        self.join()
