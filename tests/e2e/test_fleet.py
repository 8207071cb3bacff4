# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts: the file for node_exporter, the rules for Prometheus, and all three of Prometheus' programs on loopback; and
the sign of life for a dead man's switch."""
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.request

import pytest

import harness

SOURCE = pathlib.Path(__file__).parents[2]
RULES = SOURCE / "conf/prometheus/tocsin.rules.yml"


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {' '.join(missing)}")


def samples(text):
    """{'name{labels}': value}"""
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


@pytest.fixture
def textfile(setup, tmp_path):
    (tmp_path / "textfile").mkdir()
    path = tmp_path / "textfile/tocsin.prom"
    setup.sections["metrics"] = {"textfile": path, "every": "1s"}
    return path


def read(path):
    return samples(path.read_text()) if path.exists() else {}


# ---- the file ----

def test_the_file_says_what_the_daemon_knows(setup, daemon, textfile, tmp_path, catcher):
    probe = harness.Probe(tmp_path, 'probe').say("WARNING", "so so | 'a \"b\" \\'=3.5m;5;4")
    setup.write(probe.check(), harness.check("gone", "process", pidfile=tmp_path / "nonesuch"))
    daemon(setup)
    item = harness.wait_until(
        lambda: (m := read(textfile)) and m.get('tocsin_item_state{check="probe",item="probe",type="plugin"}') == 1 and
        m.get("tocsin_mail_last_success_timestamp_seconds") and m, "a file that knows of the problem and of a mail")
    assert item['tocsin_item_last_state{check="probe",item="probe",type="plugin"}'] == 1
    assert [v for k, v in item.items() if k.startswith('tocsin_item_state{check="gone"')] == [2]
    assert item[r'tocsin_item_value{check="probe",item="probe",metric="a \"b\" \\",unit="m"}'] == 3.5
    assert item['tocsin_build_info{version="0.1.0"}'] == 1 and item["tocsin_incidents_open"] == 2
    assert item["tocsin_mail_configured"] == 1 and item["tocsin_state_file_written"] == 1
    now = time.time()
    assert now - 60 < item['tocsin_check_last_run_timestamp_seconds{check="probe",type="plugin"}'] <= now
    assert 0 < item['tocsin_check_duration_seconds{check="probe",type="plugin"}'] < 60
    assert item['tocsin_check_interval_seconds{check="probe",type="plugin"}'] == 1
    assert item['tocsin_item_acknowledged{check="probe",item="probe",type="plugin"}'] == 0
    assert now - 60 < item["tocsin_mail_last_success_timestamp_seconds"] <= now
    probe.say("OK")
    harness.wait_until(lambda: read(textfile).get('tocsin_item_state{check="probe",item="probe",type="plugin"}') == 0,
                       "the recovery in the file")
    assert stat.S_IMODE(textfile.stat().st_mode) == 0o644
    assert [p.name for p in textfile.parent.glob("*.prom")] == ["tocsin.prom"]


@needs("promtool")
def test_promtool_finds_nothing(setup, daemon, textfile, tmp_path):
    setup.write(harness.Probe(tmp_path, "probe").say("CRITICAL", "bad | x=1").check(), harness.check("load", "load"),
                harness.check("disk", "disk"))
    daemon(setup)
    harness.wait_until(lambda: any(k.startswith("tocsin_item_value{check=\"disk\"") for k in read(textfile)), "metrics of disks")
    run = subprocess.run(["promtool", "check", "metrics"], input=textfile.read_text(), capture_output=True, text=True)
    assert run.returncode == 0 and not run.stdout + run.stderr, run.stdout + run.stderr


def test_a_folder_that_is_not_there_stops_nothing(setup, daemon, textfile, tmp_path, catcher):
    textfile.parent.rmdir()
    setup.write(harness.Probe(tmp_path, "probe").say("CRITICAL").check())
    d = daemon(setup).wait_log(r"\[metrics\]: .*tocsin.prom cannot be written: No such file")
    setup.wait_item("probe", state="CRITICAL")
    time.sleep(2.5)
    assert d.log.count("cannot be written") == 1, "it is said once"
    textfile.parent.mkdir()
    d.wait_log(r"\[metrics\]: it works again")
    assert read(textfile)
    assert d.stop() < harness.END_WITHIN


def test_a_helper_that_died_is_replaced(setup, daemon, textfile, tmp_path):
    setup.write(harness.Probe(tmp_path, "probe").check())
    d = daemon(setup)
    harness.wait_until(lambda: read(textfile), "the first file")
    pid = next(pid for pid, words in d.leftovers() if words.startswith("tocsin-metrics"))
    os.kill(pid, signal.SIGKILL)
    textfile.unlink()
    harness.wait_until(lambda: read(textfile), "a file by another helper")


def test_a_helper_that_hangs_stops_nothing(setup, daemon, textfile, tmp_path, catcher):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    d = daemon(setup)
    harness.wait_until(lambda: read(textfile), "the first file")
    pid = next(pid for pid, words in d.leftovers() if words.startswith("tocsin-metrics"))
    os.kill(pid, signal.SIGSTOP)
    probe.say("CRITICAL")
    setup.wait_item("probe", state="CRITICAL")
    d.wait_log("tocsin-metrics gave no answer within its time limit")
    d.wait_log("it works again")
    assert d.stop() < harness.END_WITHIN


