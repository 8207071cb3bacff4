# SPDX-License-Identifier: GPL-3.0-or-later
"""Check modules about the network (network, certificate, smtp, imap, pop3, dns, ping, http): on recorded trees, and
against servers of the test on the loopback."""
import base64
import contextlib
import http.server
import os
import pathlib
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
import types
import urllib.parse

import certs
import dovecot
import pytest
import smtp_server

from test_checks import MODULES, run, send, start
from test_tcp import LISTENING

# --- network

ETH0 = {"in_bytes eth0": 0.0, "out_bytes eth0": 0.0, "in_errors eth0": 0.0, "out_errors eth0": 0.0, "in_drops eth0": 0.0,
        "out_drops eth0": 0.0}
BAD = {"interface": "eth0"}


def test_network_good():
    """Physical ones that are switched on; one without a cable from the beginning is no fault."""
    r = run("network/good", "network")
    assert r.items == {
        "eth0": ("OK", "up, 1000 Mbit/s; rates come with the next look"),
        "eth2": ("OK", "no link: no cable, or nothing at its other end, and there was none since it is watched"),
        "ens5": ("OK", "up; rates come with the next look")}
    assert r.looks[1:] == list(r.items) and r.evidence == {} and r.watches == []
    assert r.memory["in_bytes eth0"] == 75000000 and r.memory["losses eth0"] == 1
    assert (r.memory["link eth0"], r.memory["link eth2"]) == (1, 0)
    assert r.metrics["eth0", "losses"][:2] == ["1", "c"] and ("eth0", "in") not in r.metrics


def test_network_rates():
    r = run("network/good", "network", {"interface": "eth0", "throughput_warning": "80%"}, ETH0)
    assert r.one() == ("OK", "up, 1000 Mbit/s, 10.0 Mbit/s in, 1.0 Mbit/s out")
    assert r.metrics["eth0", "in"] == ["1250000", "B/s", "100000000", "", "0", "125000000"]
    assert r.number("out") == 125000 and r.number("usage") == 1 and r.metrics["eth0", "in_drops"][:3] == ["0.1", "/s", "100"]


def test_network_woken_twice_within_a_second():
    """The sample stays, so that no rate rests on a moment."""
    r = run("network/good", "network", {"interface": "eth0"}, ETH0, 20_000)
    assert r.one()[1].endswith("rates come with the next look") and "in_bytes eth0" not in r.memory
    assert "losses eth0" in r.memory


def test_network_counters_that_began_anew():
    r = run("network/good", "network", {"interface": "eth0"}, {**ETH0, "in_bytes eth0": 75000001.0, "losses eth0": 2.0})
    assert r.one()[0] == "OK" and r.memory["in_bytes eth0"] == 75000000 and ("eth0", "in") not in r.metrics
    assert r.number("out") == 125000


@pytest.mark.parametrize("options, items", [
    ({"exclude": ["eth*", "lo"]}, {"ens5"}), ({"interface": ["auto", "tun0", "eth0", "tun0"]}, {"eth2", "ens5", "tun0", "eth0"}),
    ({"interface": "lo"}, {"lo"})])
def test_network_which(options, items):
    r = run("network/good", "network", options)
    assert set(r.items) == items and all(s == "OK" for s, _ in r.items.values())


def test_network_bad():
    r = run("network/bad", "network", {"interface": ["auto", "vlan5", "eth3", "none"]}, {"link eth1": 1, "losses eth1": 6})
    assert r.items["eth1"] == ("CRITICAL", "no link: no cable, or nothing at its other end")
    assert r.items["eth2"][0] == "OK" and "802.1X" in r.items["eth2"][1]  # never seen with a link
    assert r.items["vlan5"] == ("CRITICAL", "no link: the interface below it is down")
    assert r.items["eth3"] == ("CRITICAL", "switched off (administratively down)")
    assert r.items["none"] == ("CRITICAL", "there is no such interface")
    assert r.memory["link eth1"] == 1 and r.number("losses", "eth1") == 7
    assert "eth3: switched off" in r.evidence["none", "The other interfaces"]
    assert "operstate: down" in r.evidence["eth1", "The interface (counters since it is there)"]


@pytest.mark.parametrize("options, memory, state, text", [
    ({}, {}, "OK", "up, 100 Mbit/s"), ({"speed_min": "1000"}, {}, "WARNING", "runs with 100 Mbit/s only (at least 1000)"),
    ({"speed_min": "100"}, {}, "OK", ""), ({"full_duplex": "yes"}, {}, "WARNING", "runs in half duplex"),
    ({}, {"losses eth0": 3}, "WARNING", "was lost 1 time since"), ({}, {"losses eth0": 1}, "WARNING", "was lost 3 times since"),
    ({"losses_warning": "4"}, {"losses eth0": 1}, "OK", ""), ({"losses_warning": "0"}, {"losses eth0": 1}, "OK", ""),
    ({}, ETH0, "WARNING", "100 packets with errors a second in (limit 1); 150 dropped packets a second in (limit 100)"),
    ({"errors_critical": "100.2"}, ETH0, "CRITICAL", "100 packets with errors a second in (limit 100.2)"),
    ({"errors_warning": "0", "drops_critical": "150"}, ETH0, "CRITICAL", "150 dropped"),
    ({"errors_warning": "101", "drops_warning": "151"}, ETH0, "OK", "100 Mbit/s in, 8.0 Mbit/s out"),
    ({}, {**ETH0, "in_errors eth0": 6012.0, "in_drops eth0": 9000.0, "out_errors eth0": -40.0}, "WARNING", "errors a second out"),
    ({"throughput_warning": "80%", "errors_warning": "0", "drops_warning": "0"}, ETH0, "WARNING", "100 Mbit/s in (limit 80.0 Mbit/s)"),
    ({"throughput_critical": "100%"}, ETH0, "CRITICAL", "100 Mbit/s in (limit 100 Mbit/s)"),
    ({"throughput_critical": "12M"}, ETH0, "WARNING", "errors"), ({"throughput_critical": "11M"}, ETH0, "CRITICAL", "(limit 92.3 Mbit/s)")])
def test_network_limits(options, memory, state, text):
    r = run("network/bad", "network", {**BAD, **options}, memory)
    assert r.one()[0] == state and text in r.one()[1]
    if state != "OK":
        shown = r.evidence["eth0", "The interface (counters since it is there)"]
        assert "duplex: half" in shown and "rx_crc_errors: 6000" in shown and "collisions" not in shown


def test_network_speed_that_nobody_knows():
    r = run("network/good", "network", {"interface": "ens5", "throughput_warning": "80%"})
    assert r.one()[0] == "UNKNOWN" and "does not tell the speed" in r.one()[1]
    assert run("network/good", "network", {"interface": "ens5", "throughput_warning": "10M"}).one()[0] == "OK"


@pytest.mark.parametrize("root, code, text", [
    ("garbage", 74, "/proc/net/dev cannot be read"), ("missing", 2, "/sys/class/net/ cannot be opened"),
    ("container", 95, "no physical network interface")])
def test_network_cannot_look(root, code, text):
    r = run(f"network/{root}", "network")
    assert (r.items, r.code) == ({}, code) and text in r.reason


def test_network_state_that_cannot_be_read():
    assert run("network/strange", "network").one() == (
        "UNKNOWN", "the state of its link cannot be read from /sys/class/net/eth0")
    assert run("network/container", "network", BAD).one()[0] == "OK"


@pytest.mark.parametrize("options", [
    {"interface": "../eth0"}, {"interface": "a-name-of-sixteen"}, {"errors_warning": "2", "errors_critical": "1"}, {"speed_min": "-1"},
    {"throughput_warning": "90%", "throughput_critical": "80%"}, {"throughput_warning": "101%"}, {"drops_warning": "-1"}])
