# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: a file that is always whole, complete by itself, and no reason for anything else to wait."""

import base64
import os
import re
import stat
import time

import pytest

import harness
from browser import WHY_NOT, measure, take_picture
from harness import wait_until
from test_charts import meter, put_past  # noqa: F401 (a fixture)


@pytest.fixture
def page(setup, tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()
    setup.sections["page"] = {"file": folder / "index.html"}
    return folder / "index.html"


def read(page):
    return page.read_text() if page.exists() else ""


def test_page(setup, daemon, catcher, meter, page):  # noqa: F811
    value, check = meter
    setup.write(check)
    daemon(setup).stop()
    put_past(setup, 167)
    daemon(setup)
    wait_until(lambda: "all is well" in read(page) or "its one check is OK" in read(page), "the page")
    assert "There were none." in read(page)
    first = page.stat()
    assert stat.S_IMODE(first.st_mode) == 0o644
    value.write_text("96\n")
    wait_until(lambda: "CRITICAL" in read(page) and "incident 1" in read(page), "the change")
    html = read(page)
    assert page.stat().st_ino != first.st_ino  # another one took its place
    assert html.startswith("<!DOCTYPE html>") and html.endswith("</body></html>\n")
    assert "<script" not in html and "cid:" not in html and not re.search(r'(src|href)="(?!data:)', html)
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(images) == 2 and all(base64.b64decode(i, validate=True).startswith(b"\x89PNG") for i in images)
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]
    value.write_text("42\n")
    wait_until(lambda: re.search("incident 1, .*, for ", read(page)), "the end of the incident", timeout=120)


def test_a_page_that_cannot_be_written_harms_nothing_else(setup, daemon, catcher, meter, page):  # noqa: F811
    value, check = meter
    page.parent.rmdir()
    setup.write(check)
    d = daemon(setup)
    d.wait_log("status page .* was not written: create: No such file")
    value.write_text("96\n")
    catcher.wait("CRITICAL")
    page.parent.mkdir()
    wait_until(lambda: "CRITICAL" in read(page), "the page", timeout=90)
    d.wait_log("status page is written again")


def test_a_disk_that_hangs_takes_one_writer_only(setup, daemon, catcher, meter, tmp_path):  # noqa: F811
    """A writer that does not get on is one process, and alerts go out meanwhile."""
    value, check = meter
    fake = tmp_path / "libexec"
    fake.mkdir()
    environment = setup.environment
    for program in ("tocsin-check", "tocsin-mail", "tocsin-store"):
        (fake / program).symlink_to(os.path.join(environment()["TOCSIN_LIBEXEC_DIR"], program))
    starts = tmp_path / "starts"
    (fake / "tocsin-page").write_text(f"#!/bin/sh\necho start >> {starts}\nexec sleep 1000\n")
    (fake / "tocsin-page").chmod(0o755)
    setup.environment = lambda: {**environment(), "TOCSIN_LIBEXEC_DIR": str(fake)}
    setup.sections["page"] = {"file": tmp_path / "index.html"}
    setup.write(check)
    d = daemon(setup)
    wait_until(lambda: starts.exists(), "the writer")
    value.write_text("96\n")
    catcher.wait("CRITICAL")
    time.sleep(6)  # in which a change would write another page
    assert starts.read_text() == "start\n"
    d.wait_log("tocsin-page gave no answer within its time limit", timeout=60)


def test_a_page_is_no_mail(setup, daemon, meter, page, tmp_path):  # noqa: F811
    """It may be larger than the HTML of a mail, and refers to none."""
    script = tmp_path / "talker"
    script.write_text("#!/bin/sh\necho 'CRITICAL - much to say'\nseq 1 4000\nexit 2\n")
    script.chmod(0o755)
    setup.write(*(harness.check(f"talker{i}", "plugin", command=script, confirm=1) for i in range(20)))
    daemon(setup)
    wait_until(lambda: read(page).count("tocsin ack ") == 20, "the page")
    html = read(page)
    assert len(html) > 100_000 and "this mail" not in html and "left out" not in html
    assert html.count("<pre ") == 40  # what it said, and how it was run


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("width", [375, 800])
def test_in_a_browser(setup, daemon, meter, page, tmp_path, width, language):  # noqa: F811
    """Nothing is wider than the screen, and every picture is shown."""
    value, check = meter
    setup.sections["tocsin"]["language"] = language
    value.write_text("96\n")
    setup.write(check)
    daemon(setup).stop()
    put_past(setup, 167)
    daemon(setup)
    wait_until(lambda: read(page).count("data:image/png") == 2, "the page")
    told = measure(tmp_path, page, width)
    assert "CRITICAL" in told["text"]
    assert told["width"] <= width
    assert [natural for natural, _ in told["pictures"]] == [640, 640]
    assert all(shown <= width for _, shown in told["pictures"])
    for is_dark in (False, True):
        take_picture(tmp_path, page, f"page-{language}", width, told["height"], is_dark)
