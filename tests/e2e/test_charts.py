# SPDX-License-Identifier: GPL-3.0-or-later
"""What mails show of the past: pictures that belong to their HTML, numbers in their text, and never at the price of time."""

import re
import sqlite3
import time

import pytest

import harness
from harness import wait_until

USEC = 1_000_000
HOUR = 3600 * USEC
SPARKS = "·▁▂▃▄▅▆▇█"


@pytest.fixture
def meter(tmp_path):
    """A check that measures what stands in a file, with limits."""
    script, value = tmp_path / "meter", tmp_path / "value"
    script.write_text(f"""#!/bin/sh
read v < {value}
state=OK code=0
[ "$v" -ge 90 ] && state=CRITICAL code=2
echo "$state - $v | temp=$v%;80;90;0;100 other=1s"
exit $code
""")
    script.chmod(0o755)
    value.write_text("42\n")
    return value, harness.check("meter", "plugin", command=script, confirm=1, interval="1s")


def put_past(setup, hours, metric="temp"):
    """As if an earlier daemon had measured it, five minutes by five."""
    db = sqlite3.connect(setup.state)
    now = time.time_ns() // 1000
    with db:
        for back in range(1, hours + 1):
            hour = now - now % HOUR - back * HOUR
            values = ";".join(f"5:{70 - back / 3 + i / 36:.6g}" for i in range(12))
            db.execute("INSERT OR REPLACE INTO sample (hour_usec, check_name, item, metric, unit, buckets)"
                       " VALUES (?, 'meter', 'meter', ?, '%', ?)", [hour, metric, values])
    db.close()


def parts(message):
    return {c: [p for p in message.walk() if p.get_content_type() == c] for c in
            ("text/plain", "text/html", "image/png", "multipart/related", "multipart/alternative")}


def start_with_past(setup, daemon, check):
    setup.write(check)
    daemon(setup).stop()
    put_past(setup, 167)
    return daemon(setup)


def sparkline(text):
    return re.findall(f"[{SPARKS}]{{24}}", text)


def test_a_problem_is_drawn(setup, daemon, catcher, meter):
    value, check = meter
    start_with_past(setup, daemon, check)
    # The past is there a moment after the start.
    wait_until(lambda: any(s.count("·") <= 1 for s in sparkline(setup.tocsin("report").stdout)), "the past")
    value.write_text("96\n")
    message = catcher.wait("CRITICAL").message
    assert not message.defects
    p = parts(message)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "multipart/related"]
    html = p["text/html"][0].get_content()
    cids = re.findall(r'<img src="cid:([^"]+)"', html)
    assert cids == [image["Content-ID"].strip("<>") for image in p["image/png"]]
    assert len(cids) == len(set(cids)) == 2  # a day and a week; what has no limits is not drawn
    for alt in re.findall(r'<img [^>]*alt="([^"]+)"', html):
        assert re.match(r"temp, (24&nbsp;h|24 h|7&nbsp;days|7 days): .* to .*, now 96.*\(warning at 80.*critical at 90", alt), alt
    for image in p["image/png"]:
        data = image.get_content()
        assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
        assert 500 < len(data) < 8000
        assert image.get_content_disposition() == "inline"
    text = p["text/plain"][0].get_content()
    assert "temp, 24 h" in text and "temp, 7 days" in text and len(sparkline(text)) >= 2
    assert len(message.as_bytes()) < 200_000 and len(html) < 60_000


@pytest.mark.parametrize("how", ["none", "text"])
def test_no_pictures(setup, daemon, catcher, meter, how):
    value, check = meter
    setup.sections["report"]["charts"] = how
    start_with_past(setup, daemon, check)
    value.write_text("96\n")
    message = catcher.wait("CRITICAL").message
    p = parts(message)
    assert not p["image/png"] and not p["multipart/related"]
    assert "<img" not in p["text/html"][0].get_content()
    assert bool(sparkline(p["text/plain"][0].get_content())) == (how == "text")


def test_no_mail_waits_for_the_past(setup, daemon, catcher, meter):
    """The alert that is found in the first look after a start goes out though the state file has not told the past yet."""
    value, check = meter
    setup.write(check)
    daemon(setup).stop()
    value.write_text("97\n")
    daemon(setup)
    message = catcher.wait("CRITICAL").message
    assert "97" in message.get_body(("plain",)).get_content()
    # Five minutes are a point already.
    assert len(parts(message)["image/png"]) == 1
