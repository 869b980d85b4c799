"""A switch and hosts: a bridge in a namespace of its own, and one namespace for each host.

Cuts are rules of the switch, so a packet that is cut off vanishes and nobody is told, as with a pulled
cable. Refusals are rules of the host that sends, which is told at once that its packet goes nowhere, as firewalls
and routers do; a living host may be refused, too. A host talks to itself whatever is cut. Namespaces are held by file descriptors and have no names:
they vanish with the last process that uses them.
"""
import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
import threading

import delay
from sandbox import CLONE_NEWNET, Failure, call, libc

TABLE = "torture"
# What a packet may be answered with that is refused on its way.
ANSWERS = {"reset": "tcp reset", "port-unreachable": "icmp type port-unreachable",
           "host-unreachable": "icmp type host-unreachable", "admin-prohibited": "icmp type admin-prohibited"}


def new_namespace():
    """A descriptor of a new network namespace."""
    made = []

    def make():
        try:
            call("unshare", CLONE_NEWNET)
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise Failure(f"cannot make a network namespace: {made[0]}")
    return made[0]


def inside(namespace, command):
    """The command that runs `command` in the namespace; the process keeps its id."""
    return ["nsenter", f"--net=/proc/self/fd/{namespace}", *map(str, command)]


def run(namespace, command, text="", also=(), check=True):
    done = subprocess.run(inside(namespace, command), input=text, capture_output=True, text=True,
                          pass_fds=(namespace, *also))
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}\n{text}")
    return done


