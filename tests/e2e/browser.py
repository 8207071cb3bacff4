# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless Chromium: what it makes of a page of HTML, as a document and as a picture. A window is never as narrow as a phone,
but a frame in it is."""

import json
import os
import pathlib
import re
import shutil
import subprocess

CHROMIUM = shutil.which("chromium")
WHY_NOT = None if CHROMIUM else "there is no chromium"
# Pictures stay there, to be looked at.
PICTURES = pathlib.Path(os.environ.get("TOCSIN_BUILD", ".")).resolve() / "tests/pictures"

FRAME = """<!DOCTYPE html><body style="margin:0"><iframe id=f src="{source}" style="width:{width}px;height:{height}px;border:0"
></iframe><pre id=told></pre><script>
onload = () => {{ const d = f.contentDocument; told.textContent = JSON.stringify({{text: d.body.innerText,
 width: d.documentElement.scrollWidth, height: d.documentElement.scrollHeight,
 pictures: [...d.images].map(i => [i.naturalWidth, i.getBoundingClientRect().width])}}); }}
</script>"""


def run(folder, source, width, height, *options):
    """Chromium with FRAME around the file SOURCE."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(source=source.as_uri(), width=width, height=height))
    return subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                           "--allow-file-access-from-files", f"--user-data-dir={folder}/chromium",
                           "--virtual-time-budget=3000", *options, frame.as_uri()],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120, check=True).stdout


def measure(folder, source, width):
    """Its words, the size that it wants at this width, and of each picture the width that it has and that it is shown with."""
    dom = run(folder, source, width, 100, "--dump-dom")
    told = re.search(r'<pre id="told">(.*?)</pre>', dom, re.S)
    assert told, dom[-2000:]
    text = told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


def take_picture(folder, source, name, width, height, is_dark):
    """Writes it to PICTURES, and returns the file."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}-{width}-{'dark' if is_dark else 'light'}.png"
    path.unlink(missing_ok=True)
    run(folder, source, width, height, f"--window-size={max(width, 500)},{height}", f"--screenshot={path}",
        f"--blink-settings=preferredColorScheme={0 if is_dark else 1}")
    return path
