"""What goes wrong, and how it is made to.

A fault is planned (kind, when, for how long, some numbers of its own) before anything runs, from the seed
alone. Which node is meant by "the dispatcher" or "another" shows only when it begins.
"""
import contextlib
import dataclasses
import signal
from typing import Callable

import network
from processes import is_alive, send, wait_for
from servers import STOP_LIMIT

# A node that was started is in the cluster by then, if what it needs is there.
START_LIMIT = 60
SHORT_RUN = 180  # seconds


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    what: str  # for people
    act: Callable  # act(world, fault): from the beginning to the end of the fault
    seconds: tuple  # shortest and longest
    needs: str = ""  # a queue of tc(8) that the kernel must have


class Skipped(Exception):
    """The fault could not be made: what it needs is not there."""


KINDS = {}


def kind(name, what, seconds, **more):
    def register(act):
        KINDS[name] = Kind(name, what, act, seconds, **more)
        return act

    return register


class World:
    """What the faults need of the run: the cluster, and when to stop waiting."""

    def __init__(self, cluster, over):
        self.cluster = cluster
        self.over = over  # an Event: everything is to be healed now

    def wait(self, seconds):
        self.over.wait(seconds)

    def running(self):
        return [node for node in self.cluster.nodes if node.runs() and node.node_process()]

    def dispatcher(self):
        node = self.cluster.dispatcher
        return node if node in self.running() else None

    def choose(self, role, fault):
        """The nodes meant, running ones only."""
        running, dispatcher = self.running(), self.dispatcher()
        workers = [node for node in running if node is not dispatcher]
        # By the fault's own numbers, so that the same seed chooses alike.
        order = sorted(workers, key=lambda node: (node.number * fault["pick"]) % 1)
        if role == "dispatcher":
            found = [dispatcher] if dispatcher else []
        elif role == "worker":
            found = order[:1]
        elif role == "two":
            found = ([dispatcher] if dispatcher else []) + order
            found = found[:2] if len(found) > 1 else []
        elif role == "all":
            found = running
        else:  # any: the dispatcher every other time
            found = [dispatcher] if dispatcher and fault["pick"] < 0.5 else order[:1]
        if not found:
            raise Skipped(f"no node to be {role}")
        return found

    @contextlib.contextmanager
    def held(self, programs):
        """Nodes or servers, for a fault that takes them down; others keep off."""
        taken = []
        try:
            for program in programs:
                if not program.held.acquire(blocking=False):
                    raise Skipped(f"another fault has {program.name}")
                taken.append(program)
            yield
        finally:
            for program in taken:
                program.held.release()

    @contextlib.contextmanager
    def alone(self, lock, what):
        """Only one fault at a time can change the nature of a link, or of a disk."""
        if not lock.acquire(blocking=False):
            raise Skipped(f"another fault has {what}")
        try:
            yield
        finally:
            lock.release()

    def begin(self, fault, targets, detail=""):
        names = [getattr(target, "peer", target.name) for target in targets]
        return self.cluster.note("fault began", fault=fault["number"], kind=fault["kind"], targets=names,
                                 detail=detail)

    def await_health(self, nodes):
        """The nodes answer again, unless what they need is away itself."""
        for node in nodes:
            wait_for(lambda: node.health() or self.over.is_set(), START_LIMIT)


# Nodes that die.


def killed(world, fault, role):
    nodes = world.choose(role, fault)
    with world.held(nodes):
        for node in nodes:
            node.wanted = False
        world.begin(fault, nodes)
        for node in nodes:
            node.signal_node(signal.SIGKILL)
        for node in nodes:
            if not node.wait(STOP_LIMIT):
                world.cluster.note("stuck", node=node.peer, why="its process was killed, but its warden still runs")
                node.destroy()
        world.wait(fault["seconds"])
        for node in nodes:
            world.cluster.begin_node(node)
        world.await_health(nodes)


@kind("kill-dispatcher", "kill -9 of the dispatcher's process, started again later", (0, 15))
def kill_dispatcher(world, fault):
    killed(world, fault, "dispatcher")


@kind("kill-worker", "kill -9 of the process of a node that does not dispatch", (0, 15))
def kill_worker(world, fault):
    killed(world, fault, "worker")


@kind("kill-two", "kill -9 of the dispatcher's process and another's at once", (0, 12))
def kill_two(world, fault):
    killed(world, fault, "two")


@kind("kill-all", "kill -9 of all nodes' processes at once", (0, 10))
def kill_all(world, fault):
    killed(world, fault, "all")


