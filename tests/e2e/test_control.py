# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket as a client that is not ours sees it: the Varlink wire format, and what happens to those who do
not keep to it."""

import json
import re
import socket
import stat

import pytest

import harness

INTERFACE = "org.tocsin.Control"


class Client:
    def __init__(self, setup):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(str(setup.control))
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next object; None when the daemon has closed."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, parameters=None, **more):
        self.send(json.dumps({"method": method, "parameters": parameters or {}, **more}).encode() + b"\0")
        return self.receive()


@pytest.fixture
def running(setup, daemon, catcher, victim):
    setup.write(victim.check())
    daemon(setup)
    catcher.wait()
    return setup


def test_socket_is_for_owner_and_group(running):
    mode = running.control.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_describes_itself(running):
    client = Client(running)
    info = client.call("org.varlink.service.GetInfo")["parameters"]
    assert INTERFACE in info["interfaces"] and info["vendor"] == "tocsin"
    text = client.call("org.varlink.service.GetInterfaceDescription", {"interface": INTERFACE})["parameters"]["description"]
    assert f"interface {INTERFACE}\n" in text
    for method in ("Status", "Check", "TestMail", "Reload"):
        assert f"method {method}(" in text


def test_its_description_is_read_by_systemd_too(running):
    """What varlinkctl of systemd 257 takes: no name twice, no array of what may be null, and every type is there."""
    text = Client(running).call("org.varlink.service.GetInterfaceDescription", {"interface": INTERFACE})["parameters"]["description"]
    text = re.sub(r"#.*", "", text)
    names = re.findall(r"^(?:type|method|error) (\w+)", text, re.M)
    assert len(names) > 30 and sorted(names) == sorted(set(names))
    assert "[]?" not in text
    types = set(re.findall(r"^type (\w+)", text, re.M)) | {"bool", "int", "float", "string", "object"}
    used = set(re.findall(r": [?\[\]]*(\w+)", text))
    assert {"Item", "ChartPoint"} < used <= types, used - types


def test_status_and_check(running, victim):
    client = Client(running)
    status = client.call(f"{INTERFACE}.Status")["parameters"]
    assert status["state"] == "OK" and status["host"] == "testhost"
    assert [(i["check"], i["state"]) for i in status["items"]] == [(victim.name, "OK")]
    checked = client.call(f"{INTERFACE}.Check", {"name": victim.name})["parameters"]
    assert checked["module"] == "process" and checked["error"] is None
    assert checked["items"][0]["state"] == "OK"


def test_check_by_the_command_line(running, victim):
    """One printer for both forms, and one exit status."""
    text, data = running.tocsin("check", victim.name), running.tocsin("check", victim.name, "--json")
    assert text.returncode == data.returncode == 0
    item, = json.loads(data.stdout)["items"]
    assert f"OK        {item['item']}: {item['text']}".split(", for ")[0] in text.stdout
    assert running.tocsin("check", "nobody", "--json").returncode == 3


@pytest.mark.parametrize("method, parameters, error", [
    (f"{INTERFACE}.Check", {"name": "nobody"}, f"{INTERFACE}.NoSuchCheck"),
    (f"{INTERFACE}.Check", {}, "org.varlink.service.InvalidParameter"),
    (f"{INTERFACE}.Check", {"name": 7}, "org.varlink.service.InvalidParameter"),
    (f"{INTERFACE}.Nothing", {}, "org.varlink.service.MethodNotFound"),
    ("org.example.Status", {}, "org.varlink.service.InterfaceNotFound"),
    ("Status", {}, "org.varlink.service.InterfaceNotFound"),
    ("", {}, "org.varlink.service.InterfaceNotFound"),
])
def test_errors_have_names(running, method, parameters, error):
    assert Client(running).call(method, parameters)["error"] == error


@pytest.mark.parametrize("data", [
    b"\0", b"{}\0", b"[]\0", b"nonsense\0", b'{"method": 7}\0', b'{"method": "x", "parameters": 1}\0', b"\xff\xfe\0",
    b'{"method": "a", "method": "b"}\0', b"[" * 60000 + b"\0", b"x" * 70000,
], ids=["empty", "no-method", "array", "no-json", "number", "parameters", "bytes", "twice", "deep", "too-large"])
def test_garbage_ends_the_connection_only(running, data):
    client = Client(running)
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert client.receive() is None
    assert "parameters" in Client(running).call(f"{INTERFACE}.Status")


def test_calls_may_come_in_pieces_and_in_a_row(running):
    client = Client(running)
    call = json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0"
    for byte in call:
        client.send(bytes([byte]))
    assert client.receive()["parameters"]["host"] == "testhost"
    client.send(call * 20)
    client.socket.shutdown(socket.SHUT_WR)
    for _ in range(20):
        assert client.receive()["parameters"]["host"] == "testhost"
    assert client.receive() is None


def test_oneway_gets_no_answer(running):
    client = Client(running)
    client.send(json.dumps({"method": f"{INTERFACE}.Status", "oneway": True}).encode() + b"\0")
    assert "interfaces" in client.call("org.varlink.service.GetInfo")["parameters"]


def test_client_that_goes_while_its_check_runs(running, victim):
    for _ in range(5):
        client = Client(running)
        client.send(json.dumps({"method": f"{INTERFACE}.Check", "parameters": {"name": victim.name}}).encode() + b"\0")
        client.socket.close()
    assert Client(running).call(f"{INTERFACE}.Check", {"name": victim.name})["parameters"]["items"]


def test_more_clients_than_there_is_room_for(running):
    clients = [Client(running) for _ in range(32)]
    assert all("parameters" in c.call(f"{INTERFACE}.Status") for c in clients)
    late = Client(running)
    try:
        late.send(b'{"method": "org.tocsin.Control.Status"}\0')
    except BrokenPipeError:
        pass
    assert late.receive() is None
    clients.pop().socket.close()


def test_client_that_does_not_read_harms_nobody(running):
    greedy = Client(running)
    greedy.socket.setblocking(False)
    call = json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0"
    try:
        for _ in range(2000):
            greedy.send(call)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    assert "parameters" in Client(running).call(f"{INTERFACE}.Status")


def test_test_mail_streams_its_dialogue(running, catcher):
    client = Client(running)
    client.send(json.dumps({"method": f"{INTERFACE}.TestMail", "parameters": {"dialogue": True}, "more": True}).encode()
                + b"\0")
    lines = []
    while (answer := client.receive()).get("continues"):
        lines.append((answer["parameters"]["direction"], answer["parameters"]["line"]))
    assert answer["parameters"]["results"][0]["outcome"] == "sent"
    assert any(direction == ">" and line.startswith("EHLO") for direction, line in lines)
    assert not any(catcher.password in line for _, line in lines)


def test_what_is_not_applicable_is_said_alike(setup, daemon):
    """By the daemon and past it: the same words and the same exit status."""
    setup.write(harness.check("none", "rogue", deed="absent"), harness.check("broken", "rogue", deed="fail"))
    daemon(setup)
    for check, words in (("none", "n/a       none: no such thing here\n"), ("broken", "UNKNOWN   broken: the door is\\nlocked\n")):
        asked = setup.tocsin("check", check)
        looked = setup.tocsin("--config", str(setup.config), "check", "--direct", check)
        assert asked.stdout == words and looked.stdout.startswith(words), asked.stdout + looked.stdout
        assert asked.returncode == looked.returncode == 3
        reply = json.loads(setup.tocsin("check", check, "--json").stdout)
        assert reply["not_applicable"] is (check == "none") and reply["items"] == []