def test_network_options_that_contradict_each_other(options):
    r = run("network/good", "network", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_network_of_this_host():
    r = run(None, "network", {"interface": "lo"})
    assert r.one()[0] == "OK" and len(r.watches) == 1
    lines = {x.split(":")[0].strip(): x.split(":")[1].split() for x in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]}
    assert 0 <= float(lines["lo"][0]) - r.memory["in_bytes lo"] < 1e9


IN_NAMESPACE = ["unshare", "--net", "--mount", "--map-root-user", "--propagation", "private", sys.executable, "-c"]


def in_namespace(script, *args):
    """Runs SCRIPT as root of a network of its own; skips where that is not allowed."""
    p = subprocess.run([*IN_NAMESPACE, script, str(pathlib.Path(__file__).parent), *args], capture_output=True, text=True,
                       timeout=120, check=False)
    if "unshare" in p.stderr or "not permitted" in p.stderr.lower() or "FileNotFoundError" in p.stderr:
        pytest.skip("this host does not allow a network name space: " + p.stderr.strip()[-200:])
    return p


def test_network_link_down_wakes():
    """A real link goes down: the watch becomes ready, and the next look says so. Its return is noticed too."""
    script = r"""
import os, select, subprocess, sys
sys.path.insert(0, sys.argv[1])
import test_checks as t
def sh(*command): subprocess.run(command, check=True)
sh("mount", "-t", "sysfs", "sysfs", "/sys")
sh("ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
sh("ip", "link", "set", "one", "up")
sh("ip", "link", "set", "two", "up")
options = {"interface": "one", "losses_warning": "0"}
with t.start() as h:
    h.expect("ready")
    def look():
        t.send(h, "network", options)
        h.send("run", "")
        fd = None
        while True:
            kind, fields, got = h.receive()
            fd = got if got is not None else fd
            if kind == "item": said = fields[2] + " " + fields[3]
            if kind == "done": return fd, said
    poll = select.poll()
    def until(beginning):
        # Each change is several events, and each of them wakes one look.
        global fd, said
        for i in range(20):
            poll.register(fd, select.POLLIN)
            assert poll.poll(10_000), "not woken, still: " + said
            poll.unregister(fd)
            os.close(fd)
            fd, said = look()
            if said.startswith(beginning): break
        print(said, flush=True)
    fd, said = look()
    print(said, flush=True)
    sh("ip", "link", "set", "two", "down")
    until("CRITICAL")
    sh("ip", "link", "set", "two", "up")
    until("OK")
    sh("ip", "link", "set", "one", "down")
    until("CRITICAL switched off")
    sh("ip", "link", "del", "one")
    until("CRITICAL there")
"""
    if not any(os.access(p + "/ip", os.X_OK) for p in ("/usr/sbin", "/sbin", "/usr/bin")):
        pytest.skip("no ip (iproute2) here")
    p = in_namespace(script)
    lines = p.stdout.splitlines()
    assert len(lines) == 5, p.stderr + p.stdout
    assert lines[0].startswith("OK up, 10000 Mbit/s") and lines[2].startswith("OK up")
    assert lines[1] == "CRITICAL no link: the interface below it is down"
    assert lines[3] == "CRITICAL switched off (administratively down)" and lines[4] == "CRITICAL there is no such interface"


# --- certificate

