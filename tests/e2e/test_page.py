# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: a file that is always whole, complete by itself, and no reason for anything else to wait."""

import base64
import os
import re
import shutil
import stat
import subprocess
import time

import pytest

from harness import wait_until
from test_charts import meter, put_past  # noqa: F401 (a fixture)

CHROMIUM = shutil.which("chromium")


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


@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")
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
    probe = tmp_path / "probe.html"
    # A window is never as narrow as a phone, but a frame is.
    probe.write_text(f"""<iframe id=f src="{page.as_uri()}" style="width:{width}px;height:2000px;border:0"></iframe><script>
onload = () => {{ const d = f.contentDocument; const images = [...d.images];
document.body.append(JSON.stringify({{scroll: d.documentElement.scrollWidth, text: d.body.innerText.includes('CRITICAL'),
 pictures: images.map(i => [i.naturalWidth, i.getBoundingClientRect().width <= {width}])}})); }}
</script>""")
    dom = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                          "--disable-background-networking", "--disable-component-update", "--disable-sync",
                          "--allow-file-access-from-files", f"--user-data-dir={tmp_path}/chromium",
                          "--virtual-time-budget=3000", "--dump-dom", probe.as_uri()],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120).stdout
    assert '"text":true' in dom, dom[-2000:]
    assert int(re.search(r'"scroll":(\d+)', dom)[1]) <= width
    assert '"pictures":[[640,true],[640,true]]' in dom
