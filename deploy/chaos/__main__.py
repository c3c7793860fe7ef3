"""Everything that may fail, fails, at random from a seed; nothing may be lost, doubled or different: chaos BINARY

One broker and then three, three workers, a switch that sends a few hundred records a second. At the end of each phase
everything in the topics is held to the contract (judge.py), and `clausum log replay` to what one undisturbed process
makes of the same log. Ends with 1 if anything is not as it must be, and keeps its folder then.

  CHAOS_SECONDS=1500   of faults, over all phases; below 240 one phase with one broker, and fewer partitions
  CHAOS_SEED           repeats the order of faults and records (their moments are the machine's)
  CHAOS_BROKERS=1,3    the phases
  CHAOS_RATE=250       records a second
  CHAOS_LINKS=proxies  does without network namespaces
  CHAOS_FOLDER         where its folder is made (the folder for temporary files)

As root each worker has a network namespace and a file system of its own; as an ordinary user links are cut by proxies
and no disk is filled.
"""

import base64
import os
import pathlib
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback

from phase import Phase
from proof import prove
from table import show

SHORT_S = 240
# Of the whole run, whatever hangs.
LIMIT_S = 2_400
SHORT_LIMIT_S = 600


class Plan:
    """What the environment asks for."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())
        self.seconds = int(os.environ.get("CHAOS_SECONDS", "1500"))
        short = self.seconds < SHORT_S
        self.seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))
        self.phases = [int(count) for count in os.environ.get("CHAOS_BROKERS", "1" if short else "1,3").split(",")]
        if not self.phases or set(self.phases) - {1, 3}:
            sys.exit("chaos: CHAOS_BROKERS holds 1, 3 or both")
        self.rate = int(os.environ.get("CHAOS_RATE", "250"))
        self.partitions = 3 if short else 6
        self.limit = SHORT_LIMIT_S if short else LIMIT_S
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.faults_due = 0 if short else 100


BEGAN = time.monotonic()


def say(text):
    print(f"chaos: {time.monotonic() - BEGAN:7.1f} s  {text}", flush=True)


def stop(number, _):
    raise KeyboardInterrupt if number != signal.SIGALRM else TimeoutError


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: chaos BINARY")
    plan = Plan(sys.argv[1])
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, stop)
    signal.alarm(plan.limit)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="clausum-chaos.", dir=os.environ.get("CHAOS_FOLDER")))
    say(f"seed {plan.seed}: CHAOS_SEED={plan.seed} repeats it; everything is in {folder}")
    say(f"the judge sees each of {prove()} faults planted in a small history")
    outcomes, code = [], 1
    try:
        for number, brokers in enumerate(plan.phases):
            phase = Phase(plan, folder / f"{brokers}-brokers", brokers, plan.seed + number, say)
            outcomes.append(phase.outcome)
            phase.run()
        faults = sum(len(outcome.faults) for outcome in outcomes)
        if faults < plan.faults_due:
            outcomes[-1].breaches.append(f"there were only {faults} faults, not {plan.faults_due}")
        code = 1 if any(outcome.breaches for outcome in outcomes) else 0
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    except TimeoutError:
        outcomes[-1].breaches.append(f"it was not over after {plan.limit} s")
    except (Exception, SystemExit) as error:  # Of the run itself; what was found until then is shown all the same.
        traceback.print_exc()
        outcomes[-1].breaches.append(f"the run broke off: {error}")
    signal.alarm(0)
    for outcome in outcomes:
        show(outcome)
    if code == 1:
        say(f"there are breaches: what was written is kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
