# SPDX-License-Identifier: GPL-3.0-or-later
"""What rspamd and SpamAssassin hold against a mail for its form: private instances that ask nobody on the network.

A mail is shown to them as the server of its reader would have it, with an envelope. What counts points because names, keys
and reputations cannot be asked for here is left out (ABOUT_THE_WAY); it says nothing of the mail."""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess

from harness import wait_until

ABOUT_THE_WAY = re.compile(r"HFILTER_|RDNS_|R_SPF|R_DKIM|DMARC|ARC_|DKIM|SPF_|AUTH_NA|NO_RECEIVED|NO_RELAYS|ONCE_RECEIVED|RCVD_")
HELO, ADDRESS = "web1.example.org", "192.0.2.10"

# Modules whose knowledge is elsewhere: lists in the DNS, Redis, other servers.
ELSEWHERE = ["antivirus", "arc", "asn", "bimi", "dcc", "dkim_signing", "dmarc", "fuzzy_check", "greylist", "history_redis", "mx_check",
             "neural", "phishing", "ratelimit", "rbl", "replies", "reputation", "rspamd_update", "surbl", "url_redirector", "whitelist"]

CONFIGURATION = """
.include "$CONFDIR/common.conf"
options {{
    url_tld = "{folder}/tld";  # before the other one, whose ten thousand suffixes take a minute
    .include "$CONFDIR/options.inc"
    filters = "chartable,regexp";
    disable_hyperscan = true;
    tempdir = "{folder}";
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.05s; retransmits = 1; }}
    control_socket = "{folder}/control mode=0600";
}}
logging {{ type = "console"; level = "info"; }}
worker "normal" {{ bind_socket = "{folder}/scan mode=0600"; count = 1; task_timeout = 60s; }}
"""


def why_no_spamassassin():
    return None if shutil.which("spamassassin") else "spamassassin is not installed"


def why_no_rspamd():
    if not shutil.which("rspamd"):
        return "rspamd is not installed"
    # Without a network its maps, which it would fetch, are as they were packaged.
    apart = subprocess.run(["unshare", "--net", "true"], capture_output=True)
    return None if apart.returncode == 0 and os.geteuid() == 0 else "a network namespace for rspamd needs root"


def _held_against(points):
    return {rule: score for rule, score in points.items() if score > 0 and not ABOUT_THE_WAY.match(rule)}


def spamassassin(*mails):
    """For each mail (bytes) {rule: points} of what is held against it. All at once, because most of its time is its start, and
    numbered, because it takes them in an order of its own."""
    mbox = b"".join(b"From ops@example.org Wed Nov 25 20:00:00 2026\nX-Number: %d\n%s\n" % (n, mail.replace(b"\r\n", b"\n"))
                    for n, mail in enumerate(mails))
    run = subprocess.run(["spamassassin", "--test-mode", "--local", "--mbox", "--nocreate-prefs", "--prefspath=/dev/null"],
                         input=mbox, capture_output=True, timeout=300)
    assert run.returncode == 0, run.stderr
    said = run.stdout.decode(errors="replace")
    reports = dict(zip(map(int, re.findall(r"^X-Number: (\d+)$", said, re.M)), said.split("pts rule name")[1:]))
    assert sorted(reports) == list(range(len(mails))), "it has not seen each of them"
    rules = [re.findall(r"^ ?(-?\d+\.\d) ([A-Z][A-Z0-9_]+) ", report, re.M) for _, report in sorted(reports.items())]
    assert all(rules), "it knows no rule that fits any mail"
    return [_held_against({rule: float(score) for score, rule in found}) for found in rules]


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Rspamd:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "override.d").mkdir()
        for module in ELSEWHERE:
            (self.folder / f"override.d/{module}.conf").write_text("enabled = false;\n")
        (self.folder / "tld").write_text("com\nnet\norg\ntest\n")
        (self.folder / "rspamd.conf").write_text(CONFIGURATION.format(folder=self.folder))
        self.socket, self._log = self.folder / "scan", self.folder / "log"
        variables = {"DBDIR": folder, "RUNDIR": folder, "LOGDIR": folder, "LOCAL_CONFDIR": folder}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--net", "rspamd", "--no-fork", "--insecure", "--config", self.folder / "rspamd.conf",
                 *(f"--var={name}={value}" for name, value in variables.items())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        wait_until(lambda: self._process.poll() is not None or self.socket.exists(), "rspamd", 120)
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        return self

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def symbols(self, mail):
        """{symbol: points} of all that it says of a mailcatcher.Mail."""
        connection = _Connection(str(self.socket))
        connection.request("POST", "/checkv2", body=mail.content, headers={
            "From": mail.sender, "Rcpt": mail.recipients[0], "Helo": HELO, "Hostname": HELO, "IP": ADDRESS})
        said = json.loads(connection.getresponse().read())
        connection.close()
        return {name: symbol["score"] for name, symbol in said["symbols"].items()}

    def held_against(self, mail):
        symbols = self.symbols(mail)
        assert "MIME_GOOD" in symbols or "MIME_TRACE" in symbols, f"it has not looked: {symbols}"
        return _held_against(symbols)
