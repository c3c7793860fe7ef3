"""What a phase came to, for people."""

import collections

SHOWN = 20


class Outcome:
    """Filled while a phase runs."""

    def __init__(self, brokers):
        self.brokers = brokers
        self.links = ""
        # Kind, how long it took, and the longest silence of a partition from its begin until all went on.
        self.faults = []
        self.counts = {}
        self.exits = {}
        self.restarts = 0
        self.replay = "not run"
        self.breaches = []


def show(outcome):
    print(f"\n{outcome.brokers} broker{'s' * (outcome.brokers > 1)}, links by {outcome.links}")
    print(f"  {'fault':22}{'times':>6}{'longest without a decision':>30}")
    kinds = collections.defaultdict(list)
    for kind, silence in outcome.faults:
        kinds[kind].append(silence)
    for kind, silences in sorted(kinds.items()):
        print(f"  {kind:22}{len(silences):6}{max(silences):28.1f} s")
    print(f"  {'all':22}{len(outcome.faults):6}{max((s for _, s in outcome.faults), default=0):28.1f} s")
    for name, count in outcome.counts.items():
        print(f"  {name:28}{count:>12,}")
    print(f"  {'restarts by an operator':28}{outcome.restarts:>12,}")
    exits = ", ".join(f"{times} with {code}" for code, times in sorted(outcome.exits.items()))
    print(f"  {'workers that ended':28}{exits or 'none':>12}")
    print(f"  {'differences to a replay':28}{outcome.replay:>12}")
    print(f"  {'breaches':28}{len(outcome.breaches):>12,}")
    for breach in outcome.breaches[:SHOWN]:
        print(f"    {breach}")
    if len(outcome.breaches) > SHOWN:
        print(f"    and {len(outcome.breaches) - SHOWN} more")
