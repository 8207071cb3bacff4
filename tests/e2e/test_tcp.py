# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "tcp", against servers on the loopback that answer, are silent, hang up, refuse."""
import contextlib
import os
import pathlib
import pwd
import re
import socket
import subprocess
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


LISTENING = "TCP sockets of this host that listen"


@contextlib.contextmanager
def refusing(listen_on=None):
    """Yields a port that nobody can listen on at 127.0.0.1, with a socket that listens on it elsewhere."""
    family = socket.AF_INET6 if listen_on and ":" in listen_on else socket.AF_INET
    with socket.socket() as taken, socket.socket(family) as listener:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        if listen_on:
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind((listen_on, port))
            except OSError as e:
                pytest.skip(f"cannot listen on {listen_on}: {e}")
            listener.listen()
        yield port, listener


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as f:
        return f"{f.read().strip()}, pid {os.getpid()}"


def test_refused_where_nothing_listens():
    with refusing() as (port, _), socket.create_server(("127.0.0.1", 0)) as other:
        r = ask(str(port))
        there = f"127.0.0.1:{other.getsockname()[1]}"
    assert r.one() == ("CRITICAL", f"connection refused by 127.0.0.1:{port}")
    text, others = r.evidence["c", LISTENING].split("\n\n")[:2]
    assert text.startswith(f"Nothing listens on port {port}, ")
    assert others.splitlines()[0] == "On other ports:"
    if there not in others:  # on a host where many others listen
        assert re.search(r"^and \d+ more$", others, re.M)


@pytest.mark.parametrize("listen_on, shown, more", [
    ("127.0.0.2", "127.0.0.2", []), ("::1", "[::1]", []), ("::", "[::]", ["[::]:{} takes connections by IPv6 only."])])
def test_refused_where_somebody_listens_elsewhere(listen_on, shown, more):
    with refusing(listen_on) as (port, _):
        r = ask(str(port))
    lines = r.evidence["c", LISTENING].split("\n\n")[0].splitlines()
    assert lines[0] == f"Something listens on port {port}, but not on the address that refused:"
    assert re.split("  +", lines[1]) == [f"{shown}:{port}", own_name()]
    assert lines[2:] == [line.format(port) for line in more]


def test_refused_by_each_address_of_a_name():
    with refusing("127.0.0.2") as (port, _):
        r = ask(str(port), host="localhost")
    assert f"127.0.0.2:{port}" in r.evidence["c", LISTENING]


def test_a_listener_whose_process_cannot_be_seen():
    """Its only descriptor is on the way between two processes."""
    ours, theirs = socket.socketpair()
    with ours, theirs, refusing("127.0.0.2") as (port, listener):
        socket.send_fds(ours, [b"x"], [listener.fileno()])
        listener.close()
        text = ask(str(port)).evidence["c", LISTENING]
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert re.split("  +", text.splitlines()[1]) == [f"127.0.0.2:{port}", f"user {user}"]
    assert text.rstrip().endswith("Where no process is named, tocsin may not see it; as root, ss -ltnp names it.")


def test_refused_by_another_host():
    """What listens here is nothing to that. Its stand-in is an address that the kernel answers for but no interface has."""
    script = f"""
import subprocess, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
for words in ("link set lo up", "address add 192.0.2.1/32 dev lo", "route add local 198.51.100.0/24 dev lo"):
    subprocess.run(["ip", *words.split()], check=True)
print("ready", flush=True)
from test_tcp import ask
for host in ("192.0.2.1", "198.51.100.1"):
    r = ask("9", host=host)
    print(*r.one(), [title for _, title in r.evidence], sep="|")
"""
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "/usr/bin/python3", "-c", script], check=False,
                          capture_output=True, text=True, timeout=60)
    if not done.stdout.startswith("ready"):
        pytest.skip("no network namespace to try it in: " + done.stderr.strip()[-200:])
    assert done.stdout.splitlines()[1:] == [
        f"CRITICAL|connection refused by 192.0.2.1:9|['{LISTENING}']", "CRITICAL|connection refused by 198.51.100.1:9|[]"]


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