@contextlib.contextmanager
def visiting(namespace):
    """This thread is in the namespace meanwhile; its sockets stay there."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("setns", namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            if libc.setns(ctypes.c_int(own), CLONE_NEWNET) != 0:
                os.abort()  # this thread would be in a foreign network for ever
    finally:
        os.close(own)


def open_socket(namespace, address, timeout):
    """A TCP connection from inside the namespace."""
    with visiting(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(address)
    except BaseException:
        made.close()
        raise
    return made


class Host:
    def __init__(self, name, address, namespace):
        self.name = name
        self.address = address
        self.namespace = namespace
        self.port = f"to-{name}"
        self.slow_port = f"lo-{name}"  # of the switch while the link is slow, see Network.slow_down
        self.slow_end = f"le-{name}"

    def command(self, command):
        return inside(self.namespace, command)


class Network:
    """The switch with its hosts; `addresses` are theirs by name."""

    def __init__(self, addresses):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.effects = {}  # of the faults: lines of rules by number
        self.refusals = {}  # the same, as pairs of a host's name and a line
        self.switch = new_namespace()
        run(self.switch, ["ip", "-batch", "-"], "link set lo up\nlink add br0 type bridge\nlink set br0 up\n")
        self.hosts = {name: self.connect(Host(name, address, new_namespace()))
                      for name, address in addresses.items()}
        self.apply()

    def connect(self, host):
        run(self.switch, ["ip", "link", "add", host.port, "type", "veth", "peer", "name", "eth0",
                          "netns", f"/proc/self/fd/{host.namespace}"], also=(host.namespace,))
        run(self.switch, ["ip", "-batch", "-"], f"link set {host.port} master br0 up\n")
        run(host.namespace, ["ip", "-batch", "-"],
            f"link set lo up\naddress add {host.address}/24 dev eth0\nlink set eth0 up\n")
        return host

    def apply(self):
        """Makes the rules those of all effects, at once."""
        rules = "".join(f"add rule bridge {TABLE} cuts {line}\n"
                        for lines in self.effects.values() for line in lines)
        run(self.switch, ["nft", "-f", "-"],
            f"add table bridge {TABLE}\n"
            f"add chain bridge {TABLE} cuts {{ type filter hook forward priority 0; }}\n"
            f"flush chain bridge {TABLE} cuts\n{rules}")

    def refuse(self, pairs, answer):
        """Every TCP packet from the first to the second host of each pair is answered so; ends with accept()."""
        lines = [(source, f"ip daddr {self.hosts[target].address} meta l4proto tcp reject with {ANSWERS[answer]}")
                 for source, target in pairs]
        with self.lock:
            number = next(self.numbers)
            self.refusals[number] = lines
            self.apply_refusals({source for source, _ in pairs})
            return number

    def accept(self, number):
        with self.lock:
            self.apply_refusals({source for source, _ in self.refusals.pop(number)})

    def apply_refusals(self, names):
        for name in names:
            rules = "".join(f"add rule ip {TABLE} refusals {line}\n"
                            for lines in self.refusals.values() for source, line in lines if source == name)
            run(self.hosts[name].namespace, ["nft", "-f", "-"],
                f"add table ip {TABLE}\n"
                f"add chain ip {TABLE} refusals {{ type filter hook output priority 0; }}\n"
                f"flush chain ip {TABLE} refusals\n{rules}")

    def add(self, lines):
        with self.lock:
            number = next(self.numbers)
            self.effects[number] = lines
            self.apply()
            return number

    def remove(self, number):
        with self.lock:
            self.effects.pop(number)
            self.apply()

    def cut(self, pairs):
        """No packet passes from the first to the second host of each pair; ends with remove()."""
        return self.add([f"{self.between(*pair)} drop" for pair in pairs])

    def lose(self, pairs, percent):
        """So many packets of a hundred vanish between the hosts of each pair."""
        return self.add([f"{self.between(*pair)} numgen random mod 100 < {percent} drop" for pair in pairs])

    def between(self, source, target):
        source, target = self.hosts[source], self.hosts[target]
        return (f'iifname {{ "{source.port}", "{source.slow_port}" }}'
                f' oifname {{ "{target.port}", "{target.slow_port}" }}')

    def slow_down(self, name, seconds, jitter):
        """Every packet from and to the host takes so long; ends with speed_up()."""
        host = self.hosts[name]
        run(self.switch, ["ip", "-batch", "-"],
            f"link add {host.slow_port} type veth peer name {host.slow_end}\n"
            f"link set {host.slow_port} up\nlink set {host.slow_end} up promisc on\n"
            f"link set {host.port} nomaster promisc on\nlink set {host.slow_port} master br0\n")
        with visiting(self.switch):
            sockets = delay.packet_socket(host.port), delay.packet_socket(host.slow_end)
        return name, delay.Delay(sockets, seconds, jitter)

    def speed_up(self, slow):
        name, line = slow
        host = self.hosts[name]
        line.stop()
        run(self.switch, ["ip", "-batch", "-"],
            f"link del {host.slow_port}\nlink set {host.port} master br0 promisc off\n")

    def shape(self, name, *qdisc):
        """Sends everything from and to the host through this queue of tc(8)."""
        host = self.hosts[name]
        run(self.switch, ["tc", "qdisc", "replace", "dev", host.port, "root", *qdisc])
        run(host.namespace, ["tc", "qdisc", "replace", "dev", "eth0", "root", *qdisc])

    def unshape(self, name):
        host = self.hosts[name]
        run(self.switch, ["tc", "qdisc", "del", "dev", host.port, "root"], check=False)
        run(host.namespace, ["tc", "qdisc", "del", "dev", "eth0", "root"], check=False)

    def can_shape(self, *qdisc):
        """Whether this kernel knows the queue."""
        done = run(self.switch, ["tc", "qdisc", "add", "dev", "br0", "root", *qdisc], check=False)
        if done.returncode == 0:
            run(self.switch, ["tc", "qdisc", "del", "dev", "br0", "root"], check=False)
        return done.returncode == 0

    def heal(self):
        with self.lock:
            self.effects.clear()
            self.apply()
            refused = {source for lines in self.refusals.values() for source, _ in lines}
            self.refusals.clear()
            self.apply_refusals(refused)
        for name in self.hosts:
            self.unshape(name)
