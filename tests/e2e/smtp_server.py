# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted SMTP server for what needs real sockets: it does the ordinary thing at each stage, except where it is told
to answer otherwise, drip, be silent, reset or close. Threads on loopback; not a server that delivers anything.

Stages: connect greeting ehlo starttls auth mail rcpt data content (the end of the data) quit. An action for a stage is
a reply ("550 5.1.1 no"), one of the words below, a function of the line that returns an action, or a list of actions,
one for each time."""

import base64
import socket
import ssl
import struct
import threading
import time

SILENCE, RESET, CLOSE, DRIP = "silence", "reset", "close", "drip"


class Gone(Exception):
    """The conversation is over."""


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def send(self, text):
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise Gone
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def wait_for_end(self):
        while self.sock.recv(65536):
            pass
        raise Gone

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # under TLS too the socket goes without a word
        socket.socket.close(self.sock)
        raise Gone

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        raise Gone


class SmtpServer:
    def __init__(self, certificate=None, tls=False, starttls=False, users=None, mechanisms="PLAIN LOGIN", at=None,
                 host="127.0.0.1", client_authority=None, extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")):
        self.tls, self.starttls, self.users, self.mechanisms = tls, starttls, users, mechanisms
        self.at = dict(at or {})
        self.extensions = extensions
        self.mails = []  # (sender, [recipients], content)
        self.lines = []  # what clients said, without contents
        self.connections = 0
        self.logins = []
        self.peers = []  # the addresses that clients came from
        self.names = []  # that clients asked for in the handshake (SNI)
        self.clients = []  # the subjects of their certificates
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
            self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        if client_authority:
            self.context.load_verify_locations(client_authority)
            self.context.verify_mode = ssl.CERT_REQUIRED
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for s in self.sockets:
            try:
                socket.socket.shutdown(s, socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            sock.settimeout(30)
            self.sockets.append(sock)
            self.connections += 1
            self.peers.append(peer[0])
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        c = Connection(sock)
        try:
            self._do(c, "connect", "")
            if self.tls:
                c.sock = self.context.wrap_socket(sock, server_side=True)
                self.sockets.append(c.sock)
                self.clients.append((c.sock.getpeercert() or {}).get("subject"))
            self._talk(c)
        except (Gone, OSError, ssl.SSLError, ValueError):
            pass
        finally:
            try:
                c.sock.close()
            except OSError:
                pass

    def _action(self, stage, line):
        action = self.at.get(stage)
        if isinstance(action, list):
            action = action.pop(0) if action else None
        return action(line) if callable(action) else action

    def _do(self, c, stage, default, line=b"", first=lambda: None):
        """Answers; returns whether the ordinary thing was done. FIRST is done before that is answered."""
        action = self._action(stage, line)
        if action == SILENCE:
            c.wait_for_end()
        elif action == RESET:
            c.reset()
        elif action == CLOSE:
            c.close()
        elif action == DRIP:
            for byte in (default or "220 x\r\n"):
                c.send(byte)
                time.sleep(0.3)
            c.wait_for_end()
        elif action is not None:
            c.send(action + "\r\n")
            return False
        elif default:
            first()
            c.send(default)
        return True

    def _capabilities(self, c):
        words = list(self.extensions)
        encrypted = isinstance(c.sock, ssl.SSLSocket)
        if self.starttls and not encrypted:
            words.append("STARTTLS")
        if self.users is not None and (encrypted or not self.starttls):
            words.append("AUTH " + self.mechanisms)
        lines = ["mail.test at your service"] + words
        return "".join(f"250{'-' if i < len(lines) - 1 else ' '}{l}\r\n" for i, l in enumerate(lines))

    def _talk(self, c):
        envelope = {"sender": None, "recipients": []}
        self._do(c, "greeting", "220 mail.test ESMTP\r\n")
        while True:
            line = c.line()
            self.lines.append(line.decode("utf-8", "replace"))
            verb = line.split(b" ")[0].upper().decode("ascii", "replace")
            getattr(self, "_on_" + verb.lower(), self._on_unknown)(c, line, envelope)

    def _on_unknown(self, c, line, envelope):
        c.send("502 5.5.1 what?\r\n")

    def _on_ehlo(self, c, line, envelope):
        self._do(c, "ehlo", self._capabilities(c), line)

    def _on_starttls(self, c, line, envelope):
        if self._do(c, "starttls", "220 2.0.0 go ahead\r\n", line):
            c.sock = self.context.wrap_socket(c.sock, server_side=True)
            self.sockets.append(c.sock)

    def _on_auth(self, c, line, envelope):
        words = line.decode().split(" ")
        if words[1] == "LOGIN":
            c.send("334 VXNlcm5hbWU6\r\n")
            user = base64.b64decode(c.line()).decode()
            c.send("334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(c.line()).decode()
        elif words[1] == "EXTERNAL":
            user, password = "", None
        elif words[1] == "XOAUTH2":
            fields = base64.b64decode(words[2]).decode().split("\x01")
            user, password = fields[0][5:], fields[1].rsplit(" ", 1)[1]
        else:
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        self.logins.append((user, password))
        good = self.users.get(user) == password
        self._do(c, "auth", "235 2.7.0 welcome\r\n" if good else "535 5.7.8 authentication failed\r\n", line)

    def _on_mail(self, c, line, envelope):
        if self._do(c, "mail", "250 2.1.0 ok\r\n", line):
            envelope["sender"] = line[line.index(b"<") + 1:line.index(b">")].decode()
            envelope["recipients"] = []

    def _on_rcpt(self, c, line, envelope):
        if self._do(c, "rcpt", "250 2.1.5 ok\r\n", line):
            envelope["recipients"].append(line[line.index(b"<") + 1:line.index(b">")].decode())

    def _on_data(self, c, line, envelope):
        if not envelope["recipients"]:
            c.send("554 5.5.1 no valid recipients\r\n")
            return
        if not self._do(c, "data", "354 go ahead\r\n", line):
            return
        content = []
        while (text := c.line()) != b".":
            content.append(text[1:] if text.startswith(b".") else text)
        mail = (envelope["sender"], list(envelope["recipients"]), b"\r\n".join(content))
        # Before it says so: who reads that the mail was taken finds it.
        self._do(c, "content", "250 2.0.0 taken\r\n", line, first=lambda: self.mails.append(mail))

    def _on_rset(self, c, line, envelope):
        c.send("250 2.0.0 ok\r\n")

    def _on_quit(self, c, line, envelope):
        self._do(c, "quit", "221 2.0.0 bye\r\n", line)
        raise Gone