class Server:
    """Says what TALK says, on the loopback; TLS by the test's certificate, from the start or when TALK asks for it."""

    def __init__(self, talk=None, certificate=None, tls=False):
        self.talk, self.tls, self.context, self.lines = talk, tls, None, []
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])

    def __enter__(self):
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.sock, _ = self.listener.accept()
                self.sock.settimeout(30)
                self.file = self.sock.makefile("rb")
                with contextlib.suppress(OSError, EOFError):
                    if self.tls:
                        self.start_tls()
                    if self.talk:
                        self.talk(self)
                    else:
                        self.sock.recv(1)
                self.file.close()  # it holds the socket too
                self.sock.close()

    def say(self, *lines):
        self.sock.sendall("".join(line + "\r\n" for line in lines).encode())

    def hear(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        self.lines.append(line.decode().rstrip("\r\n"))
        return self.lines[-1]

    def start_tls(self):
        self.file.close()
        self.sock = self.context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")


def ask_certificate(server, authority, **options):
    return run(None, "certificate", {"host": "127.0.0.1", "port": server.port, "tls_ca_file": str(authority.ca_file),
                                     "answer_timeout": "5s", **options})


def test_certificate_of_a_server(authority, server_certificate):
    with Server(certificate=server_certificate, tls=True) as s:
        r = ask_certificate(s, authority, host="localhost")
        assert r.one()[0] == "OK" and "certificate for another 364 d" in r.one()[1] and r.evidence == {}
        assert 364 * 86400 < r.number("certificate_left") <= 365 * 86400 and 0 < r.number("time") < 5
        assert r.metrics["c", "certificate_left"][2:4] == ["1209600", "259200"]
        assert ask_certificate(s, authority, warning="370d", critical="3d").one()[0] == "WARNING"
        r = ask_certificate(s, authority, warning="370d", critical="366d")
        assert r.one()[0] == "CRITICAL" and "the certificate expires in 364 d" in r.one()[1] and "(limit 366 d)" in r.one()[1]
        assert 'names: "localhost", "127.0.0.1"' in r.evidence["c", "The certificate"]
        assert "* (TLS" in r.evidence["c", "What was said (> by us, < by the server)"]
        assert ask_certificate(s, authority, warning="0", critical="0").one()[0] == "OK"


def test_certificate_nobody_stands_for(authority, server_certificate):
    with Server(certificate=server_certificate, tls=True) as s:
        r = run(None, "certificate", {"host": "127.0.0.1", "port": s.port})
        if r.code:
            assert "no certificate authorities" in r.reason  # this host has none of its own
            return
        assert r.one()[0] == "CRITICAL" and "who is not among the system's authorities" in r.one()[1]
        pin = next(x for x in r.evidence["c", "The certificate"].splitlines() if x.startswith("tls_pin: "))[9:]
        assert r.number("certificate_left") > 0
        r = run(None, "certificate", {"host": "127.0.0.1", "port": s.port, "trust": "no"})
        assert r.one()[0] == "OK"
        r = run(None, "certificate", {"host": "127.0.0.1", "port": s.port, "tls_pin": pin, "name": "example.org"})
        assert r.one()[0] == "OK"
        pin = "sha256:" + base64.b64encode(bytes(32)).decode()
        r = run(None, "certificate", {"host": "127.0.0.1", "port": s.port, "tls_pin": pin})
        assert r.one()[0] == "CRITICAL" and "is not the pinned one" in r.one()[1]


@pytest.mark.parametrize("options", [{}, {"trust": "no", "tls_ca_file": "/etc/ssl/certs/ca-certificates.crt"}])
def test_certificate_of_another_name(authority, server_certificate, options):
    if not os.path.exists(options.get("tls_ca_file", "/")):
        pytest.skip("no ca-certificates here")
    with Server(certificate=server_certificate, tls=True) as s:
        r = ask_certificate(s, authority, name="www.example.org", **options)
    assert r.one()[0] == "CRITICAL" and 'not for "www.example.org"' in r.one()[1]


@pytest.mark.parametrize("issue, text", [({"expired": True}, "expired on"), ({"client": True}, "is not for servers")])
def test_certificate_that_is_bad(tmp_path, issue, text):
    authority = certs.Authority(tmp_path)
    with Server(certificate=authority.issue("bad", **issue), tls=True) as s:
        r = ask_certificate(s, authority)
        assert r.one()[0] == "CRITICAL" and text in r.one()[1]
        assert (r.number("certificate_left") < 0) == ("expired" in text)
        r = ask_certificate(s, authority, trust="no")
        assert r.one()[0] == ("CRITICAL" if "expired" in text else "OK")


def chain(tmp_path, lifetime):
    root = certs.Authority(tmp_path / "root")
    middle = certs.Authority(tmp_path / "middle", "middle CA", root, lifetime)
    leaf, key = middle.issue("leaf")
    full = tmp_path / "full.pem"
    full.write_bytes(leaf.read_bytes() + middle.ca_file.read_bytes())
    return root, leaf, full, key


def test_certificate_chain(tmp_path):
    root, leaf, full, key = chain(tmp_path, certs.DAY * 10)
    with Server(certificate=(leaf, key), tls=True) as s:
        r = ask_certificate(s, root)
        assert r.one()[0] == "CRITICAL" and 'was issued by "CN=middle CA"' in r.one()[1]
    with Server(certificate=(full, key), tls=True) as s:
        r = ask_certificate(s, root)
        assert r.one()[0] == "WARNING" and "an authority in its chain expires in 9 d" in r.one()[1]
        assert 'with it came: "CN=middle CA"' in r.evidence["c", "The certificate"]
        assert ask_certificate(s, root, warning="9d").one()[0] == "OK"


def smtp(s):
    s.say("220-hello", "220 there")
    assert s.hear().startswith("EHLO [127.0.0.1]")
    s.say("250-me", "250 STARTTLS")
    assert s.hear() == "STARTTLS"
    s.say("220 go")
    s.start_tls()


def imap(s):
    s.say("* OK ready")
    assert s.hear() == "s STARTTLS"
    s.say("* NOTE", "s OK go")
    s.start_tls()


def pop3(s):
    s.say("+OK ready")
    assert s.hear() == "STLS"
    s.say("+OK go")
    s.start_tls()


def ftp(s):
    s.say("220 ready")
    assert s.hear() == "AUTH TLS"
    s.say("234 go")
    s.start_tls()


def postgresql(s):
    assert s.file.read(8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
    s.sock.sendall(b"S")
    s.start_tls()


@pytest.mark.parametrize("talk", [smtp, imap, pop3, ftp, postgresql])
def test_certificate_after_starttls(authority, server_certificate, talk):
    """And says goodbye there: a client that does not is taken for one that looks for holes."""
    def whole(s):
        talk(s)
        if talk != postgresql:
            s.hear()
    with Server(whole, server_certificate) as s:
        r = ask_certificate(s, authority, starttls=talk.__name__)
        assert r.one()[0] == "OK" and "another 364 d" in r.one()[1]
    assert talk == postgresql or s.lines[-1] == {"imap": "q LOGOUT"}.get(talk.__name__, "QUIT")


@pytest.mark.parametrize("starttls, said, text", [
    ("smtp", "554 go away", 'did not give a greeting, it said "554 go away"'), ("imap", "* BYE no", "did not give a greeting"),
    ("postgresql", "N", "has TLS switched off"), ("postgresql", "X", "is no server of PostgreSQL"),
    ("pop3", "x" * 20000, "sent a line without an end"), ("ftp", "220-\r\n" * 300, "never came to a greeting"),
    ("smtp", "", "closed the connection instead of a greeting"), ("smtp", "220 a\0b", "no line of text")])
def test_certificate_no_starttls(authority, starttls, said, text):
    def talk(s):
        s.sock.sendall(said.encode() + (b"" if len(said) == 20000 or not said else b"\r\n"))
        if said:
            s.sock.recv(1)
    with Server(talk) as s:
        r = ask_certificate(s, authority, starttls=starttls)
    assert r.one()[0] == "CRITICAL" and text in r.one()[1]


def test_certificate_commands_before_tls(authority, server_certificate):
    def talk(s):
        s.say("* OK ready")
        s.hear()
        s.say("s OK go", "* BAD inserted")
        s.hear()
    with Server(talk, server_certificate) as s:
        r = ask_certificate(s, authority, starttls="imap")
    assert r.one()[0] == "CRITICAL" and "somebody may be inserting commands" in r.one()[1]


def test_certificate_no_server(authority):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        r = ask_certificate(types.SimpleNamespace(port=str(s.getsockname()[1])), authority)
    assert r.one()[0] == "CRITICAL" and "refused" in r.one()[1] and ("c", LISTENING) in r.evidence
    with Server(lambda s: s.sock.recv(5) and time.sleep(1)) as s:
        r = ask_certificate(s, authority, answer_timeout="300ms")
        assert r.one()[0] == "CRITICAL" and "did not finish the TLS handshake in time" in r.one()[1]
    r = run(None, "certificate", {"host": "localhost", "tls_ca_file": "/nonexistent"})
    assert (r.code, r.items) != (0, {}) and "/nonexistent cannot be used" in r.reason
    assert run("load/good", "certificate", {"host": "localhost", "tls_ca_file": str(authority.ca_file)}).code == 95


@pytest.mark.parametrize("options", [
    {}, {"file": "/x", "host": "y"}, {"file": "relative"}, {"file": "/x", "port": "1"}, {"file": "/x", "starttls": "smtp"},
    {"host": "x", "warning": "1d", "critical": "2d"}, {"host": "x", "time_warning": "2s", "time_critical": "1s"}])
def test_certificate_options_that_contradict_each_other(options):
    r = run(None, "certificate", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_certificate_files(tmp_path):
    root, leaf, full, _ = chain(tmp_path, certs.DAY * 1000)
    soon = root.issue("soon", lifetime=certs.DAY * 5)[0]
    over = root.issue("over", expired=True)[0]
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "dir.pem").mkdir()
    options = {"file": [str(tmp_path / "*.pem"), str(full), str(tmp_path / "root/[so]*.pem"), "/nonexistent/*.pem", str(leaf)],
               "tls_ca_file": str(root.ca_file)}
    r = run(None, "certificate", options)
    assert r.code == 0
    def of(path):
        return r.items[str(path)]
    assert of(full)[0] == "OK" and of(full)[1].startswith("valid for another 364 d")
    assert of(leaf)[0] == "CRITICAL" and 'was issued by "CN=middle CA"' in of(leaf)[1]
    assert of(soon)[0] == "WARNING" and "expires in 4 d" in of(soon)[1] and "(limit 14 d)" in of(soon)[1]
    assert of(over)[0] == "CRITICAL" and "the certificate of this file expired on" in of(over)[1] and ";  " not in of(over)[1]
    assert of(garbage)[0] == "CRITICAL" and "no certificate in PEM form" in of(garbage)[1]
    assert of(tmp_path / "empty.pem")[0] == "CRITICAL"
    assert of(tmp_path / "dir.pem") == ("UNKNOWN", "cannot be read: Is a directory")
    assert of("/nonexistent/*.pem") == ("CRITICAL", "there is no such file")
    assert len(r.items) == 8 and len(r.watches) == 1
    assert "issuer: " in r.evidence[str(soon), "The certificate"] and (str(full), "The certificate") not in r.evidence
    r = run(None, "certificate", {**options, "file": str(leaf), "trust": "no"})
    assert r.one()[0] == "OK"
    r = run(None, "certificate", {**options, "file": str(over), "trust": "no"})
    assert r.one()[0] == "CRITICAL" and "the certificate expired 1 d" in r.one()[1]
    for trust in ("yes", "no"):
        r = run(None, "certificate", {**options, "file": str(full), "name": "example.org", "trust": trust})
        assert r.one()[0] == "CRITICAL" and 'not for "example.org"' in r.one()[1]
    assert run(None, "certificate", {**options, "file": str(full), "name": "localhost"}).one()[0] == "OK"
    r = run(tmp_path, "certificate", {**options, "file": "/full.pem"})
    assert r.items == {"/full.pem": ("OK", r.items["/full.pem"][1])} and r.watches == []


def test_certificate_self_signed(tmp_path):
    root = certs.Authority(tmp_path)
    other = certs.Authority(tmp_path / "other")
    r = run(None, "certificate", {"file": str(root.ca_file), "tls_ca_file": str(other.ca_file)})
    assert r.one()[0] == "CRITICAL" and "is self-signed" in r.one()[1]


def test_certificate_renewal_wakes(tmp_path):
    """As certbot does it: a link is set to the new file."""
    root = certs.Authority(tmp_path / "ca")
    old, new = root.issue("old", lifetime=certs.DAY)[0], root.issue("new")[0]
    link = tmp_path / "live.pem"
    link.symlink_to(old)
    options = {"file": str(link), "tls_ca_file": str(root.ca_file)}
    with start() as h:
        h.expect("ready")
        def look():
            send(h, "certificate", options)
            h.send("run", "")
            fd = state = None
            while True:
                kind, fields, got = h.receive()
                fd = got if got is not None else fd
                state = fields[2] if kind == "item" else state
                if kind == "done":
                    return fd, state
        fd, state = look()
        assert state == "CRITICAL"
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(0) == []
        (tmp_path / "new-link").symlink_to(new)
        (tmp_path / "new-link").rename(link)
        assert poll.poll(10_000)
        os.close(fd)
        fd, state = look()
        os.close(fd)
        assert state == "OK"


# --- smtp, imap, pop3

PASSWORD = "a very secret word"


@pytest.fixture(name="login")
def login_options(tmp_path):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\nanother line\n")
    return {"username": "box", "password_file": str(path)}


def ask_server(module, port, authority, **options):
    r = run(None, module, {"host": "127.0.0.1", "port": str(port), "tls_ca_file": str(authority.ca_file), "answer_timeout": "5s",
                           **options})
    said = repr((r.items, r.evidence, r.reason))
    assert PASSWORD not in said and base64.b64encode(f"\0box\0{PASSWORD}".encode()).decode() not in said
    return r


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_smtp_good(authority, server_certificate, security, login):
    with smtp_server.SmtpServer(server_certificate, tls=security == "tls", starttls=security == "starttls",
                                users={"box": PASSWORD}) as s:
        r = ask_server("smtp", s.port, authority, security=security)
        assert r.one()[0] == "OK" and r.one()[1].startswith(f"127.0.0.1 port {s.port} answered after ")
        assert ("certificate for another 364 d" in r.one()[1]) == (security != "none") and r.evidence == {}
        assert s.logins == []
        r = ask_server("smtp", s.port, authority, security=security, expect="mail.test ESMTP",
                       **(login if security != "none" else {}))
        assert r.one()[0] == "OK"
        if security != "none":
            assert ", the login works" in r.one()[1] and s.logins == [("box", PASSWORD)]
        assert not [x for x in s.lines if x.startswith(("MAIL", "RCPT"))]


@pytest.mark.parametrize("options, at, text", [
    ({}, {"greeting": "554 5.7.1 not you"}, "not you"), ({}, {"ehlo": "502 no"}, "the server refuses EHLO"),
    ({}, {"greeting": "SSH-2.0-OpenSSH"}, "SSH-2.0"), ({"answer_timeout": "300ms"}, {"connect": "silence"}, "did not answer in time"),
    ({}, {"connect": "close"}, "closed"), ({}, {"starttls": "454 no"}, "offers STARTTLS and refuses it"),
    ({"expect": "example.org"}, {}, "its greeting does not contain 'example.org'"),
    ({"hello": "monitor.example.org"}, {"ehlo": lambda line: "550 " + line.decode()}, "550 EHLO monitor.example.org")])
def test_smtp_bad(authority, server_certificate, options, at, text):
    with smtp_server.SmtpServer(server_certificate, starttls=True, at=at) as s:
        r = ask_server("smtp", s.port, authority, **options)
    assert r.one()[0] == "CRITICAL" and text in r.one()[1]


def test_smtp_login_refused(authority, server_certificate, login):
    with smtp_server.SmtpServer(server_certificate, starttls=True, users={"box": "another"}) as s:
        r = ask_server("smtp", s.port, authority, **login)
        assert r.one()[0] == "CRITICAL" and "535" in r.one()[1]
        shown = r.evidence["c", "What was said (> by us, < by the server)"]
        assert "> AUTH" in shown and "****" in shown and "< 535 5.7.8 authentication failed" in shown
        assert "subject: " in r.evidence["c", "The certificate"]


def test_smtp_no_starttls_and_no_trust(authority, server_certificate):
    with smtp_server.SmtpServer() as s:
        r = ask_server("smtp", s.port, authority)
        assert r.one()[0] == "CRITICAL" and "does not offer STARTTLS" in r.one()[1]
    with smtp_server.SmtpServer(server_certificate, starttls=True) as s:
        r = ask_server("smtp", s.port, authority, host="localhost", certificate_warning="366d", certificate_critical="1d")
        assert r.one()[0] == "WARNING" and "the certificate expires in" in r.one()[1]


def test_smtp_of_postfix(postfix_server, authority, tmp_path):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(postfix_server.password)
    for port, security in ((postfix_server.port_tls, "tls"), (postfix_server.port_starttls, "starttls")):
        r = ask_server("smtp", port, authority, host="localhost", security=security, username=postfix_server.username,
                       password_file=str(path))
        assert r.one()[0] == "OK" and "the login works" in r.one()[1]
        path.write_text("wrong")
        r = ask_server("smtp", port, authority, host="localhost", security=security, username=postfix_server.username,
                       password_file=str(path))
        assert r.one()[0] == "CRITICAL" and "535" in r.one()[1]
        path.write_text(postfix_server.password)


def imap_server(capabilities="IMAP4rev1 AUTH=PLAIN", starttls=False, login="OK in", exists=7):
    """Takes any command; the answer to the login is LOGIN."""
    def talk(s):
        if s.context and not s.tls and starttls:
            imap(s)
        else:
            s.say("* OK [CAPABILITY IMAP4rev1] ready")
        while True:
            tag, verb, *_ = s.hear().split(" ")
            if verb == "CAPABILITY":
                s.say("* CAPABILITY " + capabilities, f"{tag} OK done")
            elif verb == "AUTHENTICATE":
                s.say("+ ")
                response = s.hear()
                s.say(f"{tag} " + (login(response) if callable(login) else login))
            elif verb == "LOGIN":
                s.say(f"{tag} " + (login(s.lines[-1]) if callable(login) else login))
            elif verb == "EXAMINE":
                s.say("* FLAGS ()", f"* {exists} EXISTS", f"{tag} OK [READ-ONLY]")
            elif verb == "LOGOUT":
                s.say("* BYE", f"{tag} OK")
                return
            else:
                s.say(f"{tag} BAD")
    return talk


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
@pytest.mark.parametrize("capabilities", ["IMAP4rev1 AUTH=PLAIN LOGINDISABLED", "IMAP4rev1"])
def test_imap_good(authority, server_certificate, security, capabilities, login):
    with Server(imap_server(capabilities, security == "starttls"), None if security == "none" else server_certificate,
                tls=security == "tls") as s:
        r = ask_server("imap", s.port, authority, security=security)
        assert r.one()[0] == "OK" and ("certificate" in r.one()[1]) == (security != "none") and ("c", "messages") not in r.metrics
        if security == "none":
            return
        r = ask_server("imap", s.port, authority, security=security, mailbox='a "box"', **login)
        assert r.one()[0] == "OK" and "the login works" in r.one()[1] and r.number("messages") == 7
        if "AUTH" in capabilities:
            assert base64.b64encode(f"\0box\0{PASSWORD}".encode()).decode() in s.lines
        else:
            assert f'a2 LOGIN "box" "{PASSWORD}"' in s.lines
        assert 'a3 EXAMINE "a \\"box\\""' in s.lines


@pytest.mark.parametrize("options, server, text", [
    ({}, {"capabilities": "IMAP4rev1 LOGINDISABLED"}, "allows no login here"), ({}, {"login": "NO bad password"}, "refuses the login"),
    ({}, {"login": lambda line: f"NO not {line}"}, "refuses the login"),  # who repeats the password is cut short
    ({}, {"login": lambda line: f"NO not {line}", "capabilities": "IMAP4rev1"}, "****"),
    ({"expect": "Dovecot"}, {}, "does not contain 'Dovecot'")])
def test_imap_bad(authority, server_certificate, options, server, text, login):
    with Server(imap_server(**server), server_certificate, tls=True) as s:
        r = ask_server("imap", s.port, authority, **options, **login)
    assert r.one()[0] == "CRITICAL" and text in r.one()[1]
    assert "CAPABILITY" in r.evidence["c", "What was said (> by us, < by the server)"]


@pytest.mark.parametrize("said, text", [
    ("* BYE no", "does not greet as a server of IMAP"), ("220 mail", "does not greet as a server of IMAP"),
    ("* OK\r\n" + "* x\r\n" * 600, "never came to the end"), ("* OK\r\na1 BAD what", "refuses to say what it can do")])
def test_imap_no_server(authority, said, text):
    def talk(s):
        s.say(said)
        s.hear()
        time.sleep(0.2)
    with Server(talk) as s:
        r = ask_server("imap", s.port, authority, security="none")
    assert r.one()[0] == "CRITICAL" and text in r.one()[1]


def pop3_server(starttls=False, login="+OK in", stat="+OK 3 4567"):
    def talk(s):
        if starttls:
            pop3(s)
        else:
            s.say("+OK <1@mail.test> ready")
        while True:
            verb = s.hear().split(" ")[0]
            if verb == "PASS":
                s.say(login(s.lines[-1]) if callable(login) else login)
            else:
                s.say({"STAT": stat, "USER": "+OK"}.get(verb, "+OK"))
    return talk


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_pop3_good(authority, server_certificate, security, login):
    with Server(pop3_server(security == "starttls"), None if security == "none" else server_certificate, tls=security == "tls") as s:
        r = ask_server("pop3", s.port, authority, security=security, expect="ready")
        assert r.one()[0] == "OK" and ("c", "messages") not in r.metrics
        if security == "none":
            return
        r = ask_server("pop3", s.port, authority, security=security, **login)
        assert r.one()[0] == "OK" and r.number("messages") == 3
        said = [line for line in s.lines if line != "QUIT"]  # which may still be on its way
        assert said[-3:] == ["USER box", "PASS " + PASSWORD, "STAT"]


@pytest.mark.parametrize("server, text", [
    ({"login": "-ERR no"}, 'refuses the login: "-ERR no"'), ({"login": lambda line: "-ERR not " + line}, "-ERR not ****"),
    ({"login": lambda line: "-ERR not " + line[5:]}, "-ERR not ****"), ({"stat": "+OK many"}, "does not tell what is in the mailbox")])
def test_pop3_bad(authority, server_certificate, server, text, login):
    with Server(pop3_server(**server), server_certificate, tls=True) as s:
        r = ask_server("pop3", s.port, authority, **login)
    assert r.one()[0] == "CRITICAL" and text in r.one()[1]
    with Server(lambda s: s.say("* OK ready")) as s:
        r = ask_server("pop3", s.port, authority, security="none")
    assert r.one()[0] == "CRITICAL" and "does not greet as a server of POP3" in r.one()[1]


@pytest.fixture(name="dovecot_server", scope="module")
def real_dovecot(authority, server_certificate):
    reason = dovecot.why_not()
    if reason:
        pytest.skip(reason)
    server = dovecot.Dovecot(server_certificate)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.parametrize("module", ["imap", "pop3"])
def test_dovecot(dovecot_server, authority, tmp_path, module):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    more = {"mailbox": "INBOX"} if module == "imap" else {}
    for security, port in (("tls", dovecot_server.ports[module + "s"]), ("starttls", dovecot_server.ports[module])):
        path.write_text(dovecot_server.password)
        options = {"host": "localhost", "security": security, "username": dovecot_server.username, "password_file": str(path)}
        r = ask_server(module, port, authority, **options, **more)
        assert r.one()[0] == "OK" and "the login works" in r.one()[1], dovecot_server.log()
        assert r.number("messages") == 0 and r.number("certificate_left") > 0
        path.write_text("wrong")
        r = ask_server(module, port, authority, **options)
        assert r.one()[0] == "CRITICAL" and "refuses the login" in r.one()[1]
    if module == "imap":
        path.write_text(dovecot_server.password)
        r = ask_server(module, port, authority, **options, mailbox="None")
        assert r.one()[0] == "CRITICAL" and "refuses to open the mailbox None" in r.one()[1]
    r = run(None, "certificate", {"host": "localhost", "port": str(dovecot_server.ports[module]), "starttls": module,
                                  "tls_ca_file": str(authority.ca_file)})
    assert r.one()[0] == "OK"


@pytest.mark.parametrize("module", ["smtp", "imap", "pop3"])
def test_mail_servers_cannot_look(module, authority, login):
    r = run(None, module, {"host": "127.0.0.1", "username": "x", "password_file": "/nonexistent"})
    assert (r.items, r.code) == ({}, 2) and "/nonexistent cannot be read" in r.reason
    r = run(None, module, {"host": "127.0.0.1", "username": "x", "credential": "none"})
    assert r.items == {} and "credential 'none'" in r.reason
    assert run("load/good", module, {}).code == 95
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        r = ask_server(module, s.getsockname()[1], authority, **login)
    assert r.one()[0] == "CRITICAL" and "refused" in r.one()[1] and ("c", LISTENING) in r.evidence


@pytest.mark.parametrize("module", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("options", [
    {"username": "x"}, {"username": "x", "password_file": "/x", "credential": "x"}, {"password_file": "/x"}, {"port": "65536"},
    {"certificate_warning": "1d"}, {"security": "ssl"}, {"username": "x", "password_file": "/x", "security": "none"}])
def test_mail_servers_options_that_contradict_each_other(module, options):
    r = run(None, module, options)
    assert r.code in (22, 34) and r.reason and r.items == {}


# --- dns

TYPES = {"a": 1, "ns": 2, "cname": 5, "soa": 6, "ptr": 12, "mx": 15, "txt": 16, "aaaa": 28, "srv": 33}


def dns_name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.strip(".").split(".") if x) + b"\0"


def rdata(kind, value):
    words = value.split(" ")
    if kind in ("a", "aaaa"):
        return socket.inet_pton(socket.AF_INET if kind == "a" else socket.AF_INET6, value)
    if kind == "txt":
        return b"".join(bytes([len(x)]) + x.encode() for x in words)
    data = b""
    for word in words:
        data += (int(word).to_bytes(4 if kind == "soa" else 2, "big") if word.isdigit() else dns_name(word))
    return data + (b"\0" * 16 if kind == "soa" else b"")


class DnsServer:
    """Answers from a table {(name, type): [values]}; a number in the place of the values is the code of the answer, None
    is silence, bytes are the answer's records as they are."""

    def __init__(self, table, host="127.0.0.1"):
        self.table, self.questions = table, []
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port = str(self.socket.getsockname()[1])

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, peer = self.socket.recvfrom(4096)
                at, labels = 12, []
                while question[at]:
                    labels.append(question[at + 1:at + 1 + question[at]].decode())
                    at += 1 + question[at]
                name, end = ".".join(labels).lower(), at + 5
                kind = next(k for k, v in TYPES.items() if v == int.from_bytes(question[at + 1:at + 3], "big"))
                self.questions.append((name, kind))
                values = self.table.get((name, kind), 3 if not any(n == name for n, _ in self.table) else [])
                if values is None:
                    continue
                code, records, n = (values, b"", 0) if isinstance(values, int) else (0, b"", 0)
                if isinstance(values, bytes):
                    records, n = values, 1
                for value in values if isinstance(values, list) else []:
                    which, _, value = value.rpartition("|")
                    data = rdata(which or kind, value)
                    records += (b"\xc0\x0c" + TYPES[which or kind].to_bytes(2, "big") + b"\0\1\0\0\0\x3c"
                                + len(data).to_bytes(2, "big") + data)
                    n += 1
                self.socket.sendto(question[:2] + b"\x81" + bytes([0x80 | code]) + b"\0\1" + n.to_bytes(2, "big") + b"\0\0\0\0"
                                   + question[12:end] + records, peer)


TABLE = {("www.example.test", "a"): ["192.0.2.1", "192.0.2.2"], ("www.example.test", "aaaa"): ["2001:db8::1"],
         ("v4.example.test", "a"): ["192.0.2.9"], ("alias.example.test", "a"): ["cname|www.example.test", "192.0.2.1"],
         ("alias.example.test", "cname"): ["www.example.test"], ("example.test", "mx"): ["10 mx1.example.test", "20 mx2.example.test"],
         ("example.test", "ns"): ["ns.example.test"], ("example.test", "txt"): ["v=spf1 -all"],
         ("example.test", "soa"): ["ns.example.test admin.example.test 2026112501"],
         ("_imaps._tcp.example.test", "srv"): ["0 1 993 mail.example.test"], ("1.2.0.192.in-addr.arpa", "ptr"): ["www.example.test"],
         ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "ptr"): ["six.example.test"],
         ("broken.example.test", "a"): 2, ("refused.example.test", "a"): 5, ("silent.example.test", "a"): None,
         ("silent.example.test", "aaaa"): None, ("empty.example.test", "mx"): [],
         ("short.example.test", "a"): b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\3\1\2\3", ("garbage.example.test", "mx"): b"\xc0"}


def ask_dns(asked, name, kind="address", **options):
    return run(None, "dns", {"server": "127.0.0.1", "port": asked.port, "name": name, "record": kind, "answer_timeout": "4s", **options})


@pytest.mark.parametrize("kind, name, expect", [
    ("address", "www.example.test", ["192.0.2.1", "192.0.2.2", "2001:0DB8:0:0::1"]), ("address", "v4.example.test", ["192.0.2.9"]),
    ("a", "WWW.example.test", ["192.0.2.2", "192.0.2.1"]), ("aaaa", "www.example.test", ["2001:db8::1"]),
    ("a", "alias.example.test", ["192.0.2.1"]), ("cname", "alias.example.test", ["WWW.example.test."]),
    ("mx", "example.test", ["20 mx2.example.test", "10 mx1.example.test"]), ("ns", "example.test", ["ns.example.test"]),
    ("txt", "example.test", ["v=spf1-all"]), ("soa", "example.test", ["ns.example.test admin.example.test 2026112501"]),
    ("srv", "_imaps._tcp.example.test", ["0 1 993 mail.example.test"]), ("ptr", "192.0.2.1", ["www.example.test"]),
    ("ptr", "2001:db8::1", ["six.example.test"])])
def test_dns_good(kind, name, expect):
    with DnsServer(TABLE) as s:
        r = ask_dns(s, name, kind, expect=expect, exact="yes")
        assert r.one()[0] == "OK" and r.one()[1].startswith(f"{name}: ") and r.evidence == {}, r.one()
        assert r.number("answers") == len(expect) and 0 < r.number("time") < 4
        r = ask_dns(s, name, kind, exists="no")
        assert r.one()[0] == "CRITICAL" and "is there, and must not be" in r.one()[1]
        r = ask_dns(s, name, kind, expect=[*expect, "192.0.2.77"])
        assert r.one() == ("CRITICAL", f"192.0.2.77 is not in the answer for {name}")
        if len(expect) > 1:
            r = ask_dns(s, name, kind, expect=expect[1:], exact="yes")
            assert r.one()[0] == "CRITICAL" and r.one()[1].endswith("and not expected")
            assert len(r.evidence["c", "The answer"].splitlines()) == len(expect)
            assert ask_dns(s, name, kind, expect=expect[1:]).one()[0] == "OK"


@pytest.mark.parametrize("name, kind, text", [
    ("nothing.example.test", "address", "there is no such name (NXDOMAIN); asked: 127.0.0.1"),
    ("empty.example.test", "mx", "the name has no such record"), ("v4.example.test", "aaaa", "the name has no such record"),
    ("broken.example.test", "a", "(SERVFAIL)"), ("refused.example.test", "a", "no server answered, or they failed"),
    ("short.example.test", "a", "the answer makes no sense"), ("garbage.example.test", "mx", "the answer makes no sense")])
def test_dns_bad(name, kind, text):
    with DnsServer(TABLE) as s:
        r = ask_dns(s, name, kind)
        assert r.one()[0] == "CRITICAL" and text in r.one()[1] and r.number("answers") == 0
        r = ask_dns(s, name, kind, exists="no")
        assert r.one()[0] == ("OK" if "no such" in text else "CRITICAL")


def test_dns_silent_and_slow():
    with DnsServer(TABLE) as s:
        r = ask_dns(s, "silent.example.test", answer_timeout="500ms")
        assert r.one() == ("CRITICAL", "silent.example.test: the resolver did not answer in time")
        r = ask_dns(s, "www.example.test", time_warning="10us")
        assert r.one()[0] == "WARNING" and "was resolved only after" in r.one()[1]
        assert ask_dns(s, "www.example.test", time_warning="10us", time_critical="11us").one()[0] == "CRITICAL"


def test_dns_over_ipv6():
    try:
        server = DnsServer(TABLE, "::1")
    except OSError:
        pytest.skip("no IPv6 on the loopback")
    with server as s:
        r = ask_dns(s, "v4.example.test", server="::1")
        assert r.one()[0] == "OK" and ("v4.example.test", "a") in s.questions


def test_dns_as_this_host_resolves():
    r = run(None, "dns", {"name": "localhost"})
    assert r.one()[0] == "OK" and ("127.0.0.1" in r.one()[1] or "::1" in r.one()[1])
    assert len(set(r.one()[1].split())) == len(r.one()[1].split())
    r = run(None, "dns", {"name": "nothing.invalid", "answer_timeout": "3s"})
    assert r.one()[0] == "CRITICAL" and r.one()[1].startswith("nothing.invalid: ")
    assert run("load/good", "dns", {"name": "localhost"}).code == 95


@pytest.mark.parametrize("options", [
    {}, {"name": "192.0.2.1"}, {"name": "x", "server": "dns.example.org"}, {"name": "x", "exists": "no", "expect": "1.2.3.4"},
    {"name": "x", "exact": "yes"}, {"name": "x", "port": "0"}, {"name": "x", "record": "any"},
    {"name": "x", "time_warning": "2s", "time_critical": "1s"}])
def test_dns_options_that_contradict_each_other(options):
    r = run(None, "dns", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


# --- ping

PING = r"""
import os, pathlib, subprocess, sys, threading, time
sys.path.insert(0, sys.argv[1])
import test_checks as t
def sh(*command): subprocess.run(command, check=True)
def allow(): pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")
def show(r):
    for item, (state, text) in r.items.items(): print(state, text)
    if r.reason: print("reason", r.reason)
    return r
def ping(**options): return show(t.run(None, "ping", {"host": "127.0.0.1", "packets": "3", "spacing": "20ms", **options}))
sh("ip", "link", "set", "lo", "up")
"""


def ping(script):
    return in_namespace(PING + script)


def test_ping_good():
    p = ping(r"""
allow()
r = ping()
assert r.number("loss") == 0 and 0 < r.number("time_min") <= r.number("time") <= r.number("time_max") < 2 and not r.evidence
assert r.metrics["c", "loss"][2:4] == ["20", "60"] and r.number("duplicates") == 0
ping(host="localhost", family="ipv4", size="1400")
ping(host="::1")
ping(time_warning="1us")
ping(time_warning="1us", time_critical="2us")
""")
    lines = p.stdout.splitlines()
    assert len(lines) == 5, p.stderr + p.stdout
    assert lines[0].startswith("OK 127.0.0.1 answers after ") and lines[0].endswith(" ms on average, 0 % lost")
    assert lines[1].startswith("OK 127.0.0.1") and (lines[2].startswith("OK ::1 answers") or "no route" in lines[2])
    assert lines[3].startswith("WARNING 127.0.0.1 answers only after") and lines[4].startswith("CRITICAL")


def test_ping_no_answer():
    """The kernel is told to be silent: from the beginning, and in the middle."""
    p = ping(r"""
allow()
silent = pathlib.Path("/proc/sys/net/ipv4/icmp_echo_ignore_all")
silent.write_text("1")
r = ping(answer_timeout="100ms")
assert r.number("loss") == 100 and ("c", "time") not in r.metrics
print(r.evidence["c", "The requests"].replace("\n", "; "))
silent.write_text("0")
threading.Timer(0.5, lambda: silent.write_text("1")).start()
r = ping(packets="10", spacing="100ms", answer_timeout="100ms", loss_warning="1%", loss_critical="95%")
print(int(r.number("loss")))
silent.write_text("0")
threading.Timer(0.5, lambda: silent.write_text("1")).start()
ping(packets="10", spacing="100ms", answer_timeout="100ms", loss_warning="1%", loss_critical="2%")
""")
    lines = p.stdout.splitlines()
    assert len(lines) == 5, p.stderr + p.stdout
    assert lines[0] == "CRITICAL 127.0.0.1 does not answer" and lines[1].startswith("request 1: no answer; request 2:")
    assert lines[2].startswith("WARNING 127.0.0.1 answered ") and " of 10 requests, " in lines[2] and 0 < int(lines[3]) < 100
    assert lines[4].startswith("CRITICAL 127.0.0.1 answered ") and lines[4].endswith(" are lost (limit 2 %)")


def test_ping_unreachable():
    """Nobody has the address; there is no route at all; a name that does not exist."""
    p = ping(r"""
allow()
ping(host="192.0.2.1")
sh("ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
sh("ip", "addr", "add", "192.0.2.2/24", "dev", "one")
sh("ip", "link", "set", "one", "up")
sh("ip", "link", "set", "two", "up")
ping(host="192.0.2.1", packets="5", spacing="1s", answer_timeout="100ms")
ping(host="nothing.invalid", answer_timeout="500ms")
ping(host="127.0.0.1", family="ipv6")
""")
    lines = p.stdout.splitlines()
    assert len(lines) == 4, p.stderr + p.stdout
    assert lines[0] == "CRITICAL no route to 192.0.2.1"
    assert lines[1] == "CRITICAL 192.0.2.1 does not answer (this host says: No route to host)" or "192.0.2.2 says: No route" in lines[1]
    assert "nothing.invalid" in lines[2] and lines[3].startswith("reason 127.0.0.1 has no address of the kind")


def test_ping_is_not_allowed():
    p = ping("r = ping()\nassert r.code == 13 and not r.items\n")  # a new name space allows no group
    assert p.stdout.startswith("reason the kernel does not allow the group 0 of this process to send ICMP"), p.stderr
    assert 'net.ipv4.ping_group_range is "' in p.stdout and "allow it by a line" in p.stdout


@pytest.mark.parametrize("options", [
    {}, {"host": "x", "packets": "0"}, {"host": "x", "packets": "101"}, {"host": "x", "loss_warning": "90%"}, {"host": "x", "size": "9000"},
    {"host": "x", "time_warning": "2s", "time_critical": "1s"}, {"host": "x", "family": "ipv5"}, {"host": "x", "spacing": "1ms"}])
def test_ping_options_that_contradict_each_other(options):
    r = run(None, "ping", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


# --- http

class Web(http.server.BaseHTTPRequestHandler):
    """Does what the path says: /status/503, /to/URL, /slow, /silent, /page, /large, /login, /echo."""
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def answer(self, status=200, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        kind, _, rest = self.path[1:].partition("/")
        if kind == "status":
            self.answer(int(rest), b"that went wrong")
        elif kind == "to":
            self.answer(302, Location=urllib.parse.unquote(rest))
        elif kind == "loop":
            self.answer(301, Location="/loop")
        elif kind == "silent":
            time.sleep(2)
        elif kind == "large":
            self.answer(200, b"x" * (1024 * 1024) + b"needle")
        elif kind == "login":
            good = self.headers.get("Authorization") == "Basic " + base64.b64encode(f"box:{PASSWORD}".encode()).decode()
            self.answer(200 if good else 401)
        elif kind == "echo":
            self.answer(200, repr((self.command, dict(self.headers),
                                   self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())).encode())
        else:
            self.answer(200, b"<h1>Hello\0 there</h1>")

    do_HEAD = do_POST = do_GET


@contextlib.contextmanager
def web(certificate=None, host="127.0.0.1"):
    class Http(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        def handle_error(self, *_):
            pass
    server = Http((host, 0), Web)
    server.seen = []
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.base = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(30)


def ask_web(url, **options):
    r = run(None, "http", {"url": url, "answer_timeout": "5s", **options})
    assert PASSWORD not in repr((r.items, r.evidence, r.reason))
    return r


@pytest.fixture(autouse=True)
def http_is_built(request):
    if request.node.name.startswith("test_http") and not (MODULES / "http.so").exists():
        pytest.skip("built without libcurl")


@pytest.mark.parametrize("path, options, state, text", [
    ("/", {}, "OK", "status 200, 21 B after "), ("/", {"expect": "there</h1>", "forbid": "error"}, "OK", ""),
    ("/", {"expect": "Goodbye"}, "CRITICAL", "the page does not contain 'Goodbye'"),
    ("/", {"forbid": "Hello"}, "CRITICAL", "the page contains 'Hello'"), ("/", {"method": "head"}, "OK", "status 200, 0 B"),
    ("/status/503", {}, "CRITICAL", "status 503, which is none of those expected"), ("/status/404", {"status": ["2xx", "404"]}, "OK", "404"),
    ("/status/204", {"status": "200-203"}, "CRITICAL", "status 204"), ("/status/401", {"status": "400-499"}, "OK", ""),
    ("/to/%2Fpage", {}, "OK", "status 200"), ("/to/%2Fpage", {"redirect": "same-host"}, "OK", "status 200"),
    ("/to/%2Fpage", {"redirect": "no"}, "CRITICAL", "status 302"), ("/to/%2Fpage", {"redirect": "no", "status": "302"}, "OK", "302"),
    ("/to/http%3A%2F%2Flocalhost%3A1%2F", {"redirect": "same-host"}, "CRITICAL", "it redirects to another host: http://localhost:1/"),
    ("/to/http%3A%2F%2Flocalhost%3A1%2F", {}, "CRITICAL", "http://localhost:1/: "),
    ("/to/file%3A%2F%2F%2Fetc%2Fpasswd", {}, "CRITICAL", ""),
    ("/loop", {}, "CRITICAL", "more than 5 redirects, the last one to "), ("/loop", {"redirect_max": "1"}, "CRITICAL", "more than 1 red"),
    ("/silent", {"answer_timeout": "300ms"}, "CRITICAL", "did not answer within 300 ms"),
    ("/", {"time_warning": "1us"}, "WARNING", "it took "), ("/", {"time_warning": "1us", "time_critical": "2us"}, "CRITICAL", "it took"),
    ("/large", {}, "OK", "1.00 MiB"), ("/large", {"expect": "needle"}, "CRITICAL", "(in its first MiB)"),
    ("/status/304", {"status": "304"}, "OK", "304")])
def test_http(path, options, state, text):
    with web() as s:
        r = ask_web(s.base + path, **options)
        assert r.one()[0] == state and text in r.one()[1], r.one()
        assert (r.evidence == {}) == (state == "OK") and r.number("time") > 0
        if state != "OK":
            assert r.evidence["c", "The requests"].startswith(s.base + path + " → ")
            assert "root:" not in repr(r.evidence)
        assert s.seen[0][2]["User-Agent"].startswith("tocsin/")


def test_http_requests():
    with web() as s:
        r = ask_web(s.base + "/echo", method="post", body="a=b", header=["X-One: 1", "Accept: text/plain"], expect="'a=b'")
        assert r.one()[0] == "OK", r.evidence
        assert s.seen[0][0] == "POST" and s.seen[0][2]["X-One"] == "1" and s.seen[0][2]["Accept"] == "text/plain"
        ask_web(s.base + "/page", method="head")
        assert s.seen[1][0] == "HEAD"
        assert ask_web(s.base + "/to/%2Fpage", method="post", body="x").one()[0] == "OK"
        assert [x[0] for x in s.seen[2:]] == ["POST", "GET"]
        del s.seen[2:]
        r = ask_web(f"http://www.example.org:{s.server_address[1]}/", address="127.0.0.1")
        assert r.one()[0] == "OK" and s.seen[2][2]["Host"].startswith("www.example.org:")
        r = ask_web("http://www.example.org/", proxy=s.base)
        assert r.one()[0] == "OK" and s.seen[3][1] == "http://www.example.org/"
        r = ask_web(f"http://localhost:{s.server_address[1]}/", family="ipv4")
        assert r.one()[0] == "OK"
        r = ask_web(s.base + "/status/500")
        assert "that went wrong" in r.evidence["c", "The answer (its beginning)"] and "HTTP/1.0 500" in repr(r.evidence)


def test_http_tls(authority, server_certificate):
    options = {"tls_ca_file": str(authority.ca_file)}
    with web(server_certificate) as s:
        r = ask_web(s.base, **options)
        assert r.one()[0] == "OK" and 364 * 86400 < r.number("certificate_left") <= 365 * 86400 and r.number("time_tls") > 0
        r = ask_web(s.base, certificate_warning="370d", **options)
        assert r.one()[0] == "WARNING" and "the certificate expires in 364 d" in r.one()[1]
        assert 'names: "localhost", "127.0.0.1"' in r.evidence["c", "The certificate"]
        assert ask_web(s.base, certificate_warning="370d", certificate_critical="366d", **options).one()[0] == "CRITICAL"
        r = ask_web(f"https://www.example.org:{s.server_address[1]}/", address="127.0.0.1", **options)
        assert r.one()[0] == "CRITICAL" and "www.example.org" in r.one()[1]
        r = ask_web(s.base)
        assert r.one()[0] == "CRITICAL" and "certificate" in r.one()[1].lower()
        assert ask_web(s.base, trust="no").one()[0] == "OK"
        r = ask_web(f"https://www.example.org:{s.server_address[1]}/", address="127.0.0.1", trust="no")
        assert r.one()[0] == "CRITICAL"
        r = ask_web(s.base, tls_ca_file="/nonexistent")
        assert r.items == {} and r.code and "/nonexistent cannot be used" in r.reason
    with web() as s:
        assert ask_web(s.base.replace("http:", "https:"), **options).one()[0] == "CRITICAL"


def test_http_expired(tmp_path):
    authority = certs.Authority(tmp_path)
    with web(authority.issue("over", expired=True)) as s:
        for trust in ("yes", "no"):
            r = ask_web(s.base, tls_ca_file=str(authority.ca_file), trust=trust)
            assert r.one()[0] == "CRITICAL" and "expired" in r.one()[1]


def test_http_login(authority, server_certificate, login):
    """The password goes to the host that it is for, not to where that one sends us."""
    options = {"tls_ca_file": str(authority.ca_file), **login}
    with web(server_certificate) as s, web(server_certificate) as other:
        assert ask_web(s.base + "/login", **options).one()[0] == "OK"
        assert ask_web(s.base + "/login", tls_ca_file=options["tls_ca_file"]).one()[1].startswith("status 401")
        elsewhere = other.base.replace("127.0.0.1", "localhost") + "/login"
        r = ask_web(s.base + "/to/" + urllib.parse.quote(elsewhere, safe=""), **options)
        assert r.one()[0] == "CRITICAL" and "status 401" in r.one()[1] and "Authorization" not in other.seen[0][2]
        assert "Authorization" in s.seen[-1][2]


def test_http_cannot_look():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        r = ask_web(f"http://127.0.0.1:{port}/")
    assert r.one()[0] == "CRITICAL" and "Failed to connect" in r.one()[1] and r.number("time") >= 0
    assert r.evidence["c", LISTENING].startswith(f"Nothing listens on port {port}, ")
    assert r.evidence["c", "The requests"] == f"http://127.0.0.1:{port}/ → no answer\n"
    r = ask_web("http://nothing.invalid/", answer_timeout="1s")
    assert "nothing.invalid: " in (r.reason or r.one()[1])
    r = ask_web("http://127.0.0.1/", username="x", password_file="/nonexistent")
    assert r.code == 22
    r = ask_web("https://127.0.0.1/", username="x", password_file="/nonexistent")
    assert (r.items, r.code) == ({}, 2) and "cannot be read" in r.reason
    assert run("load/good", "http", {"url": "http://localhost/"}).code == 95


@pytest.mark.parametrize("options", [
    {}, {"url": "ftp://x/"}, {"url": "http://"}, {"url": "http://x", "status": "2x"}, {"url": "http://x", "status": "299-200"},
    {"url": "http://x", "status": "20"}, {"url": "http://x", "status": "600"}, {"url": "http://x", "header": "X"},
    {"url": "http://x", "body": "x"}, {"url": "http://x", "method": "head", "expect": "x"}, {"url": "http://x", "address": "y"},
    {"url": "https://x", "username": "y"}, {"url": "http://x", "time_warning": "2s", "time_critical": "1s"}])
def test_http_options_that_contradict_each_other(options):
    r = run(None, "http", options)
    assert r.code in (22, 34) and r.reason and r.items == {}
