# SPDX-License-Identifier: GPL-3.0-or-later
"""A real IMAP and POP3 server for the tests: a private Dovecot on the loopback, in one folder, ended by its process id.
The packaged service is not touched. It wants root, because it gives its parts other users."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CONF = {
    "2.3": """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0 secs
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    address = 127.0.0.1
    port = {pop3s}
    ssl = yes
  }}
}}
""",
    "2.4": """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
ssl = yes
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
auth_mechanisms = plain login
auth_failure_delay = 0 secs
mail_driver = maildir
mail_path = {folder}/mail/%{{user | username}}
first_valid_uid = 1
passdb passwd-file {{
  passwd_file_path = {folder}/users
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user | username}}
  }}
}}
service imap-login {{
  inet_listener imap {{
    listen = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    listen = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    listen = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    listen = 127.0.0.1
    port = {pop3s}
    ssl = yes
  }}
}}
"""}
SERVICES = ("imap", "imaps", "pop3", "pop3s")


def _program():
    return shutil.which("dovecot", path="/usr/sbin:/sbin:/usr/local/sbin")


def why_not():
    """None, or why it cannot run here."""
    if os.geteuid() != 0:
        return "a private Dovecot needs root"
    if not _program():
        return "dovecot is not installed"
    if not pathlib.Path("/usr/lib/dovecot/imap").exists() or not pathlib.Path("/usr/lib/dovecot/pop3").exists():
        return "dovecot-imapd or dovecot-pop3d is not installed"
    return None


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Dovecot:
    def __init__(self, certificate, username="box", password='pass "word\\'):
        self.username, self.password = username, password
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-dovecot-"))
        self.folder.chmod(0o755)
        self.ports = {name: _free_port() for name in SERVICES}
        nobody = pwd.getpwnam("nobody")
        self._values = {"folder": self.folder, "certificate": certificate[0], "key": certificate[1], "uid": nobody.pw_uid,
                        "gid": nobody.pw_gid, **self.ports}
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)
        self._process = None

    def start(self):
        version = subprocess.run([_program(), "--version"], check=True, capture_output=True, text=True, timeout=20).stdout
        (self.folder / "users").write_text(f"{self.username}:{{PLAIN}}{self.password}\n")
        conf = self.folder / "dovecot.conf"
        conf.write_text(CONF["2.3" if version.startswith("2.3") else "2.4"].format(**self._values))
        with open(self.folder / "out", "ab") as output:
            self._process = subprocess.Popen([_program(), "-F", "-c", str(conf)], stdin=subprocess.DEVNULL, stdout=output,
                                             stderr=output, start_new_session=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        end = time.monotonic() + 30
        while True:
            try:
                for port in self.ports.values():
                    socket.create_connection(("127.0.0.1", port), 5).close()
                return self
            except OSError:
                pass
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("Dovecot did not start:\n" + self.log())
            time.sleep(0.1)

    def log(self):
        return "\n".join(p.read_text(errors="replace") for p in (self.folder / "out", self.folder / "log") if p.exists())

    def stop(self):
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
