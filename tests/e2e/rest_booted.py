# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks "users" and "cgroup" against a real systemd and logind. test_checks_rest.py runs this file in a container; no
machine that somebody uses is the place for it."""
import os
import pathlib
import re
import select
import subprocess
import time

import pytest

from harness import wait_until
from test_checks import run
from unit_booted import watched


def users(options=None, is_enough=lambda r: True, timeout=30):
    end = time.monotonic() + timeout
    while True:
        r = run(None, "users", options)
        if is_enough(r) or time.monotonic() > end:
            return r
        time.sleep(0.1)


@pytest.fixture
def login():
    """Opens a session as login(1) and sshd do, by PAM; all are closed at the end."""
    units = []

    def open_session(user):
        units.append(f"login-{len(units)}.service")
        # What has no terminal is taken for a job in the background, unless it says so itself.
        subprocess.run(["systemd-run", "--quiet", f"--unit={units[-1]}", "--property=PAMName=login", f"--uid={user}",
                        "--setenv=XDG_SESSION_CLASS=user", "--setenv=XDG_SESSION_TYPE=tty", "sleep", "900"],
                       stdin=subprocess.DEVNULL, check=True, timeout=60)
        return units[-1]

    yield open_session
    for unit in units:
        subprocess.run(["systemctl", "stop", unit], stdin=subprocess.DEVNULL, check=False, timeout=60)
    users(is_enough=lambda r: r.number("sessions") == 0)


def test_users(login):
    r = users()
    assert r.one() == ("OK", "nobody is logged in") and len(r.watches) == 1
    unit = login("nobody")
    r = users({"allowed": "ops"}, lambda r: r.number("sessions") == 1)
    assert r.one()[0] == "CRITICAL" and r.one()[1].startswith("somebody is logged in who is not allowed: nobody")
    assert " since " in r.one()[1] and " pid " in r.evidence["c", "Who is logged in"]
    assert r.number("root") == 0 and r.number("users") == 1
    login("root")
    r = users({}, lambda r: r.number("root") == 1)
    assert r.one()[0] == "WARNING" and r.one()[1].startswith("root is logged in: root") and r.number("sessions") == 2
    subprocess.run(["systemctl", "stop", unit], check=True, timeout=60)
    assert users({}, lambda r: r.number("sessions") == 1).number("root") == 1


def as_nobody(script):
    environment = [f"{k}={v}" for k, v in os.environ.items() if k.startswith("TOCSIN_")]
    return subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "env", *environment, "/usr/bin/python3", "-c",
         "import sys; sys.path.insert(0, '/run/test/e2e'); from test_checks import run; " + script],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def test_users_by_a_user_of_no_rights(login):
    """As the service is: names, times and processes are told to everybody."""
    login("root")
    users({}, lambda r: r.number("root") == 1)
    done = as_nobody("r = run(None, 'users'); print(r.one()[1], r.reason)")
    assert done.stdout.startswith("root is logged in: root") and " since " in done.stdout, done


def test_users_wakes(login):
    users(is_enough=lambda r: r.number("sessions") == 0)
    fds = watched("users", {})
    poll = select.poll()
    poll.register(fds[0], select.POLLIN)
    poll.poll(200)
    login("nobody")
    assert poll.poll(30_000)
    os.close(fds[0])


def test_cgroup():
    r = run(None, "cgroup", {"cgroup": ["auto", "/init.scope", "/system.slice", "/system.slice/*journald*", "/nonesuch"]})
    assert r.items["/init.scope"][0] == "OK" and r.items["/nonesuch"][0] == "CRITICAL"
    assert r.number("groups", "c") > r.number("groups", "/system.slice/*journald*") == 1


def test_whose_a_listening_socket_is():
    """Also without the right to see its process, the unit can be told (Linux 5.7)."""
    script = "import socket, time; s = socket.create_server(('127.0.0.2', 4711)); print('listens', flush=True); time.sleep(900)"
    subprocess.run(["systemd-run", "--quiet", "--unit=listener.service", "/usr/bin/python3", "-c", script], check=True, timeout=60)
    try:
        wait_until(lambda: ":1267 " in pathlib.Path("/proc/net/tcp").read_text(), "the listener")
        done = as_nobody("r = run(None, 'tcp', {'host': '127.0.0.1', 'port': '4711'}); print(*r.evidence.values())")
        assert re.search(r"^127\.0\.0\.2:4711 +listener\.service, user root$", done.stdout, re.M), done
    finally:
        subprocess.run(["systemctl", "stop", "listener.service"], check=False, timeout=60)
