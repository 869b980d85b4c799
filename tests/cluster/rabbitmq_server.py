"""A real RabbitMQ for tests: at ports of its own on loopback, its data in a folder of the tests."""
import contextlib
import os
import pathlib
import socket
import subprocess
import time

import pika

from web_servers import HOST, free_port

USER, PASSWORD = "guest", "guest"
PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's own needs a user of that name


class RabbitMq:
    """Plain AMQP at one port, TLS at another with a certificate for `localhost` (web_servers.Nginx)."""

    def __init__(self, folder, certificates):
        self.folder = pathlib.Path(folder)
        self.certificates = certificates
        self.port, self.tls_port, self.epmd_port, self.peer_port = (free_port() for _ in range(4))
        self.epmd = self.broker = None

    def start(self):
        at = self.folder
        (at / "rabbitmq.conf").write_text(f"""
listeners.tcp.1 = {HOST}:{self.port}
listeners.ssl.1 = {HOST}:{self.tls_port}
ssl_options.cacertfile = {self.certificates.folder}/ca.pem
ssl_options.certfile = {self.certificates.folder}/good.pem
ssl_options.keyfile = {self.certificates.folder}/good.key
ssl_options.verify = verify_none
log.file.level = warning
""")
        (at / "plugins").write_text("[].\n")
        environment = {
            **os.environ,
            "HOME": str(at),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": "peercron@localhost",
            "RABBITMQ_DIST_PORT": str(self.peer_port),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(at / "mnesia"),
            "RABBITMQ_LOG_BASE": str(at / "log"),
            "RABBITMQ_PID_FILE": str(at / "pid"),
            # One scheduler that does not spin: other tests need the cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        }
        self.epmd = subprocess.Popen(["epmd", "-address", HOST, "-port", str(self.epmd_port)], env=environment,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with (at / "output").open("wb") as output:
            self.broker = subprocess.Popen([PROGRAM], env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=subprocess.STDOUT)
        limit = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.tls_port), 1):
                return
            assert self.broker.poll() is None and time.monotonic() < limit, (at / "output").read_text()
            time.sleep(0.2)

    def stop(self):
        for process in self.broker, self.epmd:
            if process is not None:
                process.terminate()
                process.wait(timeout=60)

    @contextlib.contextmanager
    def channel(self):
        login = pika.PlainCredentials(USER, PASSWORD)
        connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, self.port, credentials=login))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def declare(self, exchange, key, queue):
        with self.channel() as channel:
            channel.exchange_declare(exchange, "topic", durable=True)
            channel.queue_declare(queue, durable=True)
            channel.queue_bind(queue, exchange, key)

    def take(self, queue):
        """All messages that are in the queue now, as (properties, body)."""
        with self.channel() as channel:
            messages = []
            while True:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return messages
                messages.append((properties, body))


@contextlib.contextmanager
def running_rabbitmq(folder, certificates):
    server = RabbitMq(folder, certificates)
    try:
        server.start()
        yield server
    finally:
        server.stop()
