# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a real tocsind with a configuration of the test, and plays its service manager: owns NOTIFY_SOCKET, collects
what comes there and on standard error, and ends it by its process id.

It knows command lines and environment variables, and nothing of how the programs work inside."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

BUILD = pathlib.Path(os.environ.get("TOCSIN_BUILD", pathlib.Path(__file__).parents[2] / "build")).resolve()
MARK = "TOCSIN_TEST_MARK"
# Seconds from SIGTERM: the law says 5. The clock is that of a machine which is busy with other things too.
END_WITHIN = 8


def program(name):
    """The built program; libtool may have put a script there, which becomes the program by exec."""
    return str(BUILD / "src" / name)


class Victim:
    """A process that a check watches by its pidfile, and that the test may end."""

    def __init__(self, folder, name="victim"):
        self.name = name
        self.pidfile = pathlib.Path(folder) / f"{name}.pid"
        self._process = None

    def start(self):
        self._process = subprocess.Popen(["sleep", "900"], stdin=subprocess.DEVNULL)
        partial = self.pidfile.with_suffix(".new")
        partial.write_text(f"{self._process.pid}\n")
        partial.rename(self.pidfile)
        return self

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def check(self, **options):
        """Tests end it again and again: that alone is no fault."""
        return check(self.name, "process", **{"pidfile": self.pidfile, "restarts_warning": 0, **options})


class Probe:
    """A check that sees what the test says: a plugin that repeats a file."""

    SCRIPT = """#!/bin/sh
{ read -r status; cat; } < "$0.says"
[ "$status" = hang ] && exec sleep 900
exit "$status"
"""
    STATUS = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3, "hang": "hang"}

    def __init__(self, folder, name):
        self.name = name
        self._path = pathlib.Path(folder) / f"probe-{name}"
        self._path.write_text(self.SCRIPT)
        self._path.chmod(0o755)
        self.say("OK")

    def say(self, state, text=None):
        """TEXT is the first line of the plugin, perhaps with performance data."""
        partial = self._path.with_suffix(".new")
        partial.write_text(f"{self.STATUS[state]}\n{text or f'all the world says {state}'}\n")
        partial.rename(f"{self._path}.says")
        return self

    def check(self, **options):
        return check(self.name, "plugin", **{"command": self._path, **options})