def test_a_reload_moves_and_ends_it(setup, daemon, textfile, tmp_path):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    d = daemon(setup)
    harness.wait_until(lambda: read(textfile), "the first file")
    other = textfile.with_name("other.prom")
    setup.sections["metrics"]["textfile"] = other
    setup.write(probe.check())
    d.reload()
    harness.wait_until(lambda: read(other), "the other file")
    del setup.sections["metrics"]
    setup.write(probe.check())
    d.reload()
    harness.wait_until(lambda: not any(w.startswith("tocsin-metrics") for _, w in d.leftovers()), "the end of the helper")
    other.unlink()
    time.sleep(1.5)
    assert not other.exists()


# ---- Prometheus ----

@needs("promtool")
def test_each_rule_fires_on_what_it_is_for(tmp_path):
    run = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    cases = (SOURCE / "tests/e2e/tocsin.rules.test.yml").read_text()
    for name in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert f"alertname: {name}\n" in cases and f"alertname: {name}, exp_alerts: []" in cases, f"{name} has no test"
    (tmp_path / "test.yml").write_text(cases.replace("RULES", str(RULES.resolve())))
    run = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


@pytest.fixture
def prometheus(tmp_path, textfile):
    """node_exporter, Prometheus and Alertmanager for the text file; the port of Alertmanager."""
    exporter, server, alertmanager = free_port(), free_port(), free_port()
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    (tmp_path / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ['{RULES.resolve()}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{exporter}'], labels: {{instance: web1}}}}]
""")
    commands = [
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{exporter}", "--collector.disable-defaults",
         "--collector.textfile", f"--collector.textfile.directory={textfile.parent}"],
        ["prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/alertmanager",
         f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address="],
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/prometheus",
         f"--web.listen-address=127.0.0.1:{server}"]]
    with open(tmp_path / "prometheus.log", "w") as log:
        running = [subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path) for c in commands]
    yield alertmanager
    for p in running:
        p.kill()
        p.wait()


@needs("prometheus", "prometheus-node-exporter", "prometheus-alertmanager")
def test_a_failing_check_becomes_a_firing_alert(setup, daemon, textfile, tmp_path, prometheus):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    daemon(setup)

    def firing():
        return {a["labels"]["alertname"]: a for a in ask(prometheus, "/api/v2/alerts?active=true") or []
                if a["labels"].get("check") == "probe"}

    harness.wait_until(lambda: ask(prometheus, "/api/v2/status"), "Alertmanager")
    assert firing() == {}
    probe.say("CRITICAL")
    alert = harness.wait_until(lambda: firing().get("TocsinCritical"), "a firing alert", 120)
    assert alert["labels"]["instance"] == "web1" and alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["summary"] == "web1: probe probe is CRITICAL"
    probe.say("OK")
    harness.wait_until(lambda: not firing(), "the end of the alert", 120)


# ---- the dead man's switch ----

class Switch(http.server.ThreadingHTTPServer):
    def __init__(self):
        self.pings, self.status = [], 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
                self.pings.append((handler.path, body, handler.headers["User-Agent"]))
                handler.send_response(self.status)
                handler.end_headers()

            def log_message(handler, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def switch(setup):
    s = Switch()
    setup.sections["heartbeat"] = {"url": f"http://127.0.0.1:{s.server_port}/uuid", "every": "1s"}
    yield s
    s.shutdown()
    s.server_close()


needs_curl = pytest.mark.skipif(not (harness.BUILD / "src/tocsin-heartbeat").exists(), reason="built without libcurl")


@needs_curl
def test_signs_of_life_and_of_failure(setup, daemon, switch, tmp_path):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    d = daemon(setup)
    harness.wait_until(lambda: len(switch.pings) >= 2, "two signs of life")
    assert {p[0] for p in switch.pings} == {"/uuid"} and switch.pings[-1][2].startswith("tocsin/")
    assert switch.pings[-1][1].startswith("testhost: ")
    assert not any("uuid" in words for _, words in d.leftovers()), "the URL is a secret"
    probe.say("CRITICAL")
    harness.wait_until(lambda: switch.pings[-1][0] == "/uuid/fail", "/fail")
    probe.say("OK")
    harness.wait_until(lambda: switch.pings[-1][0] == "/uuid", "a sign of life after it")
    assert "[heartbeat]" not in d.log


@needs_curl
def test_a_change_is_told_at_once(setup, daemon, switch, tmp_path):
    setup.sections["heartbeat"]["every"] = "1h"
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check())
    daemon(setup)
    harness.wait_until(lambda: switch.pings, "the first sign of life")
    probe.say("CRITICAL")
    harness.wait_until(lambda: switch.pings[-1][0] == "/uuid/fail", "/fail")
    assert len(switch.pings) == 2


@needs_curl
def test_a_refusal_is_said_once(setup, daemon, switch, tmp_path):
    switch.status = 404
    setup.write(harness.Probe(tmp_path, "probe").check())
    d = daemon(setup).wait_log(r"\[heartbeat\]: the sign of life was refused with HTTP status 404")
    harness.wait_until(lambda: len(switch.pings) >= 3, "more of them")
    assert d.log.count("[heartbeat]") == 1 and "uuid" not in d.log
    switch.status = 200
    d.wait_log(r"\[heartbeat\]: it works again")


def test_without_the_package_that_is_said(setup, daemon, switch, tmp_path):
    setup.write(harness.Probe(tmp_path, "probe").check())
    bin_ = tmp_path / "libexec"
    bin_.mkdir()
    for name in ("tocsin-check", "tocsin-mail", "tocsin-store"):
        (bin_ / name).symlink_to(harness.program(name))
    daemon(setup, prefix=("env", f"TOCSIN_LIBEXEC_DIR={bin_}")).wait_log("is the package tocsin-check-http installed")
