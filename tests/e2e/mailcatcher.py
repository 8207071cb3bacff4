#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server that keeps every mail as a file and delivers none: implicit TLS on one port, STARTTLS on another,
AUTH PLAIN and LOGIN on both, on loopback only.

As a module it is the peer of the tests and can misbehave on request (MailCatcher.behave). As a program,
`mailcatcher.py FOLDER` prints one line of JSON with the ports, login and CA file, then one line for each mail, and ends
with its standard input or by a signal.

It is no model of a correct server: postfix.py runs a real one.
"""

import asyncio
import email
import email.policy
import json
import logging
import pathlib
import re
import socket
import ssl
import sys
import threading
import time
import warnings

from aiosmtpd.smtp import AuthResult, SMTP

import certs

# aiosmtpd warns of what is wanted here: AUTH without STARTTLS, on the port whose connections are TLS already.
warnings.filterwarnings("ignore", module="aiosmtpd")
logging.getLogger("mail.log").setLevel(logging.ERROR)

HOST = "127.0.0.1"
BEHAVIOURS = {
    "accept": None,
    "refuse": "550 5.1.1 no such user here",  # to each RCPT
    "defer": "450 4.2.1 mailbox busy, try again later",  # to each RCPT
    "defer-data": "451 4.3.0 cannot store it now",  # after the message
    "close": None,  # closes each connection at once
    "silent": None,  # accepts connections and never says a word
}


class Mail:
    """One mail as it was accepted: the envelope, the bytes, and how it came."""

    def __init__(self, envelope, session, path):
        self.path = path
        self.time = time.time()
        self.content = path.read_bytes()
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        self.refused = list(getattr(envelope, "refused", []))  # of the same transaction, for good
        self.is_tls = session.ssl is not None or bool(getattr(session, "is_implicit_tls", False))
        self.login = session.auth_data
        self.hello = session.host_name
        self.message = email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def subject(self):
        return str(self.message["Subject"])

    @property
    def text(self):
        part = self.message.get_body(preferencelist=("plain",))
        return part.get_content().replace("\r\n", "\n") if part else ""

    def __repr__(self):
        return f"<Mail {self.subject!r} to {self.recipients}>"


class _Handler:
    def __init__(self, catcher):
        self.catcher = catcher

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if self.catcher.refuses_sender:
            return self.catcher.refuses_sender
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 sender ok"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = self.catcher.answer_to(address)
        if answer:
            self.catcher.refusals.append((time.time(), address, answer))
            envelope.refused = getattr(envelope, "refused", []) + ([address] if answer.startswith("5") else [])
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        if self.catcher.behaviour == "defer-data":
            self.catcher.refusals.append((time.time(), "DATA", BEHAVIOURS["defer-data"]))
            return BEHAVIOURS[self.catcher.behaviour]
        server.kept = self.catcher.keep(envelope, session)
        return f"250 2.0.0 kept as {server.kept.path.name}"


class _Protocol(SMTP):
    """aiosmtpd's server, with the behaviours that a handler cannot show."""

    def __init__(self, catcher, is_implicit_tls, **options):
        self._catcher = catcher
        self._is_implicit_tls = is_implicit_tls
        self.kept = None  # the mail whose receipt comes next
        super().__init__(_Handler(catcher), **options)

    def connection_made(self, transport):
        self._catcher.connections += 1
        behaviour = self._catcher.behaviour
        if behaviour in ("close", "silent"):
            self._catcher.refusals.append((time.time(), "connection", behaviour))
        if behaviour == "close":
            transport.abort()
            return
        if behaviour == "silent":
            self._catcher.silent.append(transport)
            return
        super().connection_made(transport)
        if self.session:
            self.session.is_implicit_tls = self._is_implicit_tls

    async def push(self, status):
        await super().push(status)
        mail, self.kept = self.kept, None
        if mail and self._catcher.on_receipt:
            self._catcher.on_receipt(mail)

    def data_received(self, data):
        if self._catcher.behaviour != "silent":
            super().data_received(data)

    def eof_received(self):
        return super().eof_received() if self._reader_connected() else None

    def connection_lost(self, error):
        if self._reader_connected():
            super().connection_lost(error)

    def _reader_connected(self):
        return self.session is not None


def _listen(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((HOST, port))
    s.listen(50)
    return s


class MailCatcher:
    """Runs in a thread of its own. start() and stop() may be repeated; the ports stay the same."""

    def __init__(self, folder, certificate=None, username="10000@example.org", password="authorization code",
                 offers_starttls=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.username, self.password = username, password
        if certificate is None:
            authority = certs.Authority(self.folder / "certificates")
            certificate = authority.issue("server")
            self.ca_file = authority.ca_file
        self._certificate = certificate
        self._offers_starttls = offers_starttls  # False: a server, or somebody on the way, that hides it
        self.behaviour = "accept"
        self.mails = []
        self.restarts = []  # mails about nothing but the daemon's own crash: tests crash it often, and few are about that
        self.logins = []  # (name, password, right?) of each attempt
        self.connections = 0
        self.silent = []
        self.port_tls = self.port_starttls = 0
        self.on_mail = None  # called when a mail is kept, before its receipt …
        self.on_receipt = None  # … and when that is sent: both within the server
        self.refuses_sender = None  # what MAIL gets
        self.answers = {}  # by address: what RCPT gets whatever the behaviour is
        self.refusals = []  # (time, address, "DATA" or "connection", answer or behaviour)
        self._changed = threading.Condition()
        self._thread = None

    def behave(self, how):
        if how not in BEHAVIOURS:
            raise ValueError(how)
        self.behaviour = how

    def answer_to(self, address):
        """What RCPT gets when the address is not accepted, or None."""
        if address in self.answers:
            return self.answers[address]
        return BEHAVIOURS[self.behaviour] if self.behaviour in ("refuse", "defer") else None

    def keep(self, envelope, session):
        subject = str(email.message_from_bytes(envelope.original_content, policy=email.policy.default)["Subject"])
        slug = re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-")[:60]
        with self._changed:
            is_restart = re.search(r"\] tocsin restarted, did not end", subject)
            path = self.folder / f"{len(self.mails) + len(self.restarts) + 1:03d}-{slug or 'mail'}.eml"
            path.write_bytes(envelope.original_content)
            mail = Mail(envelope, session, path)
            (self.restarts if is_restart else self.mails).append(mail)
            self._changed.notify_all()
        if self.on_mail:
            self.on_mail(mail)
        return mail

    def wait(self, pattern="", timeout=60, after=0):
        """The first mail, from index AFTER on, whose subject matches; AssertionError after TIMEOUT seconds."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for mail in [*self.mails[after:], *(self.restarts if pattern else [])]:
                    if re.search(pattern, mail.subject):
                        return mail
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no mail with subject {pattern!r} within {timeout} s; came: {self.mails}, "
                                         f"connections: {self.connections}, logins: {len(self.logins)}")
                self._changed.wait(left)

    def _authenticate(self, server, session, envelope, mechanism, data):
        login = data.login.decode(errors="replace")
        password = data.password.decode(errors="replace")
        is_right = (login, password) == (self.username, self.password)
        self.logins.append((login, password, is_right))
        if not is_right:
            return AuthResult(success=False, handled=False, message="535 5.7.8 authentication failed")
        return AuthResult(success=True, auth_data=login)

    def _protocol(self, is_implicit_tls, context):
        options = {"hostname": "catcher.example", "ident": "mailcatcher", "authenticator": self._authenticate,
                   "auth_required": True, "auth_exclude_mechanism": [], "loop": self._loop}
        if is_implicit_tls or not self._offers_starttls:
            options["auth_require_tls"] = False
        else:
            options.update(tls_context=context, require_starttls=True, auth_require_tls=True)
        return _Protocol(self, is_implicit_tls, **options)

    def _context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._certificate)
        return context

    def start(self):
        sockets = _listen(self.port_tls), _listen(self.port_starttls)
        self.port_tls, self.port_starttls = (s.getsockname()[1] for s in sockets)
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(sockets, started), daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def _run(self, sockets, started):
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # a peer that went is the test's business
        self._stop = asyncio.Event()
        self._loop.run_until_complete(self._serve(sockets, started))
        self._loop.close()

    async def _serve(self, sockets, started):
        context = self._context()
        servers = [
            await self._loop.create_server(lambda: self._protocol(True, context), sock=sockets[0], ssl=context),
            await self._loop.create_server(lambda: self._protocol(False, context), sock=sockets[1]),
        ]
        started.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        for transport in self.silent:
            transport.abort()
        self.silent.clear()
        await asyncio.wait(others, timeout=2) if others else None

    def stop(self):
        """Nothing listens any more: connections are refused."""
        if self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
        self._thread = None


def main():
    if len(sys.argv) != 2:
        print("usage: mailcatcher.py FOLDER", file=sys.stderr)
        return 64
    catcher = MailCatcher(sys.argv[1])
    catcher.on_mail = lambda mail: print(
        json.dumps({"file": str(mail.path), "subject": mail.subject, "to": mail.recipients}), flush=True)
    catcher.start()
    print(json.dumps({"host": "localhost", "tls": catcher.port_tls, "starttls": catcher.port_starttls,
                      "username": catcher.username, "password": catcher.password,
                      "ca_file": str(catcher.ca_file)}), flush=True)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    catcher.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
