# SPDX-License-Identifier: GPL-3.0-or-later
"""tocsin, msmtp and curl side by side: how long to the server's receipt? See README.md.

All three send the same mail to the same private Postfix (tests/e2e/postfix.py) through the same relay (relay.py), with
the same name, authorities and mechanism (PLAIN with its initial response, curl's --sasl-ir), in turn, so that a busy
machine is unfair to nobody. Round trips are exact; times are medians."""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import certs  # noqa: E402
import mailer_client  # noqa: E402
import postfix  # noqa: E402
import relay  # noqa: E402
from relay import CLIENT, SERVER  # noqa: E402

RECIPIENTS = ["ops@example.org", "night@example.org", "boss@example.org"]
SENDER = "10000@example.org"
# (name, port, security, is CHUNKING offered): the limit to the receipt, with TCP and TLS 1.3
LIMITS = {("465", "DATA"): 7, ("465", "BDAT"): 6, ("587", "DATA"): 9, ("587", "BDAT"): 8}
SYSTEM_AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def mail_text(number=1, size=3000):
    head = (f"From: tocsin <{SENDER}>\nTo: {', '.join(RECIPIENTS)}\nSubject: [web1] CRITICAL: disk / is 97 % full\n"
            f"Date: Mon, 01 Jan 2024 00:00:00 +0000\nMessage-ID: <{number}@web1.example.org>\nMIME-Version: 1.0\n"
            "Content-Type: text/plain; charset=us-ascii\n\n")
    line = "/dev/vda1 ext4 40 GiB, 1.2 GiB free, full in about 3 hours at this pace\n"
    return head + line * ((size - len(head)) // len(line))


class Server:
    """Postfix on four ports: as it is, and without CHUNKING. Mails are accepted and then held, so that deliveries of
    one run are no burden to the next."""

    def __init__(self, folder):
        self.authority = certs.Authority(folder / "ca")
        held = "-o {{ smtpd_client_restrictions = check_client_access static:hold }}"  # doubled for format()
        plain_words = "-o smtpd_discard_ehlo_keywords=chunking,silent-discard"
        self.ports, lines, master = {}, "", postfix.MASTER_CF
        for security, option in (("465", "smtpd_tls_wrappermode=yes"), ("587", "smtpd_tls_security_level=encrypt")):
            for words, more in (("BDAT", ""), ("DATA", plain_words)):
                port = self.ports[security, words] = postfix._free_port()
                lines += f"127.0.0.1:{port} inet n - n - - smtpd -o {option} {held} {more}\n"
        try:
            postfix.MASTER_CF = lines + master
            self.postfix = postfix.Postfix(self.authority.issue("server")).start()
        finally:
            postfix.MASTER_CF = master
        self.username, self.password = self.postfix.username, self.postfix.password

    def stop(self):
        self.postfix.stop()


class Client:
    """One way to send mail. run() returns what it cost in seconds: wall, cpu; and when it knew of the receipt."""

    def __init__(self, folder, server, authorities):
        self.folder, self.server, self.authorities = folder, server, authorities
        self.folder.mkdir(exist_ok=True)
        self.mail = folder / "mail"
        self.mail.write_text(mail_text())
        self.key_log = folder / "keys"

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder),
                "SSLKEYLOGFILE": str(self.key_log)}

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def execute(self, command):
        with open(self.mail) as mail, open(self.folder / "output", "wb") as output:
            begun = time.monotonic()
            process = subprocess.Popen(command, stdin=mail, stdout=output, stderr=output, env=self.environment())
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{command}: exit status {process.returncode}\n{(self.folder / 'output').read_text()}")
        return types.SimpleNamespace(begun=begun, wall=wall, cpu=usage.ru_utime + usage.ru_stime)


class Tocsin(Client):
    name = "tocsin send"

    def environment(self):
        return {**super().environment(), "TOCSIN_LIBEXEC_DIR": str(pathlib.Path(mailer_client.program()).parent),
                "TOCSIN_CHECK_DIR": str(pathlib.Path(mailer_client.program()).parent.parent / "checks" / ".libs"),
                **{k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}}

    def settings(self, port, security):
        return {"server": "localhost", "port": port, "security": "tls" if security == "465" else "starttls",
                "username": self.server.username, "password_file": self.write("password", self.server.password + "\n"),
                "auth": "plain", "from": SENDER, "to": "ops@example.org", "tls_ca_file": self.authorities}

    def run(self, port, security):
        text = "[tocsin]\nhost = web1.example.org\n[mail]\n"
        text += "".join(f"{k} = {v}\n" for k, v in self.settings(port, security).items())
        program = str(pathlib.Path(mailer_client.program()).parent / "tocsin")
        return self.execute([program, "send", "--raw", "--config", self.write("tocsin.conf", text), *RECIPIENTS])


