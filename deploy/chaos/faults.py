"""What goes wrong. A fault is a generator: it does something, yields how long to wait or what to wait for, and leaves
everything mended."""

import contextlib
import signal
import time

# Longer than what a member of the group may be silent for.
PAST_SESSION_S = (9.0, 14.0)
STEP_WITHIN_S = 120


class Busy(Exception):
    """What the fault is for has one already."""


class Scene:
    """What faults act on, and what is under one now."""

    def __init__(self, chance, fleet, brokers, links):
        self.chance = chance
        self.fleet = fleet
        self.brokers = brokers
        self.links = links
        self.taken = set()

    @contextlib.contextmanager
    def claim(self, kind, choices):
        free = [choice for choice in choices if (kind, choice) not in self.taken]
        if not free:
            raise Busy
        choice = self.chance.choice(free)
        self.taken.add((kind, choice))
        try:
            yield choice
        finally:
            self.taken.discard((kind, choice))

    @contextlib.contextmanager
    def worker(self):
        with self.claim("worker", range(len(self.fleet.workers))) as number:
            yield self.fleet.workers[number]

    @contextlib.contextmanager
    def broker(self):
        with self.claim("broker", [node["id"] for node in self.brokers.nodes()]) as which:
            yield [node for node in self.brokers.nodes() if node["id"] == which]

    @contextlib.contextmanager
    def every_broker(self):
        with contextlib.ExitStack() as all_of_them:
            for node in self.brokers.nodes():
                all_of_them.enter_context(self.claim("broker", [node["id"]]))
            yield self.brokers.nodes()

    def pause(self, least, most):
        return self.chance.uniform(least, most)


def worker_killed(scene):
    with scene.worker() as worker:
        worker.kill()
        # As often at once as past the session.
        yield scene.chance.choice([0, scene.pause(0, 3), scene.pause(5, 9)])
        worker.start()


def worker_leaves(scene):
    with scene.worker() as worker:
        yield from worker.leave()
        yield scene.pause(0, 3)
        worker.start()


def worker_stopped(scene):
    with scene.worker() as worker:
        worker.tell(signal.SIGSTOP)
        try:
            yield scene.pause(*PAST_SESSION_S)
        finally:
            worker.tell(signal.SIGCONT)
        yield scene.pause(1, 3)


def folder_copied(scene):
    with scene.worker() as worker, scene.claim("spare", [0]):
        try:
            scene.fleet.copy(worker)
            yield scene.pause(6, 14)
        finally:
            scene.fleet.drop_copy()


def link_cut(scene):
    with scene.worker() as worker:
        scene.links.cut(worker.number)
        try:
            yield scene.chance.choice([scene.pause(1, 4), scene.pause(*PAST_SESSION_S)])
        finally:
            scene.links.mend(worker.number)


def disk_filled(scene):
    with scene.worker() as worker:
        worker.disk.fill()
        try:
            yield scene.pause(4, 10)
        finally:
            worker.disk.free()


def kill(scene, nodes, for_s):
    scene.brokers.kill(nodes)
    yield scene.pause(0, for_s)
    yield from scene.brokers.start(nodes)


def leave(scene, nodes, for_s):
    yield from scene.brokers.leave(nodes)
    yield scene.pause(0, for_s)
    yield from scene.brokers.start(nodes)


def broker_killed(scene):
    with scene.broker() as nodes:
        yield from kill(scene, nodes, 6)


def broker_leaves(scene):
    with scene.broker() as nodes:
        yield from leave(scene, nodes, 6)


def all_brokers_killed(scene):
    with scene.every_broker() as nodes:
        yield from kill(scene, nodes, 4)


def all_brokers_leave(scene):
    with scene.every_broker() as nodes:
        yield from leave(scene, nodes, 4)


# How often each is in a deck.
OF_WORKERS = {worker_killed: 5, worker_leaves: 2, worker_stopped: 3, folder_copied: 3, link_cut: 4, disk_filled: 3}
ONE_BROKER = {all_brokers_killed: 1, all_brokers_leave: 1}
BROKERS = {broker_killed: 3, broker_leaves: 2, all_brokers_killed: 1, all_brokers_leave: 1}


def name_of(fault):
    return fault.__name__.replace("_", " ")


def kinds(brokers, can_fill):
    """The faults there can be here, and how often each comes."""
    found = OF_WORKERS | (ONE_BROKER if brokers == 1 else BROKERS)
    return {fault: times for fault, times in found.items() if can_fill or fault is not disk_filled}


def deck(chance, found):
    """One after the other, each kind as often as it should; shuffled anew when all were there."""
    while True:
        cards = [fault for fault, times in found.items() for _ in range(times)]
        chance.shuffle(cards)
        yield from cards


class Running:
    """A fault under way."""

    def __init__(self, fault, scene):
        self.name = name_of(fault)
        self.began = time.time()
        self.steps = fault(scene)
        self.advance()

    def advance(self):
        try:
            wanted = next(self.steps)
        except StopIteration:
            self.steps = None
            return
        limit = time.monotonic() + STEP_WITHIN_S
        if callable(wanted):
            self.ready = lambda: wanted() or time.monotonic() > limit
        else:
            due = time.monotonic() + wanted
            self.ready = lambda: time.monotonic() > due

    def tend(self):
        """Goes on where it can; whether it is over."""
        while self.steps and self.ready():
            self.advance()
        return self.steps is None

    def abandon(self):
        """Leaves what it is at, mended as far as that goes without waiting."""
        if self.steps:
            self.steps.close()
            self.steps = None
