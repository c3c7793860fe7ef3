"""A payment switch on a client that is not ours: producer.py JSON, in a process of its own.

Open loop: what is due is produced, however long the answers take. Two producers: one waits for its acknowledgements
as long as it takes, one gives up soon, so that records exist of which nobody knows whether they were taken. Each end
of a record is a line of the journal: serial, partition and offset, or serial, `-` and why. It goes on until its
standard input closes, and then waits for what is under way. Its last line is a word for the record.
"""

import json
import os
import random
import select
import sys
import time

from confluent_kafka import KafkaException, Producer
from traffic import Traffic

FLUSH_WITHIN_S = 120
HASTY_MS = 4_000
BEHIND_AT_MOST_S = 2.0
PATIENT = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "linger.ms": 5,
    "message.timeout.ms": 0,
    "queue.buffering.max.messages": 1_000_000,
    "reconnect.backoff.max.ms": 500,
    # That brokers are away is what this is about.
    "log_level": 2,
}


class Switch:
    """The traffic on its way."""

    def __init__(self, told):
        self.journal = open(told["journal"], "w", buffering=1 << 16)
        own = {"bootstrap.servers": told["bootstrap"], "error_cb": lambda _: None}
        self.patient = Producer(PATIENT | own)
        self.hasty = Producer(PATIENT | own | {"message.timeout.ms": HASTY_MS})
        self.traffic = Traffic(told["seed"], told["organizations"], told["partitions"])
        self.rate = told["rate"]
        self.chance = random.Random(told["seed"])
        self.turned_away = 0

    def send(self):
        kind, partition, key, value, headers = self.traffic.next()
        serial = self.traffic.serial

        def ended(error, message):
            end = f"- {error.name()}" if error else f"{message.partition()} {message.offset()}"
            self.journal.write(f"{serial} {end}\n")

        producer = self.hasty if kind == "hasty" else self.patient
        to = {} if partition < 0 else {"partition": partition}
        try:
            producer.produce("clausum.requests", key=key, value=value, headers=headers, on_delivery=ended, **to)
        except (BufferError, KafkaException) as error:
            # What came out of turn would be repeated behind nothing: it is fresh or nothing.
            self.journal.write(f"{serial} - {error}\n")
            self.turned_away += 1

    def run(self):
        due = time.monotonic()
        while not (select.select([0], [], [], 0)[0] and not os.read(0, 4096)):
            now = time.monotonic()
            # A machine that stood still does not get everything at once.
            due = max(due, now - BEHIND_AT_MOST_S)
            while due <= now:
                self.send()
                due += self.chance.expovariate(self.rate)
            self.patient.poll(0)
            self.hasty.poll(max(0.0, min(0.02, due - time.monotonic())))
        left = self.hasty.flush(HASTY_MS / 1000 + 10) + self.patient.flush(FLUSH_WITHIN_S)
        self.journal.close()
        print(json.dumps({"sent": self.traffic.serial, "turned_away": self.turned_away, "left": left}), flush=True)


if __name__ == "__main__":
    Switch(json.loads(sys.argv[1])).run()