class Standby(Tocsin):
    """The mailer as the daemon has it: started and loaded before there is anything to send."""
    name = "tocsin, standing by"

    def run(self, port, security, n_mails=1):
        mailer = mailer_client.Mailer(self.folder, self.environment())
        try:
            settings = self.settings(port, security)
            settings["from"] = SENDER
            mailer.load(settings, host="web1.example.org")
            for i in range(n_mails):
                mailer.mail(str(i), RECIPIENTS, mail_text(i + 1), SENDER)
            before, begun = self._cpu(mailer.pid), time.monotonic()
            results, first = self._run(mailer)
            wall, cpu = time.monotonic() - begun, self._cpu(mailer.pid) - before
            if [r[2] for r in results] != ["sent"] * len(RECIPIENTS) * n_mails:
                raise RuntimeError(f"not sent: {[r for r in results if r[2] != 'sent'][:3]}")
        finally:
            mailer.close()
        return types.SimpleNamespace(begun=begun, wall=wall, cpu=cpu, known=first - begun)

    @staticmethod
    def _cpu(pid):
        """Of the process, in nanoseconds, as its scheduler counts; what it resolved names with is its own child."""
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = (int(words[13]) + int(words[14])) / os.sysconf("SC_CLK_TCK")
        return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 + children

    @staticmethod
    def _run(mailer):
        """Results, and when the last of them came."""
        mailer.send("run", int(3600e6), "no")
        mailer.socket.settimeout(600)
        results, last = [], None
        while True:
            kind, fields = mailer.receive()
            if kind == "done":
                return results, last
            if kind == "result":
                results.append(fields)
                last = time.monotonic()


class Msmtp(Client):
    name = "msmtp"

    def run(self, port, security):
        text = (f"account default\nhost localhost\nport {port}\ntls on\ntls_trust_file {self.authorities}\n"
                f"tls_starttls {'off' if security == '465' else 'on'}\nauth plain\nuser {self.server.username}\n"
                f"password \"{self.server.password}\"\nfrom {SENDER}\ndomain web1.example.org\n")
        return self.execute(["msmtp", "-C", self.write("msmtprc", text), *RECIPIENTS])


class Curl(Client):
    name = "curl"

    def run(self, port, security, n_mails=1):
        scheme = "smtps" if security == "465" else "smtp"
        one = (f'url = "{scheme}://localhost:{port}/web1.example.org"\nssl-reqd\nsasl-ir\n'
               f'login-options = "AUTH=PLAIN"\nuser = "{self.server.username}:{self.server.password}"\n'
               f'cacert = "{self.authorities}"\nmail-from = "{SENDER}"\n'
               + "".join(f'mail-rcpt = "{r}"\n' for r in RECIPIENTS) + f'upload-file = "{self.mail_crlf()}"\n')
        # -q: not the ~/.curlrc; -s: no progress
        return self.execute(["curl", "-q", "-s", "-S", "-K", self.write("curlrc", "next\n".join([one] * n_mails))])

    def mail_crlf(self):
        # curl sends lines as they are unless it is asked for --crlf, which costs it time
        return self.write("mail.crlf", mail_text().replace("\n", "\r\n"))


CLIENTS = (Tocsin, Standby, Msmtp, Curl)


def measure(client, through, security, **options):
    """One run of a client."""
    client.key_log.unlink(missing_ok=True)
    run = client.run(through.port, security, **options)
    taken = through.take()
    if len(taken) != 1:
        raise RuntimeError(f"{client.name} made {len(taken)} connections")
    connection = taken[0]
    found = relay.dissect(connection, client.key_log)
    at = relay.receipts(found)
    run.receipts = len(at)
    run.round_trips = connection.round_trips(at[-1])
    run.receipt = connection.events[at[-1]][0] - run.begun
    run.bytes = connection.bytes(CLIENT), connection.bytes(SERVER)
    run.records = found.records[CLIENT], found.records[SERVER]
    run.texts = found.texts
    return run


# The tables.

def spread(values, form="{:.0f}"):
    low, high = form.format(min(values)), form.format(max(values))
    return f"{form.format(statistics.median(values))} ({low}–{high})"


def milliseconds(values):
    return spread([v * 1000 for v in values], "{:.1f}" if statistics.median(values) < 0.1 else "{:.0f}")


def row(words, runs):
    n = {r.round_trips for r in runs}
    return "| " + " | ".join([
        *words, "–".join(str(i) for i in sorted({min(n), max(n)})), milliseconds([r.receipt for r in runs]),
        milliseconds([r.wall for r in runs]), milliseconds([r.cpu for r in runs]),
        *(" + ".join(str(round(statistics.median(v))) for v in zip(*(getattr(r, what) for r in runs)))
          for what in ("bytes", "records"))]) + " |"


HEAD = ["round trips", "ms to the receipt", "ms in all", "CPU ms", "bytes out + in", "TLS records out + in"]


