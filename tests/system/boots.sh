#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# boots.sh install|shutdown|cut: one host over three boots. It begins with the previous packages if there are any, is upgraded,
# shut down in the middle of services that die, and its power is cut.
. /run/test/common.sh

install_it() {
	if compgen -G '/run/test/previous/*.deb' > /dev/null; then
		succeeds 'the previous packages install' dpkg --install /run/test/previous/*.deb
		works() { tocsin status > /dev/null; [[ $? -le 2 ]]; }
		within 20 works
		is 'and work' 0 $?
	else
		echo 'skipped: no previous packages, so no upgrade'
		succeeds 'the packages install' dpkg --install /run/test/*.deb
	fi
}

# A service that is watched, ends badly on request, and one that stays away.
write_services() {
	local name
	for name in web db; do
		cat > "/etc/systemd/system/$name.service" <<-END
			[Service]
			ExecStart=/bin/sleep 100000
			PIDFile=/run/$name.pid
			ExecStartPost=/bin/sh -c 'echo \$MAINPID > /run/$name.pid'
			[Install]
			WantedBy=multi-user.target
		END
	done
	systemctl daemon-reload
	systemctl --quiet enable --now web.service db.service
}

# nspawn gives each boot of a container an id of its own, by a mount over the file. With systemd 252 the sandbox of the service
# does not see that, but the id of the machine below.
show_boot_id() {
	local id=/proc/sys/kernel/random/boot_id
	[[ $(systemd-run --quiet --pipe --wait -p ProtectKernelTunables=yes -p ProtectSystem=strict cat $id) != "$(< $id)" ]] || return 0
	cat > /etc/systemd/system/boot-id.service <<-END
		[Service]
		Type=oneshot
		ExecStart=/bin/cp /proc/sys/kernel/random/boot_id /run/boot_id
	END
	mkdir -p "/etc/systemd/system/$unit.d"
	cat > "/etc/systemd/system/$unit.d/boot-id.conf" <<-END
		[Unit]
		Requires=boot-id.service
		After=boot-id.service
		[Service]
		BindReadOnlyPaths=/run/boot_id:/proc/sys/kernel/random/boot_id
	END
	systemctl daemon-reload
}

write_configuration() {
	mkdir -p /etc/credstore
	(umask 077 && echo s3cret-of-the-test > /etc/credstore/tocsin.mail-password)
	{
		mail_settings
		printf '[alert]\nconfirm = 1\ngrace = 0\ngroup_wait = 8s\ninterval = 2s\nretry_interval = 1s\nrecover = 2\n'
		for name in web db; do
			printf '[check %s]\ntype = process\npidfile = /run/%s.pid\n' "$name" "$name"
		done
		# The load of the machine is no part of this.
		printf '[check load]\n'
		printf 'load%s = 0\n' 5_warning 5_critical 15_warning 15_critical
	} > /etc/tocsin/conf.d/test.conf
}

first_boot() {
	install_it
	start_postfix
	within 20 listens
	is 'Postfix listens' 0 $?
	write_services
	write_configuration
	show_boot_id
	systemctl restart "$unit"
	is 'the service is active with a mail server' active "$(value ActiveState)"
	arrives 30 'the first mail comes through Postfix, with the password of the credential' 'monitoring started'
	systemctl kill --signal=KILL db.service
	arrives 30 'a dead process is mailed' 'CRITICAL.* db'
	if [[ -d /run/test/previous ]]; then
		local main
		main=$(value MainPID)
		succeeds 'upgrade' dpkg --install /run/test/*.deb
		is 'the daemon was restarted' active "$(value ActiveState)"
		[[ $main != "$(value MainPID)" ]]
		is 'by another process' 0 $?
		known() { tocsin incidents | grep -qE 'CRITICAL +db'; }
		within 20 known
		is 'the state is kept: the incident is still open' 0 $?
		is 'the configuration is kept' 1 "$(grep -c credential /etc/tocsin/conf.d/test.conf)"
	fi
	sleep 12 # what could be mailed after a start would be by now
	is 'and nothing was mailed twice' 1 "$(subjects | grep -c 'CRITICAL process db')"
	systemctl start db.service
	arrives 60 'its recovery is mailed' 'RECOVERED.* db'
	# A manager that is slow: a service is dead a moment before the daemon is told to end.
	systemctl kill --signal=KILL web.service
	found() { tocsin incidents | grep -qE 'CRITICAL +web'; }
	within 4 found
	is 'what dies in the last moments is seen' 0 $?
	: > /var/mail/ops
}

# The mail about the boot has come, and nothing about web, which the shutdown had ended.
second_boot() {
	arrives 90 'the host that was shut down tells that' 'host restarted, was down for .*\(clean shutdown\)'
	sleep 12
	is 'and nothing of what the shutdown has ended' 1 "$(subjects | wc -l)"
	is 'which stands in the history' '*the host is going down*' "$(tocsin history | tr '\n' ' ')"
	is 'all is well' OK "$(tocsin status --json | grep -o '"state": *"[A-Z]*"' | head -n 1 | grep -o '[A-Z][A-Z]*')"
	systemctl stop db.service
	arrives 30 'a problem is mailed as ever' 'CRITICAL.* db'
	sleep 2
	: > /var/mail/ops
}

third_boot() {
	arrives 90 'the host whose power was cut tells that' 'host restarted.*'
	succeeds 'and how it ended' grep -q 'crash, reset or power cut' /var/mail/ops
	arrives 60 'what was mailed before and is well again' 'RECOVERED.* db|1 recovered'
	succeeds 'the packages can be purged' dpkg --purge tocsin-check-http tocsin tocsin-dev
	is 'nothing of its state stays' 0 "$(ls -d /var/lib/tocsin /run/tocsin 2> /dev/null | wc -l)"
}

have_postfix || { echo 'skipped: Postfix and Dovecot are not installed here'; exit 0; }
case $1 in
install) first_boot ;;
shutdown) second_boot ;;
cut) third_boot ;;
esac
finish
