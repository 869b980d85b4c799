"""A server that greets as MySQL 8 does, and gets to know the password by its default login, caching_sha2_password."""
import contextlib
import hashlib
import socket
import subprocess

NONCE = b"abcdefghijklmnopqrst"
# Protocol 4.1 with plugins for logins, and no TLS.
CAPABILITIES = 0x002F_A20F
REFUSED = b"\xff\x15\x04#28000Access denied by a test"


def exclusive_or(data, mask):
    return bytes(byte ^ mask[k % len(mask)] for k, byte in enumerate(data))


def openssl(*words, given=None):
    return subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=True, timeout=60).stdout


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "the client has hung up"
        data += part
    return data


def read_packet(connection):
    header = receive(connection, 4)
    return receive(connection, int.from_bytes(header[:3], "little"))


def send_packet(connection, number, payload):
    connection.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)


def password_given_by(command, folder):
    """Starts the command with the port as its last word, and follows its login through; it is refused at the end. What it
    proves to know, and the password that it encrypts for this server's key."""
    key = folder / "server.key"
    openssl("genrsa", "-out", key, 2048)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        process = subprocess.Popen([*map(str, command[:-1]), f"{command[-1]}{listener.getsockname()[1]}"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PEERCRON_MYSQL_PASSWORD": "it's \"secret\""})
        try:
            with contextlib.closing(listener.accept()[0]) as connection:
                connection.settimeout(60)
                send_packet(connection, 0, b"\x0a8.0.36\0" + bytes(4) + NONCE[:8] + b"\0" +
                            (CAPABILITIES & 0xFFFF).to_bytes(2, "little") + b"\x2d\x02\0" +
                            (CAPABILITIES >> 16).to_bytes(2, "little") + b"\x15" + bytes(10) + NONCE[8:] + b"\0" +
                            b"caching_sha2_password\0")
                user, _, rest = read_packet(connection)[32:].partition(b"\0")
                proof = rest[1:1 + rest[0]]
                send_packet(connection, 2, b"\x01\x04")
                assert read_packet(connection) == b"\x02"
                send_packet(connection, 4, b"\x01" + openssl("rsa", "-in", key, "-pubout"))
                secret = openssl("pkeyutl", "-decrypt", "-inkey", key, "-pkeyopt", "rsa_padding_mode:oaep",
                                 given=read_packet(connection))
                send_packet(connection, 6, REFUSED)
        finally:
            process.kill()
            process.communicate(timeout=60)
    return user.decode(), proof, exclusive_or(secret, NONCE).decode()


def is_proof(proof, password):
    """By what the server keeps of the password."""
    kept = hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()
    once = exclusive_or(proof, hashlib.sha256(kept + NONCE).digest())
    return hashlib.sha256(once).digest() == kept
