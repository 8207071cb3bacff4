# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "tcp", against servers on the loopback that answer, are silent, hang up, refuse."""
import contextlib
import socket
import threading
import time

import pytest

from test_checks import run


@contextlib.contextmanager
def server(talk=None, host="127.0.0.1"):
    """Yields its port; TALK gets each connection in a thread."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(30)
                        if talk:
                            talk(connection)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield str(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


def ask(port, **options):
    return run(None, "tcp", {"host": "127.0.0.1", "port": port, **options})


def test_takes_connections():
    with server() as port:
        r = ask(port, time_warning="20s", time_critical="30s")
    state, text = r.one()
    assert state == "OK" and text.startswith(f"127.0.0.1 port {port} took the connection after ")
    assert 0 < r.number("time") < 8 and r.metrics["c", "time"][1:] == ["s", "20", "30", "0", "8"]


def test_by_name_and_over_ipv6():
    with server() as port:
        assert ask(port, host="localhost").one()[0] == "OK"
    try:
        with server(host="::1") as port:
            assert ask(port, host="[::1]").one()[1].startswith(f"::1 port {port} took")
    except OSError:
        pytest.skip("no IPv6 on the loopback")


def greet(connection):
    connection.sendall(b"220 mail.example.org ESMTP\r\n")
    connection.recv(100)


def test_the_greeting():
    with server(greet) as port:
        r = ask(port, expect="220 ")
        assert r.one()[0] == "OK" and "answered as expected" in r.one()[1]
        assert r.evidence["c", "What the server said"].strip() == "220 mail.example.org ESMTP"
        r = ask(port, expect="SSH-2.0")
        assert r.one() == ("CRITICAL", f"127.0.0.1 port {port} answered something else than expected: its answer does not "
                           "begin with 'SSH-2.0'")
        assert "220 mail" in r.evidence["c", "What the server said"]


def test_question_and_answer():
    def talk(connection):
        got = connection.recv(100)
        for byte in b"\0<" + got + b">":  # in small pieces
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
    with server(talk) as port:
        assert ask(port, send="a\\r\\n\\t\\\\\\x41", expect="\\x00<a\\r\\n\\t\\\\A>").one()[0] == "OK"
        assert ask(port, send="a", expect="\\x00<b>").one()[0] == "CRITICAL"


def test_slow():
    def talk(connection):
        time.sleep(0.05)
        connection.sendall(b"hello")
    with server(talk) as port:
        r = ask(port, expect="hello", time_warning="1ms")
        assert r.one()[0] == "WARNING" and "answered only after" in r.one()[1] and r.one()[1].endswith("(limit 1 ms)")
        assert r.number("time") >= 0.05
        assert ask(port, expect="hello", time_warning="1ms", time_critical="10ms").one()[0] == "CRITICAL"


@pytest.mark.parametrize("talk, text", [
    (lambda c: None, "closed the connection without an answer"),
    (lambda c: c.sendall(b"22"), "closed the connection in the middle of its answer"),
    (lambda c: c.recv(100), "takes connections but did not answer within 300 ms")])
def test_no_answer(talk, text):
    with server(talk) as port:
        state, said = ask(port, expect="220", answer_timeout="300ms").one()
    assert state == "CRITICAL" and said == f"127.0.0.1 port {port} {text}"


def test_reset():
    def talk(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.recv(100)
    with server(talk) as port:
        state, said = ask(port, send="x", expect="220").one()
    assert state == "CRITICAL" and "broke the connection: Connection reset" in said


def test_refused():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        state, text = ask(str(s.getsockname()[1])).one()
    assert state == "CRITICAL" and "refused" in text.lower()


def test_cannot_look():
    r = ask("25", host="name with blanks")
    assert (r.code, r.items) != (0, {}) and (r.code or r.one()[0] == "CRITICAL")
    assert "recorded tree" in run("load/good", "tcp", {"port": "25"}).reason


@pytest.mark.parametrize("options, why", [
    ({"port": "0"}, "port is needed"), ({"port": "65536"}, "65535"), ({"send": "\\q"}, "backslash"),
    ({"expect": "\\x4"}, "backslash"), ({"expect": "x\\"}, "backslash"), ({"send": "x" * 1025}, "1024"),
    ({"time_warning": "2s", "time_critical": "1s"}, "below")])
def test_wrong_options(options, why):
    r = run(None, "tcp", {"port": "25", **options})
    assert r.code in (22, 34) and why in r.reason
