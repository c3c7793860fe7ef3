"""Readers of the topics that share no code with the product: everything from the first record on, read uncommitted."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

OUTPUTS = ("clausum.decisions", "clausum.events", "clausum.dead_letters")
REQUESTS = "clausum.requests"
ONCE = 2_000


def consumer(bootstrap):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            # Needed by the client; nothing is committed, and no group is joined.
            "group.id": "clausum-chaos",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
            "auto.offset.reset": "error",
            "reconnect.backoff.max.ms": 500,
            # That brokers are away is what this is about.
            "log_level": 2,
            "error_cb": lambda _: None,
        }
    )


class Reader:
    """Reads some topics, whole, and goes on where it stands."""

    def __init__(self, bootstrap, topics, partitions, take):
        self.consumer = consumer(bootstrap)
        self.take = take
        self.parts = [TopicPartition(topic, p, OFFSET_BEGINNING) for topic in topics for p in range(partitions)]
        self.next = {(part.topic, part.partition): 0 for part in self.parts}
        self.consumer.assign(self.parts)

    def read(self, wait_s):
        """Takes what is there; tells how much."""
        messages = self.consumer.consume(ONCE, wait_s)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            self.next[message.topic(), message.partition()] = message.offset() + 1
            self.take(message)
        return len(messages)

    def to_end(self, within_s):
        """Reads to the ends that the topics have now; false if that takes too long."""
        limit = time.monotonic() + within_s
        ends = {(part.topic, part.partition): self.end(part, limit) for part in self.parts}
        while any(self.next[part] < end for part, end in ends.items()):
            if time.monotonic() > limit:
                return False
            self.read(0.2)
        return True

    def end(self, part, limit):
        while True:
            try:
                return self.consumer.get_watermark_offsets(part, timeout=5)[1]
            except KafkaException:
                if time.monotonic() > limit:
                    raise

    def close(self):
        self.consumer.close()


def headers_of(message):
    return {name: value.decode(errors="replace") if value else "" for name, value in message.headers() or []}
