"""The workers under test: processes of the real binary, each with a data folder and a link, as root with a disk."""

import errno
import os
import shutil
import signal
import subprocess
import time

DISK_BYTES = 1 << 30
BLOCK_BYTES = 1 << 12
LEAVE_WITHIN_S = 40
AGAIN_AFTER_S = 1.0
# Whatever becomes of who started it, a worker does not outlive it.
END_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
# What an operator's supervisor would make of it: a panic or an abort is a breach, whatever happened to the machine.
PANICS = {101, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL}


class Disk:
    """A small file system in memory, as a worker's data folder."""

    def __init__(self, folder):
        self.folder = folder
        self.stuffing = folder / "stuffing"
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700"]
        subprocess.run(["mount", *options, "clausum-chaos", folder], check=True, capture_output=True, text=True)

    def fill(self):
        """Leaves no block, though a worker writes meanwhile: what does not go in whole goes in by halves."""
        with self.stuffing.open("wb") as file:
            end, size = 0, DISK_BYTES
            while size >= BLOCK_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), end, size)
                    end += size
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self):
        self.stuffing.unlink(missing_ok=True)

    def close(self, kept):
        """What is in memory is gone with it, unless it is copied."""
        if kept:
            self.free()
            subprocess.run(["cp", "-a", self.folder, kept], capture_output=True)
        subprocess.run(["umount", "-l", self.folder], capture_output=True)


class Worker:
    """A worker: what it is started with, and the process that runs, if one should."""

    def __init__(self, fleet, number):
        self.fleet = fleet
        self.number = number
        self.data = fleet.folder / f"worker-{number}"
        self.data.mkdir()
        self.told = fleet.folder / f"worker-{number}.log"
        self.disk = None
        self.process = None
        self.due = None

    def start(self):
        setup = self.fleet.setup
        command = [*END_WITH_US, *setup.links.command(self.number), setup.binary, "serve"]
        command += ["--kafka", setup.links.bootstrap(setup.brokers.cluster, self.number)]
        command += ["--data", str(self.data), "--listen", "127.0.0.1:0"]
        with self.told.open("ab") as told:
            self.process = subprocess.Popen(
                command,
                env=setup.environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                # A Ctrl-C is for who started it; it ends its workers itself.
                start_new_session=True,
            )
        self.due = None

    def tell(self, how):
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, how)

    def kill(self):
        if self.process:
            # One that stands still dies of this all the same.
            self.tell(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def leave(self):
        """Asks it to end, and waits until it has: a fault's step."""
        self.tell(signal.SIGTERM)
        end = time.monotonic() + LEAVE_WITHIN_S
        yield lambda: self.process is None or self.process.poll() is not None or time.monotonic() > end
        if self.process and self.process.poll() is None:
            self.fleet.slow_leaves += 1
        self.kill()

    def tend(self):
        """Starts it again where it ended by itself, as whoever supervises a service would."""
        if self.process and self.process.poll() is not None:
            self.fleet.ended(self, self.process.returncode)
            self.process, self.due = None, time.monotonic() + AGAIN_AFTER_S
        if self.due and time.monotonic() > self.due:
            self.start()

    def close(self, keep):
        self.kill()
        if self.disk:
            self.disk.close(self.data.with_suffix(".kept") if keep else None)


class Fleet:
    """All workers."""

    def __init__(self, setup, count, say):
        self.setup = setup
        self.folder = setup.folder
        self.say = say
        self.exits = {}
        self.panics = []
        self.slow_leaves = 0
        self.workers = []
        for number in range(count):
            worker = Worker(self, number)
            self.workers.append(worker)
            try:
                worker.disk = Disk(worker.data)
            except (OSError, subprocess.CalledProcessError) as error:
                if number == 0:
                    why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
                    say(f"no file system can be mounted here ({why}): no disk is filled")
        self.spare = None

    def can_fill(self):
        return all(worker.disk for worker in self.workers)

    def start(self):
        for worker in self.workers:
            worker.start()

    def copy(self, of):
        """A further worker, on what can be copied of another's folder while that one runs."""
        self.spare = Worker(self, len(self.workers))
        shutil.rmtree(self.spare.data)
        # Files come and go under the copy; what it misses, it misses.
        subprocess.run(["cp", "-a", of.data, self.spare.data], capture_output=True)
        (self.spare.data / "stuffing").unlink(missing_ok=True)
        self.spare.start()

    def drop_copy(self):
        if self.spare:
            self.spare.close(False)
            shutil.rmtree(self.spare.data, ignore_errors=True)
            self.spare = None

    def ended(self, worker, code):
        self.exits[code] = self.exits.get(code, 0) + 1
        lines = worker.told.read_text(errors="replace").splitlines()[-3:]
        self.say(f"worker {worker.number} ended by itself with {code}: {' | '.join(line[:300] for line in lines)}")
        if code in PANICS:
            self.panics.append(f"worker {worker.number} ended with {code}; see {worker.told}")

    def tend(self):
        for worker in [*self.workers, *([self.spare] if self.spare else [])]:
            worker.tend()

    def leave(self):
        """Asks all to end; those that do not are a breach of their own."""
        for worker in self.workers:
            worker.tell(signal.SIGTERM)
        end = time.monotonic() + LEAVE_WITHIN_S
        while any(worker.process and worker.process.poll() is None for worker in self.workers):
            if time.monotonic() > end:
                self.slow_leaves += 1
                break
            time.sleep(0.1)
        for worker in self.workers:
            worker.kill()

    def close(self, keep):
        self.drop_copy()
        for worker in self.workers:
            worker.close(keep)