@kind("kill-warden", "kill -9 of a warden: the node must end its commands and itself", (1, 8))
def kill_warden(world, fault):
    nodes = world.choose("any", fault)
    with world.held(nodes):
        node = nodes[0]
        node.wanted = False
        process = node.node_process()
        world.begin(fault, nodes)
        node.signal(signal.SIGKILL)
        node.wait(5)
        if not wait_for(lambda: not is_alive(*process), STOP_LIMIT):
            world.cluster.note("stuck", node=node.peer, why="its warden was killed, but the node still runs")
            send(*process, signal.SIGKILL)
        world.wait(fault["seconds"])
        world.cluster.begin_node(node)
        world.await_health(nodes)


@kind("power-off", "a node's machine is off: cut from everybody, then nothing of it is left", (1, 25))
def power_off(world, fault):
    nodes = world.choose("any", fault)
    with world.held(nodes):
        node = nodes[0]
        node.wanted = False
        world.begin(fault, nodes)
        cut = world.cluster.network.cut(pairs_of(world, node, "both", "everybody"))
        node.destroy()
        world.wait(fault["seconds"])
        world.cluster.network.remove(cut)
        world.cluster.begin_node(node)
        world.await_health(nodes)


@kind("kill-with-warden", "kill -9 of everything of a node at once, as of a container: nobody is left to say so", (0, 20))
def kill_with_warden(world, fault):
    nodes = world.choose("any", fault)
    with world.held(nodes):
        node = nodes[0]
        node.wanted = False
        world.begin(fault, nodes)
        node.destroy()
        world.wait(fault["seconds"])
        world.cluster.begin_node(node)
        world.await_health(nodes)


@kind("rolling-restart", "SIGTERM to one node after another, each started again before the next", (0, 3))
def rolling_restart(world, fault):
    nodes = sorted(world.running(), key=lambda node: (node.number * fault["pick"]) % 1)
    world.begin(fault, nodes)
    for node in nodes:
        with contextlib.suppress(Skipped), world.held([node]):
            if not node.runs():
                continue
            node.wanted = False
            world.cluster.note("node told to stop", node=node.peer)
            node.signal(signal.SIGTERM)
            if not node.wait(STOP_LIMIT):
                world.cluster.note("stuck", node=node.peer, why=f"SIGTERM did not end it within {STOP_LIMIT} s")
                node.destroy()
            world.wait(fault["seconds"])
            world.cluster.begin_node(node)
            world.await_health([node])


@kind("full-disk", "the disk with a node's journal is full", (1, 20))
def full_disk(world, fault):
    node = world.choose("any", fault)[0]
    with world.alone(node.disk, f"the disk of {node.name}"):
        world.begin(fault, [node], f"for {fault['seconds']:.1f} s")
        filler = node.state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as out:
            while out.write(bytes(1 << 16)):
                pass
        world.wait(fault["seconds"])
        filler.unlink()


# Nodes that stand still.


def paused(world, fault, role, whole=False):
    nodes = world.choose(role, fault)
    with world.held(nodes):
        world.begin(fault, nodes, f"for {fault['seconds']:.1f} s")
        for node in nodes:
            if whole:
                node.signal_family(signal.SIGSTOP)
            else:
                node.signal_node(signal.SIGSTOP)
        world.wait(fault["seconds"])
        for node in nodes:
            node.signal_family(signal.SIGCONT)
        world.await_health(nodes)


@kind("pause-dispatcher", "SIGSTOP of the dispatcher's process, SIGCONT later", (0.2, 20))
def pause_dispatcher(world, fault):
    paused(world, fault, "dispatcher")


@kind("pause-worker", "SIGSTOP of the process of a node that does not dispatch", (0.2, 20))
def pause_worker(world, fault):
    paused(world, fault, "worker")


@kind("pause-all", "SIGSTOP of all nodes' processes", (0.2, 10))
def pause_all(world, fault):
    paused(world, fault, "all")


@kind("suspend", "SIGSTOP of everything on a node's machine: node, warden and commands", (0.2, 9))
def suspend(world, fault):
    paused(world, fault, "any", whole=True)


# The network.


def pairs_of(world, node, direction, whom):
    """Which ways are cut, as pairs of hosts."""
    network = world.cluster.network
    groups = {"everybody": [name for name in network.hosts if name != node.name],
              "consul": [name for name in network.hosts if name.startswith("consul")],
              "mariadb": ["mariadb"],
              "nodes": [other.name for other in world.cluster.nodes if other is not node]}
    towards = [(node.name, other) for other in groups[whom]]
    back = [(other, node.name) for other in groups[whom]]
    return {"both": towards + back, "out": towards, "in": back}[direction]


