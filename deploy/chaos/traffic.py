"""What a payment switch sends, and what the contract says becomes of it.

Every record carries, in headers that mean nothing to the product, its serial number, its kind, and the serial number
of the record it repeats.
"""

import collections
import json
import random
import uuid

SERIAL, KIND, OF = "chaos-serial", "chaos-kind", "chaos-of"
TYPE, SOURCE = "clausum.assess.v1", "/chaos/switch"
ANSWER, REJECTION = "clausum.decision.v1", "clausum.rejection.v1"

Expected = collections.namedtuple("Expected", "type status replayed dead")

# Kind, share of a thousand, and what becomes of it.
KINDS = {
    # Behind its back nothing is repeated: whether it was taken is not known where it times out.
    "hasty": (100, Expected(ANSWER, "200", False, None)),
    "fresh": (670, Expected(ANSWER, "200", False, None)),
    "again": (80, Expected(ANSWER, "200", True, None)),
    "same_key": (30, Expected(ANSWER, "200", True, None)),
    "conflict": (40, Expected(REJECTION, "409", False, None)),
    "bad_field": (20, Expected(REJECTION, "400", False, None)),
    "not_json": (10, Expected(REJECTION, "400", False, "not_json")),
    "tombstone": (10, Expected(REJECTION, "400", False, "not_json")),
    "unknown_organization": (10, Expected(None, None, False, "unknown_organization")),
    "no_id": (10, Expected(None, None, False, "bad_envelope")),
    "twice": (5, Expected(None, None, False, "bad_envelope")),
    "unknown_type": (5, Expected(None, None, False, "unknown_type")),
    "reserved": (5, Expected(None, None, False, "reserved_type")),
    "wrong_partition": (5, Expected(None, None, False, "wrong_partition")),
}
REPEATS = {"again", "same_key", "conflict"}
# The last so many may be repeated.
REMEMBERED = 4_000
PAYERS = 20_000
BINS = ["411111", "520082", "450799", "557910", "400551"]
HOMES = [("MXN", "MX"), ("CLP", "CL"), ("BRL", "BR"), ("USD", "US")]


class Traffic:
    """Records in an order that a seed gives."""

    def __init__(self, seed, organizations, partitions):
        self.chance = random.Random(seed)
        self.organizations = organizations
        self.partitions = partitions
        self.serial = 0
        self.sent = collections.deque(maxlen=REMEMBERED)

    def body(self):
        # A few payers make most of the payments.
        payer = int(PAYERS * self.chance.random() ** 4)
        own = random.Random(payer)
        currency, country = own.choice(HOMES)
        body = {
            "amount": self.chance.randrange(1, 900_000),
            "currency": currency,
            "email": f"payer{payer}@example.com",
            "customer_id": f"c-{payer}",
            "device": {"ip": f"203.0.{own.randrange(1, 250)}.{own.randrange(1, 250)}", "ip_country": country},
            "payment_method": {"type": "card", "card_bin": own.choice(BINS), "card_last4": f"{payer % 10_000:04}"},
            "metadata": {"channel": self.chance.choice(["web", "app", "pos"])},
        }
        if self.chance.random() < 0.3:
            body["device"]["fingerprint"] = f"device-{own.randrange(1 << 30):x}"
        return body

    def next(self):
        """The next record: kind, partition (-1: that of its key), key, value, headers."""
        self.serial += 1
        kind = self.chance.choices(list(KINDS), [share for share, _ in KINDS.values()])[0]
        if kind in REPEATS and not self.sent:
            kind = "fresh"
        organization, partition = self.chance.choice(self.organizations)
        body, identifier, key_of = self.body(), f"s-{self.serial}", f"k-{self.serial}"
        headers, of = {}, None
        if kind in REPEATS:
            organization, partition, body, first, key_of, of = self.chance.choice(self.sent)
            identifier = first if kind == "again" else identifier
            if kind == "conflict":
                body = {**body, "amount": body["amount"] + 1}
        elif kind == "fresh":
            self.sent.append((organization, partition, body, identifier, key_of, self.serial))
        elif kind == "bad_field":
            body["currency"] = "XXX"
        if kind in REPEATS or kind == "fresh":
            headers["idempotency-key"] = key_of
        headers |= {"ce_specversion": "1.0", "ce_id": identifier, "ce_source": SOURCE, "ce_type": TYPE}
        key, value, to = organization, json.dumps(body), -1
        if kind == "not_json":
            value = value[:-1]
        elif kind == "tombstone":
            value = None
        elif kind == "unknown_organization":
            key = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        elif kind == "no_id":
            del headers["ce_id"]
        elif kind == "unknown_type":
            headers["ce_type"] = "clausum.assess.v9"
        elif kind == "reserved":
            headers["ce_type"] = "clausum.internal.settings.v1"
        elif kind == "wrong_partition":
            to = (partition + 1) % self.partitions
        listed = list(headers.items()) + [(SERIAL, str(self.serial)), (KIND, kind)]
        if kind == "twice":
            listed.append(("ce_id", "another"))
        if of:
            listed.append((OF, str(of)))
        return kind, to, key, value, listed
