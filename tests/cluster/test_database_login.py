"""The default login of MySQL from 8.0 on, where nothing is encrypted."""
from harness import BINARY
from mysql_server import is_proof, password_given_by

PASSWORD = "it's \"secret\""


def test_a_server_without_tls_gets_the_password_encrypted_alone(tmp_path):
    """Also if TLS is wanted where the server can, as it is by default: the client library's own plugin shows the password then."""
    for tls in ("prefer", "off"):
        command = [BINARY, "migrate", "--set", "mode=cluster", "--set", f"mysql.tls={tls}", "--set", "mysql_host=127.0.0.1",
                   "--set", "mysql_user=ops", "--set", "mysql_port="]
        user, proof, password = password_given_by(command, tmp_path)
        assert (user, password) == ("ops", PASSWORD + "\0") and is_proof(proof, PASSWORD)
