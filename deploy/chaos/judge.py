"""Holds what the topics say at the end to what the contract says they must."""

import collections
import hashlib

from reader import OUTPUTS, REQUESTS, Reader, headers_of
from traffic import KIND, KINDS, OF, REPEATS, SERIAL

DECISIONS, _, DEAD_LETTERS = OUTPUTS
EPOCH = "clausum-epoch"
INTERNAL = "clausum.internal."

Request = collections.namedtuple("Request", "serial kind of")
Answer = collections.namedtuple("Answer", "id type status replayed body")


def digest(*parts):
    """Of texts and bytes, so that no two lists of them have the same."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        whole.update(b"-" if raw is None else b"%d:" % len(raw) + raw)
    return whole.digest()


class Chain:
    """An output topic's partition under the reader's rule, and beside it everything that stands there."""

    def __init__(self):
        self.last = "-"
        self.taken = set()
        self.first = {}
        self.duplicates = 0
        self.unchained = 0

    def take(self, output, prev, whole):
        """Whether the rule takes it; None if it stood there before and differed."""
        if output in self.first:
            self.duplicates += 1
            if self.first[output] != whole:
                return None
        self.first.setdefault(output, whole)
        if prev != self.last:
            # Behind a gap, until it is written again.
            self.unchained += output not in self.taken
            return False
        self.last = output
        self.taken.add(output)
        return True


class Judge:
    """Reads everything, and says what is not as it must be."""

    def __init__(self, bootstrap, partitions):
        self.breaches = []
        self.requests = {}
        self.internal = set()
        self.answers = {}
        self.dead = {}
        self.ids = collections.defaultdict(set)
        self.chains = collections.defaultdict(Chain)
        self.waiting = set()
        self.reader = Reader(bootstrap, (REQUESTS, *OUTPUTS), partitions, self.take) if bootstrap else None

    def breach(self, text):
        self.breaches.append(text)

    def take(self, message):
        if message.topic() == REQUESTS:
            self.take_request(message)
        else:
            self.take_output(message)

    def take_request(self, message):
        headers = headers_of(message)
        place = (message.partition(), message.offset())
        if SERIAL not in headers:
            self.internal.add(place)
            if not headers.get("ce_type", "").startswith(INTERNAL):
                self.breach(f"{place}: a record that nobody here sent")
            return
        self.requests[place] = Request(int(headers[SERIAL]), headers[KIND], int(headers.get(OF, 0)))
        # Topics are read in no order: what came of it may have been seen before.
        if place not in self.answers and place not in self.dead:
            self.waiting.add(place)

    def take_output(self, message):
        topic, partition, headers = message.topic(), message.partition(), headers_of(message)
        at = f"{topic}-{partition} at {message.offset()}"
        home, _, offset = headers.get("clausum-position", "").partition(":")
        if home != str(partition):
            return self.breach(f"{at}: position {home}:{offset}")
        others = [part for name, value in message.headers() if name != EPOCH for part in (name, value)]
        whole = digest(message.key(), message.value(), *others)
        output = f"{offset}/{headers['clausum-index']}"
        taken = self.chains[topic, partition].take(output, headers["clausum-prev"], whole)
        place = (partition, int(offset))
        if taken is None:
            self.breach(f"{at}: {output} is not, byte for byte, what was written of it first")
        if topic == DECISIONS:
            self.ids[headers["ce_id"]].add(place)
        if not taken:
            return None
        kept = self.answers if topic == DECISIONS else self.dead if topic == DEAD_LETTERS else {}
        if place in kept:
            self.breach(f"{at}: a second record of {place} is taken")
        if topic == DECISIONS:
            replayed = headers.get("clausum-replayed") == "true"
            body = digest(message.value())
            answer = Answer(headers["ce_id"], headers["ce_type"], headers["clausum-status"], replayed, body)
            self.answers[place] = answer
        elif topic == DEAD_LETTERS:
            self.dead[place] = headers["clausum-error-code"]
        self.waiting.discard(place)
        return None

    def settled(self, within_s):
        """Reads to the end; whether every request has come to something."""
        return self.reader.to_end(within_s) and not self.waiting

    def judge(self, journal):
        """Everything that can only be said at the end."""
        places = collections.defaultdict(list)
        for place, request in sorted(self.requests.items()):
            places[request.serial].append(place)
        acknowledged = self.check_journal(journal, places)
        first = {serial: self.answers.get(found[0]) for serial, found in places.items()}
        for place, request in self.requests.items():
            self.check_outcome(place, request, first, place != places[request.serial][0])
        for place in [*self.answers, *self.dead]:
            if place not in self.requests and place not in self.internal:
                self.breach(f"{place}: an output of a record that is not there")
        for identifier, places in self.ids.items():
            if len(places) != 1:
                self.breach(f"ce_id {identifier} stands for {sorted(places)}")
        if len(self.ids) != len(self.answers):
            self.breach(f"by ce_id there are {len(self.ids)} answers, by the reader's rule {len(self.answers)}")
        for (topic, partition), chain in sorted(self.chains.items()):
            behind = len(chain.first) - len(chain.taken)
            if behind:
                self.breach(f"{topic}-{partition}: {behind} outputs behind a gap; the last taken is {chain.last}")
        return acknowledged

    def check_outcome(self, place, request, first, again):
        """What came of a request; `again` is one that its client wrote before."""
        expected = KINDS[request.kind][1]
        if again and expected.status == "200":
            expected = expected._replace(replayed=True)
        answer, dead = self.answers.get(place), self.dead.get(place)
        if dead != expected.dead:
            self.breach(f"{place} ({request.kind}): dead letter {dead}, not {expected.dead}")
        if answer is None or expected.type is None:
            if (answer is None) != (expected.type is None):
                self.breach(f"{place} ({request.kind}): answer {answer}, not {expected.type}")
            return
        found = (answer.type, answer.status, answer.replayed)
        if found != expected[:3]:
            self.breach(f"{place} ({request.kind}): answered {found}, not {expected[:3]}")
        if answer.id != f"{place[0]}-{place[1]}":
            self.breach(f"{place}: answered under ce_id {answer.id}")
        if expected.replayed:
            repeated = first.get(request.of if request.kind in REPEATS else request.serial)
            if not repeated or repeated.body != answer.body:
                self.breach(f"{place} ({request.kind}): the answer differs from that of what it repeats")

    def check_journal(self, journal, places):
        """Every record that was acknowledged is where it was acknowledged. The client's library may write one again
        whose acknowledgement was lost with a broker; then both are answered, the second as a repeat."""
        counts = collections.Counter()
        counts["written again by the client"] = sum(len(found) - 1 for found in places.values())
        for serial, found in places.items():
            if len({partition for partition, _ in found}) > 1:
                self.breach(f"record {serial} stands in several partitions: {found}")
        for line in journal:
            serial, where, *rest = line.split()
            if where == "-":
                counts["unacknowledged, found" if places.get(int(serial)) else "unacknowledged, lost"] += 1
                continue
            counts["acknowledged"] += 1
            found = places.get(int(serial), [])
            if rest[0] == "None":
                # Acknowledged when it was sent again: the broker no longer knows where the first one stands.
                if not found or found[0][0] != int(where):
                    self.breach(f"record {serial} was acknowledged in partition {where}, and stands at {found}")
                continue
            place = (int(where), int(rest[0]))
            if place not in found:
                self.breach(f"record {serial} was acknowledged at {place}, and stands at {found}")
        return counts

    def counts(self):
        chains = self.chains.values()
        return {
            "records": len(self.requests) + len(self.internal),
            "requests": len(self.requests),
            "decisions": sum(answer.type == "clausum.decision.v1" for answer in self.answers.values()),
            "answers": len(self.answers),
            "dead letters": len(self.dead),
            "duplicates": sum(chain.duplicates for chain in chains),
            "unchained when written": sum(chain.unchained for chain in chains),
        }
