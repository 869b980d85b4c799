"""A link that takes its time. What tc's netem does where the kernel has it, done here with two packet sockets,
because many kernels come without: every frame waits, and none overtakes another.
"""
import collections
import os
import random
import select
import socket
import threading
import time

SOL_PACKET = 263
PACKET_VNET_HDR = 15  # frames come and go with their offloads: unfinished checksums, segments not yet cut
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3
LARGEST = 1 << 17
MOST_WAITING = 5000  # frames; more are dropped, as a full queue does


def packet_socket(interface):
    """All frames that come in at the interface; of the calling thread's network."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((interface, ETH_P_ALL))
    made.setblocking(False)
    return made


class Delay:
    """Hands frames on between two interfaces, each after `seconds`, give or take `jitter`."""

    def __init__(self, sockets, seconds, jitter):
        self.sockets = sockets
        self.seconds, self.jitter = seconds, jitter
        self.random = random.Random(1)
        self.wake, self.end = os.pipe()
        self.thread = threading.Thread(target=self.relay, daemon=True)
        self.thread.start()

    def stop(self):
        os.close(self.end)
        self.thread.join()
        os.close(self.wake)
        for each in self.sockets:
            each.close()

    def relay(self):
        one, other = self.sockets
        lines = {one: (collections.deque(), other), other: (collections.deque(), one)}
        while True:
            due = min((waiting[0][0] for waiting, _ in lines.values() if waiting), default=None)
            timeout = None if due is None else max(0, due - time.monotonic())
            readable, _, _ = select.select([self.wake, one, other], [], [], timeout)
            if self.wake in readable:
                return
            now = time.monotonic()
            for each in readable:
                self.take(each, lines[each][0], now)
            for waiting, target in lines.values():
                while waiting and waiting[0][0] <= now:
                    try:
                        target.send(waiting.popleft()[1])
                    except OSError:
                        pass  # the interface is down, or its queue full: the frame is lost

    def take(self, source, waiting, now):
        for _ in range(100):
            try:
                frame = source.recv(LARGEST)
            except OSError:
                return
            if len(waiting) < MOST_WAITING:
                last = waiting[-1][0] if waiting else 0
                wait = self.seconds + self.random.uniform(-self.jitter, self.jitter)
                waiting.append((max(last, now + wait), frame))