def cut_off(world, fault, direction, whom):
    node = world.choose("any", fault)[0]
    way = {"both": "both ways", "out": "nothing gets out", "in": "nothing gets in"}[direction]
    world.begin(fault, [node], f"from {whom}, {way}, for {fault['seconds']:.1f} s")
    number = world.cluster.network.cut(pairs_of(world, node, direction, whom))
    world.wait(fault["seconds"])
    world.cluster.network.remove(number)


@kind("cut", "a node is cut off from everybody, both ways", (0.5, 25))
def cut(world, fault):
    cut_off(world, fault, "both", "everybody")


@kind("cut-out", "a node hears everybody, and nobody hears it", (0.5, 20))
def cut_out(world, fault):
    cut_off(world, fault, "out", "everybody")


@kind("cut-in", "everybody hears a node, and it hears nobody", (0.5, 20))
def cut_in(world, fault):
    cut_off(world, fault, "in", "everybody")


@kind("cut-consul", "a node is cut off from Consul only", (0.5, 25))
def cut_consul(world, fault):
    cut_off(world, fault, fault["direction"], "consul")


@kind("cut-mariadb", "a node is cut off from MariaDB only", (0.5, 20))
def cut_mariadb(world, fault):
    cut_off(world, fault, fault["direction"], "mariadb")


@kind("cut-nodes", "a node is cut off from the other nodes only", (0.5, 25))
def cut_nodes(world, fault):
    cut_off(world, fault, fault["direction"], "nodes")


@kind("flapping-link", "a node is cut off from everybody and not, again and again", (3, 15))
def flapping_link(world, fault):
    node = world.choose("any", fault)[0]
    period = 0.2 + 2.3 * fault["strength"]
    world.begin(fault, [node], f"every {period:.1f} s, for {fault['seconds']:.1f} s")
    for _ in range(max(1, int(fault["seconds"] / period / 2))):
        number = world.cluster.network.cut(pairs_of(world, node, fault["direction"], "everybody"))
        world.wait(period)
        world.cluster.network.remove(number)
        world.wait(period)


def answer_of(fault):
    answers = list(network.ANSWERS)
    return answers[int(fault["strength"] * len(answers))]


def refused(world, fault, role):
    node, answer = world.choose(role, fault)[0], answer_of(fault)
    way = {"both": "both ways", "out": "what it sends", "in": "what it is sent"}[fault["direction"]]
    world.begin(fault, [node], f"by the others, {way}, with {answer}, for {fault['seconds']:.1f} s")
    number = world.cluster.network.refuse(pairs_of(world, node, fault["direction"], "nodes"), answer)
    world.wait(fault["seconds"])
    world.cluster.network.accept(number)


@kind("refuse-worker", "TCP between a node that does not dispatch and the others is refused, though all live", (0.5, 45))
def refuse_worker(world, fault):
    refused(world, fault, "worker")


@kind("refuse-dispatcher", "TCP between the dispatcher and the other nodes is refused, though all live", (0.5, 45))
def refuse_dispatcher(world, fault):
    refused(world, fault, "dispatcher")


@kind("refuse-blinks", "TCP between a node and the others is refused for some milliseconds, again and again", (2, 12))
def refuse_blinks(world, fault):
    node, answer = world.choose("any", fault)[0], answer_of(fault)
    length = 0.003 + 0.4 * fault["pick"] ** 3
    world.begin(fault, [node], f"for {length * 1000:.0f} ms each time, with {answer}, for {fault['seconds']:.1f} s")
    for _ in range(max(1, int(fault["seconds"] / (length + 1)))):
        number = world.cluster.network.refuse(pairs_of(world, node, fault["direction"], "nodes"), answer)
        world.wait(length)
        world.cluster.network.accept(number)
        world.wait(1)


@kind("lossy-link", "some packets from and to a node are lost", (3, 15))
def lossy_link(world, fault):
    node = world.choose("any", fault)[0]
    percent = round(2 + 28 * fault["strength"])
    world.begin(fault, [node], f"{percent} % of its packets, for {fault['seconds']:.1f} s")
    number = world.cluster.network.lose(pairs_of(world, node, "both", "everybody"), percent)
    world.wait(fault["seconds"])
    world.cluster.network.remove(number)


@kind("slow-link", "packets from and to a node take long", (3, 15))
def slow_link(world, fault):
    node = world.choose("any", fault)[0]
    seconds = 0.01 + 0.39 * fault["strength"]
    with world.alone(node.link, f"the link of {node.name}"):
        world.begin(fault, [node], f"{seconds * 1000:.0f} ms each way, for {fault['seconds']:.1f} s")
        slow = world.cluster.network.slow_down(node.name, seconds, seconds / 4)
        world.wait(fault["seconds"])
        world.cluster.network.speed_up(slow)


