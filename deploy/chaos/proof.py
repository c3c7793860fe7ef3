"""Proves the judge before it is believed: a small history as it must be, then with one thing wrong each time."""

from judge import DEAD_LETTERS, DECISIONS, EPOCH, Judge
from reader import REQUESTS
from traffic import ANSWER, KIND, OF, REJECTION, SERIAL


class Message:
    """A record as the client gives it."""

    def __init__(self, topic, offset, value, headers):
        self.at = (topic, offset)
        self.text = value
        self.listed = headers

    def topic(self):
        return self.at[0]

    def partition(self):
        return 0

    def offset(self):
        return self.at[1]

    def key(self):
        return b"organization"

    def value(self):
        return self.text.encode()

    def headers(self):
        return [(name, value.encode()) for name, value in self.listed.items()]


def request(offset, kind, of=None):
    headers = {SERIAL: str(offset), KIND: kind, "ce_type": "clausum.assess.v1"} | ({OF: str(of)} if of else {})
    return Message(REQUESTS, offset, "{}", headers)


def output(topic, offset, prev, body, own):
    chain = {"clausum-position": f"0:{offset}", "clausum-index": "0", "clausum-prev": prev, EPOCH: "1"}
    return Message(topic, 0, body, chain | own)


def answer(offset, prev, body="first", kind=ANSWER, status="200", replayed=False, identifier=None):
    own = {"ce_id": identifier or f"0-{offset}", "ce_type": kind, "clausum-status": status}
    return output(DECISIONS, offset, prev, body, own | ({"clausum-replayed": "true"} if replayed else {}))


def letter(offset, prev, code):
    return output(DEAD_LETTERS, offset, prev, "{", {"clausum-error-code": code})


def history():
    """A payment, its repeat, a conflict, one that is no JSON and one of an unknown organization."""
    return {
        "requests": [
            *(request(1, "fresh"), request(2, "again", 1), request(3, "conflict", 1)),
            *(request(4, "not_json"), request(5, "unknown_organization"), request(6, "fresh")),
        ],
        "answers": [
            answer(1, "-"),
            answer(2, "1/0", replayed=True),
            answer(3, "2/0", "conflict", REJECTION, "409"),
            answer(4, "3/0", "no JSON", REJECTION, "400"),
            answer(6, "4/0", "another"),
        ],
        "letters": [
            letter(4, "-", "not_json"),
            letter(5, "4/0", "unknown_organization"),
        ],
        "journal": ["1 0 1", "2 0 2", "3 0 3", "4 0 4", "5 0 5", "6 - timed out"],
    }


def with_epoch(message, epoch):
    return Message(*message.at, message.text, message.listed | {EPOCH: epoch})


def again_elsewhere(told):
    """What failures leave of a sound log: duplicates under another epoch, some behind a gap."""
    first, second, third, *others = told["answers"]
    told["answers"] = [first, third, with_epoch(first, "2"), second, third, *others, with_epoch(first, "2")]


def written_twice(*own, **more):
    """The client's library wrote the last payment again; how that is answered."""

    def change(told):
        told["requests"].append(Message(REQUESTS, 7, "{}", request(6, "fresh").listed))
        told["answers"].append(answer(7, "6/0", *own, **more))

    return change


def replace(part, at, message):
    return lambda told: told[part].__setitem__(at, message)


def drop(part, at):
    return lambda told: told[part].pop(at)


def add(part, message):
    return lambda told: told[part].append(message)


SOUND = {"as it must be": lambda told: None, "written again": again_elsewhere}
SOUND["that its client wrote twice"] = written_twice("another", replayed=True)
WRONG = {
    "a request without an answer": drop("answers", 4),
    "a gap that nobody filled": drop("answers", 1),
    "a duplicate with another body": add("answers", answer(6, "4/0", "yet another")),
    "a duplicate with another status": add("answers", answer(6, "4/0", "another", status="201")),
    "another answer of the same request": add("answers", answer(6, "6/0", "another")),
    "an answer of nothing": add("answers", answer(9, "6/0")),
    "a ce_id of something else": replace("answers", 4, answer(6, "4/0", "another", identifier="0-1")),
    "a repeat that is decided anew": replace("answers", 1, answer(2, "1/0", "anew")),
    "a repeat with another body": replace("answers", 1, answer(2, "1/0", "anew", replayed=True)),
    "a conflict that is decided": replace("answers", 2, answer(3, "2/0", "decided")),
    "a dead letter that is missing": drop("letters", 1),
    "a dead letter for another reason": replace("letters", 1, letter(5, "4/0", "bad_envelope")),
    "a dead letter of a sound request": add("letters", letter(6, "5/0", "not_json")),
    "an acknowledged record that is not there": add("journal", "7 0 7"),
    "an acknowledged record that is elsewhere": replace("journal", 0, "1 0 2"),
    "a record that stands twice and is decided twice": written_twice("another"),
    "a record that stands twice with two answers": written_twice("anew", replayed=True),
    "a record that stands twice with one answer": add("requests", Message(REQUESTS, 7, "{}", request(6, "fresh").listed)),
    "a stranger's record": add("requests", Message(REQUESTS, 7, "{}", {"ce_type": "clausum.assess.v1"})),
}


def breaches(change):
    told = history()
    change(told)
    judge = Judge(None, 1)
    for message in [*told["requests"], *told["answers"], *told["letters"]]:
        judge.take(message)
    judge.judge(told["journal"])
    return judge.breaches


def prove():
    """Tells how many faults were seen; anything else is a fault of the judge."""
    for name, change in SOUND.items():
        if found := breaches(change):
            raise AssertionError(f"the judge does not take a history {name}: {found}")
    for name, change in WRONG.items():
        if not breaches(change):
            raise AssertionError(f"the judge does not see {name}")
    return len(WRONG)
