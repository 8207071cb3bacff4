# SPDX-License-Identifier: GPL-3.0-or-later
"""A distance on loopback: a TCP relay that makes each way take its time, and keeps what went by.

The kernel accepts a connection on loopback at once, so the time of the TCP handshake is added behind it: what the
client sends is taken as sent one round trip after it connected, and the server is connected to half a round trip later.
The end of what a client sees is then as if all of it had been far away. There is no limit to the bandwidth.

Round trips are counted at the client's end, where cause and effect are in order: one for TCP, and one each time bytes
from the server come behind bytes from the client (or first). Two packets that the client sent without waiting are one,
whatever the server did in between.

TLS 1.3 is opened afterwards with the client's key log (SSLKEYLOGFILE), for the one thing that matters: with which bytes
did the receipt come?"""

import asyncio
import re
import socket
import threading
import time
import types

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CLIENT, SERVER = "client", "server"  # who sent it
HANDSHAKE, APPLICATION_DATA, ALERT = 22, 23, 21


class Connection:
    """One connection as the client saw it: events are (time, who sent, bytes)."""

    def __init__(self):
        self.begun = time.monotonic()
        self.ended = None
        self.events = []

    def bytes(self, who):
        return sum(len(data) for _, w, data in self.events if w == who)

    def round_trips(self, until=None):
        """To the event with the number UNTIL, inclusive; None: all of them."""
        n, last = 1, CLIENT
        for _, who, _ in self.events[:None if until is None else until + 1]:
            n += who == SERVER and last == CLIENT
            last = who
        return n


def _acknowledge(reader):
    """Linux delays acknowledgements, by Nagle's algorithm the other side waits for them: 40 ms that are of this relay's
    making, not of the distance (tcp(7), TCP_QUICKACK; it does not last)."""
    reader._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class Relay:
    def __init__(self, port, delay):
        self.delay = delay
        self.connections = []
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._relay, "127.0.0.1", 0, backlog=16), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _pump(self, who, reader, there, connection, not_before):
        """Bytes keep their order and their distance. The queue is what is on its way to THERE, a future writer."""
        queue = asyncio.Queue()

        async def deliver():
            writer = await there
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - time.monotonic())
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                if who == SERVER:
                    connection.events.append((time.monotonic(), who, data))
                writer.write(data)
                await writer.drain()

        delivery = asyncio.ensure_future(deliver())
        try:
            while True:
                _acknowledge(reader)
                data = await reader.read(65536)
                sent = max(time.monotonic(), not_before)
                if data and who == CLIENT:
                    connection.events.append((sent, who, data))
                queue.put_nowait((sent + self.delay, data))
                if not data:
                    return await delivery
        except OSError:  # reset by one side: so it is for the other
            delivery.cancel()
            (await there).transport.abort()

    async def _relay(self, reader, writer):
        connection = Connection()
        self.connections.append(connection)
        here, there = self._loop.create_future(), self._loop.create_future()
        here.set_result(writer)
        outward = asyncio.ensure_future(
            self._pump(CLIENT, reader, there, connection, connection.begun + 2 * self.delay))
        await asyncio.sleep(3 * self.delay)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        there.set_result(there_writer)
        try:
            await asyncio.gather(outward, self._pump(SERVER, there_reader, here, connection, 0),
                                 return_exceptions=True)
        finally:
            for w in (writer, there_writer):
                w.close()
            connection.ended = time.monotonic()

    def take(self, timeout=20):
        """The connections since the last call, when they are over."""
        end = time.monotonic() + timeout
        while any(c.ended is None for c in self.connections) and time.monotonic() < end:
            time.sleep(0.005)
        taken, self.connections = self.connections, []
        return taken

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._server.close()
        self._loop.close()


# What went by.

def _expand(secret, label, length, hash):
    label = b"tls13 " + label  # HKDF-Expand-Label, RFC 8446, 7.1
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(hash, length, info).derive(secret)


CIPHERS = {0x1301: (aead.AESGCM, 16, hashes.SHA256), 0x1302: (aead.AESGCM, 32, hashes.SHA384),
           0x1303: (aead.ChaCha20Poly1305, 32, hashes.SHA256)}


class _Keys:
    """The keys of one direction: of the handshake, then of the data."""

    def __init__(self, secrets, cipher):
        make, size, hash = CIPHERS[cipher]
        self._keys = [(make(_expand(s, b"key", size, hash())), _expand(s, b"iv", 12, hash())) for s in secrets]
        self._n = 0

    def open(self, header, body):
        while True:
            key, iv = self._keys[0]
            nonce = (int.from_bytes(iv, "big") ^ self._n).to_bytes(12, "big")
            try:
                inner = key.decrypt(nonce, body, header).rstrip(b"\0")
                self._n += 1
                return inner[-1], inner[:-1]
            except InvalidTag:
                if len(self._keys) == 1:
                    raise
                del self._keys[0]
                self._n = 0


def _key_log(path):
    """{client random: {label: secret}}"""
    log = {}
    for line in open(path):
        words = line.split()
        if len(words) == 3 and not line.startswith("#"):
            log.setdefault(bytes.fromhex(words[1]), {})[words[0]] = bytes.fromhex(words[2])
    return log


def _server_cipher(hello):
    session = 4 + 2 + 32  # handshake header, version, random
    at = session + 1 + hello[session]
    return int.from_bytes(hello[at:at + 2], "big")


def dissect(connection, key_log):
    """What a connection was made of: records of each side, the texts, and which event held each."""
    found = types.SimpleNamespace(records={CLIENT: 0, SERVER: 0}, texts=[])
    pending, is_tls, keys = {CLIENT: b"", SERVER: b""}, {CLIENT: False, SERVER: False}, {}
    log, secrets = _key_log(key_log), None
    for number, (_, who, data) in enumerate(connection.events):
        # Both sides wait before they change from plain text to TLS, so that a record begins an event.
        if not is_tls[who] and data[:2] == b"\x16\x03":
            is_tls[who] = True
        if not is_tls[who]:
            found.texts.append((number, who, data))
            continue
        pending[who] += data
        while len(pending[who]) >= 5:
            header, length = pending[who][:5], int.from_bytes(pending[who][3:5], "big")
            if len(pending[who]) < 5 + length:
                break
            body, pending[who] = pending[who][5:5 + length], pending[who][5 + length:]
            found.records[who] += 1
            kind = header[0]
            if kind == HANDSHAKE and who == CLIENT:
                secrets = log[body[6:38]]
            elif kind == HANDSHAKE:
                cipher = _server_cipher(body)
                for side in (CLIENT, SERVER):
                    keys[side] = _Keys([secrets[f"{side.upper()}_HANDSHAKE_TRAFFIC_SECRET"],
                                        secrets[f"{side.upper()}_TRAFFIC_SECRET_0"]], cipher)
            elif kind == APPLICATION_DATA:
                kind, text = keys[who].open(header, body)
                if kind == APPLICATION_DATA:
                    found.texts.append((number, who, text))
    return found


RECEIPT = re.compile(rb"^250 [^\r\n]*queued as", re.M)


def receipts(found):
    """The numbers of the events with which Postfix's receipts were whole."""
    numbers, text = [], b""
    for number, who, data in found.texts:
        if who != SERVER:
            continue
        text += data
        whole = text.rfind(b"\n") + 1
        numbers += [number] * len(RECEIPT.findall(text[:whole]))
        text = text[whole:]
    return numbers
