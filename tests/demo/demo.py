#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`./bootstrap demo`: tocsind watches this very host for half a minute and mails to an embedded mail server. It shows
what it does as it does it; no account is needed, nothing outside its temporary folder is changed, and only
processes that it started itself are ended."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import certs  # noqa: E402
import mailcatcher  # noqa: E402

CONFIG = """\
[tocsin]
host = {host}
interval = 10s

[mail]
server = localhost
port = {port}
security = tls
username = {username}
password_file = {folder}/mail-password
tls_ca_file = {ca_file}
to = you@example.org

[report]
every = 20s

[alert]
# short, so that a minute is enough; leave these three out in earnest
grace = 0s
recover = 1
group_second = 2s

[check load]
type = load

[check disk]
type = disk
path = auto

[check bell]
type = process
pidfile = {folder}/bell.pid
"""


class Screen:
    """Bold and dim on a terminal, plain text elsewhere."""

    def __init__(self):
        self.is_rich = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.width = max(60, min(shutil.get_terminal_size((80, 24)).columns, 100))
        self.began = time.monotonic()
        self._lock = threading.Lock()

    def _style(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_rich else text

    def _print(self, text=""):
        with self._lock:
            print(text, flush=True)

    def step(self, text):
        at = f"{time.monotonic() - self.began:5.1f} s  "
        lines = textwrap.wrap(text, self.width - len(at), break_long_words=False, break_on_hyphens=False)
        self._print("\n" + self._style("2", at) + ("\n" + " " * len(at)).join(self._style("1", l) for l in lines))

    def block(self, text, bar="│"):
        for line in text.rstrip("\n").split("\n"):
            self._print(f"         {self._style('2', bar)} {line}".rstrip())

    def mail(self, mail):
        how = "TLS" if mail.is_tls else "no TLS"
        head = [f"Subject: {self._style('1', mail.subject)}", f"From:    {mail.message['From']}",
                f"To:      {', '.join(mail.recipients)}"]
        self._print()
        self._print("         ┌─ " + self._style("2", f"{mail.path.name} ({how}, logged in as {mail.login})"))
        self.block("\n".join(head) + "\n\n" + mail.text)
        self._print("         └─")


class Bell:
    """The process that the check watches: ours, so we may end it."""

    def __init__(self, folder):
        self.pidfile = folder / "bell.pid"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL)
        partial = self.pidfile.with_suffix(".new")
        partial.write_text(f"{self.process.pid}\n")
        partial.rename(self.pidfile)
        return self.process.pid

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Demo:
    def __init__(self, build):
        self.build = build
        self.screen = Screen()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
        authority = certs.Authority(self.folder / "certificates")
        self.catcher = mailcatcher.MailCatcher(self.folder / "mails", authority.issue("server"))
        self.catcher.ca_file = authority.ca_file
        self.bell = Bell(self.folder)
        self.daemon = None
        self.log = self.folder / "tocsind.log"

    def write_config(self):
        password = self.folder / "mail-password"
        password.touch(mode=0o600)
        password.write_text(self.catcher.password + "\n")
        config = self.folder / "tocsin.conf"
        host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename) or "localhost"
        config.write_text(CONFIG.format(folder=self.folder, host=host, port=self.catcher.port_tls,
                                        username=self.catcher.username, ca_file=self.catcher.ca_file))
        return config

    def start_daemon(self, config):
        command = [str(self.build / "src/tocsind"), "--config", str(config), "--state", str(self.folder / "state.db"),
                   "--control", str(self.folder / "control")]
        environment = {**os.environ, "TOCSIN_LIBEXEC_DIR": str(self.build / "src"),
                       "TOCSIN_CHECK_DIR": str(self.build / "checks/.libs")}
        environment.pop("NOTIFY_SOCKET", None)
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        return command

    def expect(self, pattern, timeout, what):
        try:
            return self.catcher.wait(pattern, timeout)
        except AssertionError:
            log = self.log.read_text(errors="replace")
            raise SystemExit(f"\ndemo: {what} did not arrive within {timeout} s. tocsind said:\n{log}") from None

    def run(self):
        screen, catcher = self.screen, self.catcher
        screen.step(f"All files of this demonstration lie in {self.folder}")
        catcher.start()
        screen.step(f"A mail server listens on localhost, port {catcher.port_tls} (TLS, login needed). "
                    "It keeps each mail as a file and sends nothing on.")
        pid = self.bell.start()
        screen.step(f"A process to watch was started: sleep, pid {pid}")
        config = self.write_config()
        screen.step("The configuration:")
        screen.block(config.read_text())
        catcher.on_mail = screen.mail
        command = self.start_daemon(config)
        screen.step("Starting " + " ".join(command[:3]))
        self.expect("monitoring started", 30, "the first mail")

        time.sleep(1)
        screen.step(f"Ending the process that was started above (kill -KILL {pid})")
        killed = time.monotonic()
        self.bell.end()
        self.expect("CRITICAL", 30, "the alert")
        screen.step(f"The alert came {time.monotonic() - killed:.1f} s after the process ended")

        time.sleep(2)
        screen.step(f"Starting the process again, pid {self.bell.start()}")
        self.expect("RECOVERED", 30, "the mail about the recovery")
        screen.step("All is well again. Waiting for the status report that comes at every interval")
        self.expect(r"\] status ", 30, "the status report")

    def keep(self):
        self.screen.step("Still running; every further mail is shown. End with Ctrl-C.")
        print(f"         tocsind has pid {self.daemon.pid}, the watched process {self.bell.process.pid}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while self.daemon.poll() is None:
            time.sleep(0.5)

    def stop(self):
        self.catcher.on_mail = None
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(10)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.bell.end()
        self.catcher.stop()

    def summary(self):
        self.screen.step("The mails lie here as files, to be opened with any mail program:")
        self.screen.block("\n".join(str(mail.path) for mail in self.catcher.mails) or "none", bar=" ")
        self.screen.step(f"What tocsind said is in {self.log}; remove it all with: rm -r {self.folder}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the folder that it was built in")
    parser.add_argument("--keep", action="store_true", help="go on until Ctrl-C")
    arguments = parser.parse_args()
    demo = Demo(arguments.build.resolve())
    try:
        demo.run()
        if arguments.keep:
            demo.keep()
    except KeyboardInterrupt:
        print()
    finally:
        demo.stop()
    demo.summary()


if __name__ == "__main__":
    main()
