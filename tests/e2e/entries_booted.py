# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon writes into a real journal, and what journalctl makes of it. test_journal.py runs this file in a container."""
import json
import pathlib
import shutil
import subprocess
import time

HERE = pathlib.Path("/run/test")


def journalctl(*arguments):
    run = subprocess.run(["journalctl", "--no-pager", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return run.stdout


def test_entries_are_found_by_their_fields_and_explained(tmp_path):
    tmp_path.parent.chmod(0o755)
    conf = tmp_path / "tocsin.conf"
    conf.write_text("[tocsin]\ninterval = 1s\n[alert]\nconfirm = 1\ngrace = 0s\n"
                    "[check gone]\ntype = process\npidfile = /nonesuch.pid\n")
    pathlib.Path("/usr/lib/systemd/catalog").mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "tocsin.catalog", "/usr/lib/systemd/catalog/")
    subprocess.run(["journalctl", "--update-catalog"], check=True, timeout=60)
    subprocess.run(["systemd-run", "--unit=tocsin-entries", f"--setenv=TOCSIN_LIBEXEC_DIR={HERE}",
                    f"--setenv=TOCSIN_CHECK_DIR={HERE}/checks", HERE / "tocsind", "--config", conf,
                    "--state", tmp_path / "state.db", "--control", tmp_path / "control"], check=True, timeout=60)
    try:
        deadline = time.monotonic() + 60
        while not (lines := journalctl("CHECK=gone", "-o", "json")) and time.monotonic() < deadline:
            time.sleep(0.1)
        entry = json.loads(lines.splitlines()[0])
        assert entry["STATE"] == "CRITICAL" and entry["EVENT"] == "problem" and entry["PRIORITY"] == "3"
        assert entry["_SYSTEMD_UNIT"] == "tocsin-entries.service" and entry["SYSLOG_IDENTIFIER"] == "tocsind"
        explained = journalctl("-x", "CHECK=gone")
        assert f"Subject: gone {entry['ITEM']} is CRITICAL" in explained and f"incident {entry['INCIDENT']}" in explained
        assert "watching " in journalctl("-u", "tocsin-entries")
    finally:
        subprocess.run(["systemctl", "stop", "tocsin-entries"], check=False, timeout=60)
