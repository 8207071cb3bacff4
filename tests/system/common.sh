# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# For the scripts that run in the container: what is checked, and a mail server.
set -u
unit=tocsin.service
failures=0

value() { systemctl show --value --property "$1" "${2-$unit}"; }

is() { # is WHAT EXPECTED ACTUAL (EXPECTED is a pattern)
	# shellcheck disable=SC2053
	if [[ $3 == $2 ]]; then
		echo "ok: $1"
	else
		echo "NOT OK: $1: expected '$2', found '$3'"
		failures=$((failures + 1))
	fi
}

succeeds() { # succeeds WHAT COMMAND...
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok: $what"
	else
		echo "NOT OK: $what: status $?: $output"
		failures=$((failures + 1))
	fi
}

# within SECONDS COMMAND...
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

# arrives SECONDS WHAT PATTERN: a mail whose subject matches.
arrives() {
	within "$1" subject_matches "$3"
	is "$2" 0 $?
}

# Reads all of them: writing into a pipe that was closed early is an error that is printed.
subject_matches() { subjects | grep -E -- "$1" > /dev/null; }

# Of all mails that Postfix has delivered, one a line, unfolded and decoded (RFC 2047).
subjects() {
	sed -n '/^Subject: /,/^[^ \t]/{/^Subject: /{s///;h;d};/^[ \t]/{H;d};x;s/\n[ \t]*/ /g;s/?= =?/?==?/g;p}' /var/mail/ops \
		2> /dev/null | while IFS= read -r line; do
		while [[ $line =~ ^(.*)=\?UTF-8\?([BQ])\?([^?]*)\?=(.*)$ ]]; do
			line=${BASH_REMATCH[1]}$(decoded "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}")${BASH_REMATCH[4]}
		done
		printf '%s\n' "$line"
	done
}

decoded() { # decoded B|Q TEXT
	local text=${2//_/ }
	if [[ $1 = B ]]; then base64 --decode <<< "$2"; else printf '%b' "${text//=/\\x}"; fi
}

# A real Postfix that takes mails for ops here, after a login that Dovecot checks. The machine's own ones are not touched.
have_postfix() { command -v postfix > /dev/null && command -v doveadm > /dev/null && command -v openssl > /dev/null; }

write_dovecot() {
	if [[ $(dovecot --version) = 2.[0-3].* ]]; then
		cat <<-END
			passdb {
			  driver = static
			  args = password=s3cret-of-the-test
			}
			userdb {
			  driver = static
			  args = uid=ops gid=ops home=/
			}
		END
	else
		cat <<-END
			dovecot_config_version = 2.4.0
			dovecot_storage_version = 2.4.0
			passdb static {
			  passdb_static_password = s3cret-of-the-test
			}
		END
	fi
	cat <<-END
		protocols =
		auth_mechanisms = plain login
		service auth {
		  unix_listener /var/spool/postfix/private/auth {
		    user = postfix
		    mode = 0600
		  }
		}
	END
}

start_postfix() {
	id ops > /dev/null 2>&1 || useradd --no-create-home --shell /usr/sbin/nologin ops
	install -m 600 -o ops /dev/null /var/mail/ops
	cat > /etc/postfix/main.cf <<-END
		compatibility_level = 3.6
		inet_interfaces = loopback-only
		inet_protocols = ipv4
		mydestination = localhost, mail.test
		smtpd_tls_cert_file = /etc/postfix/cert.pem
		smtpd_tls_key_file = /etc/postfix/key.pem
		smtpd_tls_security_level = may
		smtpd_tls_auth_only = yes
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_recipient_restrictions = permit_sasl_authenticated, reject
		alias_maps =
		mail_spool_directory = /var/mail
		biff = no
	END
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout /etc/postfix/key.pem -out /etc/postfix/cert.pem 2> /dev/null
	[[ -e /etc/postfix/master.cf ]] || cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
	write_dovecot > /etc/dovecot/dovecot.conf
	# Also after a boot, and before the daemon, whose first mail would wait for its second try otherwise.
	mkdir -p "/etc/systemd/system/$unit.d"
	printf '[Unit]\nAfter=postfix.service dovecot.service\n' > "/etc/systemd/system/$unit.d/after.conf"
	mkdir -p /etc/systemd/system/multi-user.target.wants
	ln -sf /lib/systemd/system/{postfix,dovecot}.service /etc/systemd/system/multi-user.target.wants/
	rm -f /etc/systemd/system/{postfix,dovecot}.service
	systemctl daemon-reload
	# Dovecot makes a socket in a folder that Postfix makes.
	systemctl start postfix.service
	systemctl start dovecot.service
}

listens() { (: < /dev/tcp/127.0.0.1/25) 2> /dev/null; }

mail_settings() {
	cat <<-END
		[mail]
		server = localhost
		port = 25
		security = starttls
		tls_ca_file = /etc/postfix/cert.pem
		username = ops
		from = tocsin@mail.test
		to = ops@mail.test
		credential = tocsin.mail-password
	END
}

finish() {
	if [[ $failures -gt 0 ]]; then
		echo "---- mails: "
		subjects
		journalctl --no-pager --boot --unit "$unit" --unit tocsin-failed.service | tail -n 80
	fi
	exit "$((failures > 0))"
}