def head(*words):
    columns = [*words, *HEAD]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def one_mail(server, folder, authorities, delay, repeat, ports=tuple(LIMITS), clients=CLIENTS):
    """{(port, words, client's name): runs}"""
    relays = {key: relay.Relay(server.ports[key], delay) for key in ports}
    made = [c(folder / c.__name__.lower(), server, authorities) for c in clients]
    runs = {}
    try:
        for _ in range(repeat):
            for key in ports:
                for client in made:
                    runs.setdefault((*key, client.name), []).append(measure(client, relays[key], key[0]))
    finally:
        for r in relays.values():
            r.stop()
    return runs


def print_one_mail(runs):
    print(head("port", "server takes", "client"))
    for (port, words, name), list_ in runs.items():
        print(row([port, words, name], list_))


def many_mails(server, folder, authorities, delay, counts, words):
    """One connection; COUNTS: {client: how many}. Fewer than asked for are extrapolated by their mean."""
    through = relay.Relay(server.ports["465", words], delay)
    try:
        for make, n in counts.items():
            client = make(folder / make.__name__.lower(), server, authorities)
            yield client.name, n, measure(client, through, "465", n_mails=n)
    finally:
        through.stop()


def print_many(server, folder, authorities, delay, counts, n_single, words):
    print("| server takes | client | mails measured | s for 1,000 | CPU s for 1,000 | round trips a mail | bytes out a mail "
          "| TLS records out a mail |\n|---|---|---|---|---|---|---|---|")
    for name, n, run in many_mails(server, folder, authorities, delay, counts, words):
        assert run.receipts == n
        print(f"| {words} | {name} | {n} in one connection | {run.wall * 1000 / n:.1f} | {run.cpu * 1000 / n:.2f} | "
              f"{run.round_trips / n:.2f} | {run.bytes[0] / n:.0f} | {run.records[0] / n:.2f} |", flush=True)
    runs = one_mail(server, folder, authorities, delay, n_single, [("465", words)], [Msmtp])["465", words, "msmtp"]

    def mean(what):
        return statistics.mean(what(r) for r in runs)
    print(f"| {words} | msmtp | {n_single} single runs, it knows no other | {mean(lambda r: r.wall) * 1000:.1f} | "
          f"{mean(lambda r: r.cpu) * 1000:.2f} | {mean(lambda r: r.round_trips):.2f} | "
          f"{mean(lambda r: r.bytes[0]):.0f} | {mean(lambda r: r.records[0]):.2f} |", flush=True)


def version(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def describe(server):
    tocsin = str(pathlib.Path(mailer_client.program()).parent / "tocsin")
    print(f"{datetime.date.today()}; {os.cpu_count()} × {platform.machine()}, Linux {platform.release().split('-')[0]}; "
          f"{version(tocsin, '--version')}; {version('msmtp', '--version')}; "
          f"{' '.join(version('curl', '--version').split()[:2])}; "
          f"Postfix {version('postconf', '-d', '-h', 'mail_version')}\n")


def bundle(folder, server):
    """The system's authorities and ours: what a client reads that trusts the system."""
    path = folder / "system-and-ours.pem"
    path.write_text(SYSTEM_AUTHORITIES.read_text() + server.authority.ca_file.read_text())
    return path


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--delay", type=float, default=50, help="milliseconds each way (50)")
    p.add_argument("--repeat", type=int, default=9, help="runs of one mail (9)")
    p.add_argument("--mails", type=int, default=1000, help="mails through one connection (1000; 0: leave it out)")
    p.add_argument("--dialogue", action="store_true", help="show what one run of each client said, and end")
    return p.parse_args()


def show_dialogue(server, folder, delay):
    runs = one_mail(server, folder, server.authority.ca_file, delay, 1)
    for (port, words, name), (run,) in runs.items():
        print(f"\n=== {name}, port {port}, {words}: {run.round_trips} round trips")
        for number, who, text in run.texts:
            print(f"{number:3} {'>' if who == CLIENT else '<'} {text[:300]!r}")


def bench(arguments, server, folder):
    delay, n = arguments.delay / 1000, arguments.mails
    if arguments.dialogue:
        return show_dialogue(server, folder, delay)
    describe(server)
    ours = server.authority.ca_file
    print(f"\n### One mail to three recipients, {arguments.delay:g} ms each way\n")
    print_one_mail(one_mail(server, folder, ours, delay, arguments.repeat))
    print("\n### The same with the system's authorities to read, no distance\n")
    print_one_mail(one_mail(server, folder, bundle(folder, server), 0, arguments.repeat, [("465", "DATA"), ("465", "BDAT")]))
    for ms, share in ((0, 1), (arguments.delay, 20)) if n else ():
        print(f"\n### {n} mails through one connection, {ms:g} ms each way\n")
        for words in ("DATA", "BDAT"):
            print_many(server, folder, ours, ms / 1000, {Standby: n, Curl: max(n // share, 1)}, 20, words)


def main():
    arguments = parse_arguments()
    why_not = postfix.why_not() or next((f"{p} is not installed" for p in ("msmtp", "curl") if not shutil.which(p)), None)
    if why_not:
        sys.exit(f"the benchmark cannot run: {why_not}")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        server = Server(pathlib.Path(name))
        try:
            bench(arguments, server, pathlib.Path(name))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