def section(kind, name, **options):
    """An option whose value is a list is a line for each."""
    lines = [f"[{kind} {name}]"]
    for key, value in options.items():
        lines += [f"{key} = {v}" for v in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


def check(name, module, **options):
    return section("check", name, type=module, **options)


def recipient(name, **options):
    return section("recipient", name, **{"to": f"{name}@example.org", "reports": "no", **options})


def wait_until(is_true, what, timeout=60):
    """What IS_TRUE returns once that is true."""
    end = time.monotonic() + timeout
    while not (result := is_true()):
        assert time.monotonic() < end, f"waited {timeout} s for {what}"
        time.sleep(0.1)
    return result


class Setup:
    """A folder with configuration, secret, state and control socket, and the checks that a daemon may load."""

    def __init__(self, folder, server, ca_file):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "tocsin.conf"
        self.state = self.folder / "state.db"
        self.control = self.folder / "control"
        self.password_file = self.folder / "mail-password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(server.password + "\n")
        self.modules = self.folder / "checks"
        self.modules.mkdir()
        for path in (*BUILD.glob("checks/.libs/*.so"), *BUILD.glob("tests/modules/.libs/*.so")):
            (self.modules / path.name).symlink_to(path)
        self.mail = {"server": "localhost", "port": server.port_tls, "security": "tls", "username": server.username,
                     "password_file": self.password_file, "to": "ops@example.org", "tls_ca_file": ca_file,
                     "timeout": "5s"}
        # One bad look is enough and nothing is collected: the tests are about the way of a result, not about patience; and
        # what dies as often as a test wants it to is neither unstable nor too much mail.
        self.sections = {
            "tocsin": {"host": "testhost", "interval": "1s"},
            "report": {"every": "24h"},
            "alert": {"confirm": 1, "recover": 1, "unknown_confirm": 1, "retry_interval": "1s", "grace": "0s",
                      "group_wait": "0s", "group_second": "1s", "group_interval": "1s", "flap_count": 0,
                      "max_per_hour": 0, "max_per_day": 0},
        }

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TOCSIN_LIBEXEC_DIR": str(BUILD / "src"),
                "TOCSIN_CHECK_DIR": str(self.modules), MARK: str(self.folder),
                **{k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}}

    def write(self, *checks, text=""):
        parts = []
        sections = {**self.sections, **({"mail": self.mail} if self.mail else {})}
        for name, keys in sections.items():
            parts.append(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()))
        partial = self.config.with_suffix(".new")
        partial.write_text("\n".join([*parts, *checks, text]))
        partial.rename(self.config)

    def tocsin(self, *arguments, input="", timeout=60):
        """Runs the administrator's command line; returns the CompletedProcess."""
        return subprocess.run([program("tocsin"), *arguments], input=input, capture_output=True, text=True,
                              timeout=timeout, env={**self.environment(), "TOCSIN_CONTROL": str(self.control)})

    def status(self):
        """What `tocsin status` knows."""
        run = self.tocsin("status", "--json")
        return json.loads(run.stdout) if run.stdout else {"items": [], "silences": [], "outbox": []}

    def item(self, name):
        return next((i for i in self.status()["items"] if i["item"] == name), {})

    def wait_item(self, name, timeout=60, **values):
        """Waits until the item has these values, and returns it."""
        return wait_until(lambda: next((i for i in [self.item(name)] if i and all(i[k] == v for k, v in values.items())), None),
                          f"{name} with {values}", timeout)

    def tocsind(self, *arguments, timeout=60):
        """Runs tocsind for what ends by itself, like --check-config."""
        return subprocess.run([program("tocsind"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, env=self.environment())


class Daemon:
    def __init__(self, setup, watchdog_usec=None, prefix=()):
        """PREFIX is a command that ends in exec of what follows it."""
        self.setup = setup
        self.messages = []  # (key, value) of all notifications, in order
        self._log = []
        self._changed = threading.Condition()
        self._notify_path = str(setup.folder / "notify")
        environment = {**setup.environment(), "NOTIFY_SOCKET": self._notify_path}
        if watchdog_usec:
            environment["WATCHDOG_USEC"] = str(watchdog_usec)
        pathlib.Path(self._notify_path).unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._notify_path)
        self.process = subprocess.Popen(
            [*prefix, program("tocsind"), "--config", str(setup.config), "--state", str(setup.state),
             "--control", str(setup.control)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        self._threads = [threading.Thread(target=target, daemon=True)
                         for target in (self._read_notifications, self._read_log)]
        for thread in self._threads:
            thread.start()

    def _read_notifications(self):
        while True:
            datagram = self._socket.recv(65536).decode(errors="replace")
            if not datagram:  # _close() has shut it down, and all that came before has been read
                return
            with self._changed:
                for line in datagram.splitlines():
                    self.messages.append(tuple(line.partition("=")[::2]))
                self._changed.notify_all()

    def _read_log(self):
        for line in self.process.stderr:
            with self._changed:
                self._log.append(line.decode(errors="replace"))
                self._changed.notify_all()

    @property
    def log(self):
        with self._changed:
            return "".join(self._log)

    def _wait(self, what, is_true, timeout):
        """IS_TRUE is asked with the lock held, at each change."""
        end = time.monotonic() + timeout
        with self._changed:
            while not is_true():
                left = end - time.monotonic()
                if left <= 0 or self.process.poll() is not None and left < timeout - 2:
                    raise AssertionError(f"waited for {what}; exit status {self.process.poll()}\n"
                                         f"notifications: {self.messages[-20:]}\nlog:\n{''.join(self._log)}")
                self._changed.wait(min(left, 0.2))

    def wait_notified(self, key, pattern="", timeout=60, count=1):
        def is_there():
            return sum(1 for k, v in self.messages if k == key and re.search(pattern, v)) >= count
        self._wait(f"{count} × {key}={pattern!r}", is_there, timeout)
        return self

    def wait_log(self, pattern, timeout=60):
        self._wait(f"{pattern!r} on standard error", lambda: re.search(pattern, "".join(self._log), re.I), timeout)
        return self

    def wait_ready(self, timeout=60):
        return self.wait_notified("READY", "^1$", timeout)

    def notified(self, key):
        with self._changed:
            return [v for k, v in self.messages if k == key]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def leftovers(self):
        """Ids and command lines of processes that this daemon has left behind."""
        found = []
        mark = f"{MARK}={self.setup.folder}".encode()
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
            except OSError:
                pass
        return found

    def stop(self, timeout=20):
        """SIGTERM; returns how many seconds it took. Fails if it has to be killed, or if it leaves anything."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"tocsind did not end within {timeout} s of SIGTERM\n{self.log}") from None
        took = time.monotonic() - began
        self._close()
        end = time.monotonic() + 5
        while self.leftovers() and time.monotonic() < end:
            time.sleep(0.1)
        assert self.leftovers() == [], "processes outlived the daemon"
        return took

    def crash(self):
        """SIGKILL for the daemon alone: what it started is left to itself."""
        self.process.kill()
        self.process.wait()
        self._close()

    def kill(self):
        """For the end of a test that failed: the daemon, and what it started, by their ids."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid, _ in self.leftovers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._close()

    def _close(self):
        if self._socket:
            self._socket.shutdown(socket.SHUT_RD)
            notifications, log = self._threads
            notifications.join(60)  # it ends for certain; the log's end has to wait for the last process that holds it
            log.join(5)
            self._socket.close()
            self._socket = None
