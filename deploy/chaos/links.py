"""How workers reach the brokers, so that one link can be cut and the others not.

As root each worker lives in a network namespace of its own, behind a pair of devices that is taken down. Where that
cannot be had, each has listeners of the brokers to itself, behind a proxy that stops passing anything on.
"""

import asyncio
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Namespaces:
    """A bridge with the brokers' address, and a namespace for each worker."""

    name = "network namespaces"
    apart = 0

    def __init__(self, count):
        tag = f"{os.getpid() & 0xFFFFF:05x}"
        self.bridge = f"clb{tag}"
        self.count = count
        self.tag = tag
        net = self.free_net()
        self.host = f"{net}.1"
        try:
            ip("link", "add", self.bridge, "type", "bridge")
            ip("addr", "add", f"{self.host}/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")
            for n in range(count):
                space, device = self.space(n), self.device(n)
                ip("netns", "add", space)
                ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", space)
                ip("link", "set", device, "master", self.bridge, "up")
                ip("-n", space, "addr", "add", f"{net}.{10 + n}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
                ip("-n", space, "link", "set", "lo", "up")
            self.prove()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def free_net():
        """The first three numbers of addresses that nothing here leads to."""
        routes = subprocess.run(["ip", "-j", "route"], check=True, capture_output=True, text=True).stdout
        taken = {route["dst"].rpartition(".")[0] for route in json.loads(routes) if "." in route["dst"]}
        return next(net for net in (f"10.213.{n}" for n in range(256)) if net not in taken)

    def prove(self):
        """A firewall may stand in the way."""
        with socket.create_server((self.host, 0)) as server:
            port = server.getsockname()[1]
            call = f"import socket; socket.create_connection(({self.host!r}, {port}), timeout=5)"
            subprocess.run([*self.command(0), sys.executable, "-c", call], check=True, capture_output=True)

    def space(self, n):
        return f"clausum-{self.tag}-{n}"

    def device(self, n):
        return f"clv{self.tag}-{n}"

    def open(self, cluster):
        """Nothing is between: the workers use the address that everyone does."""

    def bootstrap(self, cluster, n):
        return cluster.bootstrap()

    def command(self, n):
        """What a worker's command begins with. It becomes the worker: its process is the one started."""
        return ["nsenter", f"--net=/run/netns/{self.space(n)}", "--"]

    def cut(self, n):
        ip("link", "set", self.device(n), "down")

    def mend(self, n):
        ip("link", "set", self.device(n), "up")

    def close(self):
        for n in range(self.count):
            # Its devices go with it.
            subprocess.run(["ip", "netns", "del", self.space(n)], capture_output=True)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True)


class Proxies:
    """A proxy for each worker and broker, in one thread."""

    name = "proxies"
    host = "127.0.0.1"

    def __init__(self, count):
        self.apart = count
        self.loop = asyncio.new_event_loop()
        self.passing = [asyncio.Event() for _ in range(count)]
        for each in self.passing:
            each.set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def open(self, cluster):
        for node in cluster.nodes:
            for n, way in enumerate(node["apart"]):
                serving = asyncio.start_server(self.server(n, way["port"]), self.host, way["told"])
                asyncio.run_coroutine_threadsafe(serving, self.loop).result()

    def bootstrap(self, cluster, n):
        return ",".join(f"{self.host}:{node['apart'][n]['told']}" for node in cluster.nodes)

    def command(self, n):
        return []

    def server(self, n, port):
        async def serve(reader, writer):
            await self.passing[n].wait()
            try:
                back, forth = await asyncio.open_connection(self.host, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(self.pump(n, reader, forth), self.pump(n, back, writer))

        return serve

    async def pump(self, n, reader, writer):
        try:
            while piece := await reader.read(1 << 16):
                await self.passing[n].wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def cut(self, n):
        self.loop.call_soon_threadsafe(self.passing[n].clear)

    def mend(self, n):
        self.loop.call_soon_threadsafe(self.passing[n].set)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def links(count, say):
    """The best way there is here."""
    try:
        if os.environ.get("CHAOS_LINKS") == "proxies":
            raise OSError("proxies were asked for")
        if os.geteuid():
            raise OSError("not root")
        if not pathlib.Path("/usr/bin/nsenter").exists() and not pathlib.Path("/bin/nsenter").exists():
            raise OSError("there is no nsenter")
        return Namespaces(count)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        say(f"no network namespaces here ({why}): links are cut by proxies")
        return Proxies(count)
