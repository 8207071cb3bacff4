# SPDX-License-Identifier: GPL-3.0-or-later
"""A real mail server for the tests: a private Postfix that authenticates through a private Dovecot and delivers into a
Maildir. Everything it owns, configuration, queue, sockets and mail, lies in one folder; it listens on loopback above
port 1024 and is ended by the ids of its processes. The packaged services are not touched.

Postfix's master wants root, because it gives its parts other users."""

import grp
import mailbox
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time

QUEUES = ("active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace").split()
MECHANISMS = "plain login cram-md5 scram-sha-256"

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {command_directory}
daemon_directory = {daemon_directory}
shlib_directory = {shlib_directory}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.example.org
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
# nothing is ever sent on: what is not ours is refused
default_transport = error:this server delivers only to example.org
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/dovecot/auth
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_authenticated_header = yes
message_size_limit = 10485760
smtputf8_enable = yes
biff = no
smtpd_error_sleep_time = 0
"""

MASTER_CF = """
127.0.0.1:{port_tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{port_starttls} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# Dovecot 2.4 (Debian 13) reads another language than 2.3 (Debian 12).
DOVECOT_CONF = {
    "2.3": """
base_dir = {folder}/dovecot/run
state_dir = {folder}/dovecot/state
log_path = {folder}/dovecot/log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/dovecot/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home=/
}}
service auth {{
  unix_listener {folder}/dovecot/auth {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""",
    "2.4": """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/dovecot/run
state_dir = {folder}/dovecot/state
log_path = {folder}/dovecot/log
protocols =
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
passdb passwd-file {{
  passwd_file_path = {folder}/dovecot/users
  default_password_scheme = PLAIN
  auth_username_format = %{{user}}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = /
  }}
}}
service auth {{
  unix_listener {folder}/dovecot/auth {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""",
}


def why_not():
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "Postfix's master must be started by root"
    for program, package in (("postconf", "postfix"), ("dovecot", "dovecot-core")):
        if not _find(program):
            return f"{program} is not installed (package {package})"
    try:
        pwd.getpwnam("postfix"), grp.getgrnam("postdrop")
    except KeyError as e:
        return f"the package postfix is not configured: {e}"
    return None


def _find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _postconf(name):
    # -d: the built-in value; there may be no /etc/postfix/main.cf, and it would not be ours
    return subprocess.run([_find("postconf"), "-d", "-h", name], check=True, capture_output=True, text=True,
                          timeout=20).stdout.strip()


class Postfix:
    def __init__(self, certificate, username="10000@example.org", password="authorization code"):
        self.username, self.password = username, password
        # The queue is reached by users of its own, so the folder is not below one that only root may enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-postfix-"))
        self.folder.chmod(0o755)
        self.port_tls, self.port_starttls = _free_port(), _free_port()
        self._processes = []
        nobody = pwd.getpwnam("nobody")
        self._values = {
            "folder": self.folder, "certificate": certificate[0], "key": certificate[1], "mechanisms": MECHANISMS,
            "uid": nobody.pw_uid, "gid": nobody.pw_gid, "port_tls": self.port_tls,
            "port_starttls": self.port_starttls,
            **{name: _postconf(name) for name in ("command_directory", "daemon_directory", "shlib_directory")}}
        self._make_folders(nobody)

    def _make_folders(self, nobody):
        postfix, postdrop = pwd.getpwnam("postfix"), grp.getgrnam("postdrop")
        for name in ("config", "queue", "queue/pid", "dovecot", "dovecot/run", "dovecot/state"):
            (self.folder / name).mkdir()
        for name in ("data", *(f"queue/{q}" for q in QUEUES)):
            (self.folder / name).mkdir(mode=0o700)
            os.chown(self.folder / name, postfix.pw_uid, -1)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(self.folder / "queue" / name, postfix.pw_uid, postdrop.gr_gid)
            (self.folder / "queue" / name).chmod(mode)
        (self.folder / "mail").mkdir()
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)

    def _start(self, command, log):
        # A session of its own: what the terminal sends to pytest is not for it.
        with open(self.folder / log, "ab") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       start_new_session=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        self._processes.append(process)

    def start(self):
        dovecot = _find("dovecot")
        version = subprocess.run([dovecot, "--version"], check=True, capture_output=True, text=True,
                                 timeout=20).stdout
        conf = DOVECOT_CONF["2.3" if version.startswith("2.3") else "2.4"]
        users = self.folder / "dovecot" / "users"
        users.write_text(f"{self.username}:{{PLAIN}}{self.password}\n")
        (self.folder / "dovecot" / "dovecot.conf").write_text(conf.format(**self._values))
        (self.folder / "config" / "main.cf").write_text(MAIN_CF.format(**self._values))
        (self.folder / "config" / "master.cf").write_text(MASTER_CF.format(**self._values))
        self._start([dovecot, "-F", "-c", str(self.folder / "dovecot" / "dovecot.conf")], "dovecot.out")
        self._start([f"{self._values['daemon_directory']}/master", "-d", "-c", str(self.folder / "config")],
                    "postfix.out")
        self._wait_until_ready()
        return self

    def _wait_until_ready(self):
        end = time.monotonic() + 30
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.port_starttls, timeout=10) as client:
                    client.ehlo()
                if (self.folder / "dovecot" / "auth").is_socket():
                    return
            except (OSError, smtplib.SMTPException):
                pass
            if time.monotonic() > end or any(p.poll() is not None for p in self._processes):
                raise RuntimeError("Postfix or Dovecot did not start:\n" + self.log())
            time.sleep(0.1)

    def log(self):
        parts = []
        for name in ("dovecot.out", "dovecot/log", "postfix.out", "maillog"):
            path = self.folder / name
            if path.exists():
                parts.append(f"--- {name}\n{path.read_text(errors='replace')}")
        return "\n".join(parts)

    def mails(self):
        """What lies in the Maildir, oldest first."""
        path = self.folder / "mail" / "box"
        if not (path / "new").is_dir():
            return []
        box = mailbox.Maildir(path, create=False)
        return [box.get_bytes(key) for key in sorted(box.keys())]

    def stop(self):
        """Each ends its own children when it is asked to end."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []
        shutil.rmtree(self.folder, ignore_errors=True)