@kind("narrow-link", "little fits through a node's link", (3, 15), needs="tbf rate 1mbit burst 8k latency 1s")
def narrow_link(world, fault):
    node = world.choose("any", fault)[0]
    rate = round(64 + 448 * fault["strength"])
    with world.alone(node.link, f"the link of {node.name}"):
        world.begin(fault, [node], f"{rate} kbit/s, for {fault['seconds']:.1f} s")
        world.cluster.network.shape(node.name, "tbf", "rate", f"{rate}kbit", "burst", "8k", "latency", "1s")
        world.wait(fault["seconds"])
        world.cluster.network.unshape(node.name)


# The servers.


def server_away(world, fault, servers, number):
    with world.held(servers):
        world.begin(fault, servers, f"for {fault['seconds']:.1f} s")
        for server in servers:
            server.signal(number)
        if number == signal.SIGSTOP:
            world.wait(fault["seconds"])
            for server in servers:
                server.signal(signal.SIGCONT)
        else:
            for server in servers:
                if not server.wait(30):
                    server.destroy()
            world.wait(fault["seconds"])
            for server in servers:
                server.begin()
        for server in servers:
            wait_for(server.answers, 60)


@kind("mariadb-stop", "MariaDB is stopped in good order, and started again", (1, 20))
def mariadb_stop(world, fault):
    server_away(world, fault, [world.cluster.mariadb], signal.SIGTERM)


@kind("mariadb-kill", "kill -9 of MariaDB, started again later", (0, 20))
def mariadb_kill(world, fault):
    server_away(world, fault, [world.cluster.mariadb], signal.SIGKILL)


@kind("mariadb-pause", "SIGSTOP of MariaDB, SIGCONT later", (0.5, 20))
def mariadb_pause(world, fault):
    server_away(world, fault, [world.cluster.mariadb], signal.SIGSTOP)


def some_consuls(world, fault):
    """The only one, one of three, or all of them."""
    consuls = world.cluster.consuls
    if fault["strength"] < 0.4:
        return consuls
    return [consuls[int(fault["pick"] * len(consuls))]]


@kind("consul-stop", "Consul is stopped in good order, and started again", (1, 25))
def consul_stop(world, fault):
    server_away(world, fault, some_consuls(world, fault), signal.SIGTERM)


@kind("consul-kill", "kill -9 of Consul, started again later", (0, 25))
def consul_kill(world, fault):
    server_away(world, fault, some_consuls(world, fault), signal.SIGKILL)


@kind("consul-pause", "SIGSTOP of Consul, SIGCONT later", (0.5, 25))
def consul_pause(world, fault):
    server_away(world, fault, some_consuls(world, fault), signal.SIGSTOP)


# The plan.


def plan(random, seconds, kinds):
    """The faults of a run, in order of time. Every kind has its turn before one comes twice."""
    faults, deck = [], []
    # Short ones are likelier than long ones: what heals itself has most ways to go wrong early. A short run has
    # time for nothing else.
    is_short = seconds < SHORT_RUN
    bend = 4 if is_short else 1.7
    pauses = ((0.5, 3),) if is_short else ((0.5, 4), (4, 10), (10, 16))

    def deal(at, longest):
        if not deck:
            deck.extend(random.sample(kinds, len(kinds)))
        shortest, most = KINDS[name := deck.pop()].seconds
        length = min(shortest + (most - shortest) * random.random() ** bend, max(shortest, longest))
        faults.append({"kind": name, "at": round(at, 2), "seconds": round(length, 2),
                       "pick": round(random.random(), 4), "strength": round(random.random(), 4),
                       "direction": random.choice(("both", "both", "out", "in"))})
        return at + length

    at = random.uniform(2, 5)
    while kinds and at < seconds - 2:
        together = random.choices((1, 2, 3), (55, 30, 15))[0]
        ends = [deal(at, seconds - at)]
        for _ in range(together - 1):
            start = at + random.uniform(0, max(1.0, ends[0] - at))
            if start < seconds - 2:
                ends.append(deal(start, seconds - start))
        at = max(ends) + random.uniform(*random.choice(pauses))
    faults.sort(key=lambda fault: fault["at"])
    return [{**fault, "number": number} for number, fault in enumerate(faults, 1)]


def perform(world, fault):
    """From the beginning to the end of one fault, in words on standard output."""
    try:
        KINDS[fault["kind"]].act(world, fault)
        world.cluster.note("fault ended", fault=fault["number"], kind=fault["kind"])
    except Skipped as why:
        world.cluster.note("fault skipped", fault=fault["number"], kind=fault["kind"], why=str(why))
