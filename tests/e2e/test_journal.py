# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon tells the journal: entries with fields, by the native protocol, to a socket of the test. And the catalog,
which explains them."""
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

import harness

SOURCE = pathlib.Path(__file__).parents[2]
# Standard error is a pipe here; who says that it is the journal gets entries.
AS_SERVICE = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) TOCSIN_JOURNAL_SOCKET=$0 exec "$@"'
IDS = dict(re.findall(r'#define MESSAGE_(\w+) "(\w+)"', (SOURCE / "src/message-id.h").read_text()))


class Journal:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._entries = []
        self.prefix = ("sh", "-c", AS_SERVICE, str(path))

    def entries(self, what, **fields):
        try:
            while True:
                entry = {}
                for line in self._socket.recv(65536).decode().splitlines():
                    name, _, value = line.partition("=")
                    entry.setdefault(name, []).append(value)
                self._entries.append(entry)
        except BlockingIOError:
            pass
        return [e for e in self._entries if e["MESSAGE_ID"] == [IDS[what]] and all(e[k] == [v] for k, v in fields.items())]

    def wait(self, what, **fields):
        return harness.wait_until(lambda: self.entries(what, **fields), f"{what} {fields} among {self._entries}")[0]


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal")


def test_an_event_has_fields(setup, daemon, journal, tmp_path):
    probe = harness.Probe(tmp_path, "probe").say("CRITICAL", "the sky falls | height=3.5m;5;4")
    setup.write(probe.check())
    d = daemon(setup, prefix=journal.prefix)
    journal.wait("STARTED", PRIORITY="5", SYSLOG_IDENTIFIER="tocsind")
    e = journal.wait("FAILS", EVENT="problem")
    item = setup.item(e["ITEM"][0])
    assert e["CHECK"] == ["probe"] and e["STATE"] == ["CRITICAL"] and e["PRIORITY"] == ["3"]
    assert e["INCIDENT"] == [str(item["incident"])] and e["VALUE"] == ["height=3.5m"]
    assert e["MESSAGE"][0].startswith("problem: CRITICAL: probe") and "the sky falls" in e["MESSAGE"][0]
    assert "problem: CRITICAL" not in d.log, "what the journal has as an entry is no line beside"
    probe.say("OK")
    e = journal.wait("WELL", CHECK="probe")
    assert e["STATE"] == ["OK"] and e["STATE_BEFORE"] == ["CRITICAL"] and e["PRIORITY"] == ["5"]
    assert d.stop() < harness.END_WITHIN
    journal.wait("STOPPING")


def test_mails_and_reloads_have_fields(setup, daemon, journal, catcher, tmp_path):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    d = daemon(setup, prefix=journal.prefix)
    queued = journal.wait("MAIL_QUEUED")
    sent = journal.wait("MAIL_SENT", MAIL=queued["MAIL"][0])
    assert sent["RECIPIENT"] == ["ops@example.org"] and sent["SUBJECT"] == queued["SUBJECT"] and sent["OUTCOME"] == ["sent"]
    d.reload()
    journal.wait("RELOADED")
    setup.write(probe.check(), text="[nonsense]\n")
    d.reload()
    journal.wait("RELOAD_REFUSED", PRIORITY="3")


def test_a_refusal_is_an_entry(setup, daemon, journal, tmp_path):
    setup.mail["server"], setup.mail["port"] = "127.0.0.1", 1
    setup.write(harness.Probe(tmp_path, "probe").check())
    daemon(setup, prefix=journal.prefix)
    e = journal.wait("MAIL_REFUSED", RECIPIENT="ops@example.org")
    assert e["OUTCOME"] == ["temporary"] and e["ANSWER"][0] and e["PRIORITY"] == ["4"]


def test_memory_mode_is_an_entry(setup, daemon, journal, tmp_path):
    setup.state = tmp_path / "no-such-folder" / "state.db"
    setup.write(harness.Probe(tmp_path, "probe").check())
    daemon(setup, prefix=journal.prefix)
    e = journal.wait("MEMORY_BEGINS", PRIORITY="3")
    assert e["REASON"][0] in e["MESSAGE"][0]
    setup.state.parent.mkdir()
    journal.wait("MEMORY_ENDS", PRIORITY="5")


def test_without_the_journal_there_are_lines(setup, daemon, tmp_path):
    setup.write(harness.Probe(tmp_path, "probe").say("CRITICAL").check())
    daemon(setup).wait_log("tocsind: watching testhost").wait_log("\ntocsind: problem: CRITICAL: probe")


# ---- the catalog ----

def catalog():
    """{(id, language): entry}"""
    text = (SOURCE / "conf/tocsin.catalog").read_text(encoding="utf-8")
    return {(i, language.strip()): body for i, language, body
            in re.findall(r"^-- (\w{32})( \w+)?\n(.*?)(?=^-- |\Z)", text, re.M | re.S)}


def test_each_entry_is_explained_in_both_languages():
    entries = catalog()
    assert set(entries) == {(i, language) for i in IDS.values() for language in ("", "zh_CN")}
    assert len(set(IDS.values())) == len(IDS)
    for (i, language), body in entries.items():
        head, _, words = body.partition("\n\n")
        assert [line.partition(":")[0] for line in head.splitlines()] == ["Subject", "Defined-By", "Documentation"]
        assert words.strip()
        assert bool(re.search("[\u4e00-\u9fff]", words)) == (language == "zh_CN")
        other = entries[i, "" if language else "zh_CN"]
        assert set(re.findall("@([A-Z_]+)@", body)) == set(re.findall("@([A-Z_]+)@", other)), f"{i}: other fields"


def test_the_catalog_names_fields_that_the_daemon_sends():
    sent = set()
    for path in SOURCE.glob("src/daemon*.c"):
        sent |= set(re.findall(r'{ "([A-Z_]+)", ', path.read_text()))
    for (i, _), body in catalog().items():
        assert set(re.findall("@([A-Z_]+)@", body)) <= sent, i


def test_journalctl_compiles_the_catalog(tmp_path):
    if not shutil.which("journalctl"):
        pytest.skip("journalctl is not installed")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(SOURCE / "conf/tocsin.catalog", folder)
    run = subprocess.run(["journalctl", f"--root={tmp_path}", "--update-catalog"], capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr, run.stderr
    run = subprocess.run(["journalctl", f"--root={tmp_path}", "--dump-catalog"], capture_output=True, text=True,
                         env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    assert run.returncode == 0
    assert sum(f"-- {i}" in run.stdout for i in IDS.values()) == len(IDS), run.stdout + run.stderr


def test_in_a_container(tmp_path):
    here = pathlib.Path(__file__).resolve().parent
    (tmp_path / "checks").mkdir()
    for name in ("tocsind", "tocsin-check", "tocsin-mail", "tocsin-store"):
        shutil.copy(harness.program(name), tmp_path)
    shutil.copy(harness.BUILD / "checks/.libs/process.so", tmp_path / "checks")
    shutil.copy(SOURCE / "conf/tocsin.catalog", tmp_path)
    shutil.copy(here / "entries_booted.py", tmp_path)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [here.parent / "system/container", tmp_path, "env", "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-m", "pytest", "-q",
         "-p", "no:cacheprovider", "--basetemp=/run/pytest", "/run/test/entries_booted.py"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode in (77, 125):  # not allowed, or systemd does not boot here
        pytest.skip(" ".join(done.stdout.split()[-30:]))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout
