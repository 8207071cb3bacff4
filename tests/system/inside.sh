#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs in the container: the packages in /run/test are installed, used and purged.
. /run/test/common.sh

succeeds 'the packages install' dpkg --install /run/test/*.deb
succeeds 'the user exists' getent passwd tocsin
is 'installing starts the service' active "$(value ActiveState)"
is 'and enables it' enabled "$(systemctl is-enabled "$unit")"
is 'it says what it does' '?*' "$(value StatusText)"
main=$(value MainPID)
is 'it runs as its own user' "$(id -u tocsin)" "$(stat --format %u "/proc/$main")"
is 'its state belongs to it' tocsin "$(stat --format %U /var/lib/tocsin)"
is 'the control socket is there' socket "$(stat --format %F /run/tocsin/control)"
if command -v varlinkctl > /dev/null; then # from systemd 255 on
	is 'varlinkctl reads what the socket offers' '*org.tocsin.Control*' "$(varlinkctl info /run/tocsin/control 2>&1)"
	succeeds 'and the description of it' varlinkctl list-methods /run/tocsin/control
	is 'and asks' '*"host"*' "$(varlinkctl call /run/tocsin/control org.tocsin.Control.Status '{}' 2>&1)"
	is 'and is refused' '*NoSuchCheck*' "$(varlinkctl call /run/tocsin/control org.tocsin.Control.Check '{"name":"none"}' 2>&1)"
fi
tocsin status > /run/status.txt
is 'tocsin status answers with a state' '[0123]' $?
[[ -s /run/status.txt ]]
is 'and prints it' 0 $?
succeeds 'the shipped configuration is right' tocsind --check-config

# What the packaged configuration watches is well here, or not applicable: nobody would be mailed. It looks at every second and
# one look is enough. The machine below may be busy and full, and what has become of its units is not ours to judge.
cat > /etc/tocsin/conf.d/at-once.conf << end
[tocsin]
interval = 1s
[alert]
confirm = 1
unknown_confirm = 1
[check load]
load5_warning = 1000
load5_critical = 1000
load15_warning = 1000
load15_critical = 1000
[check disk]
warning = 99%
critical = 100%
end
succeeds 'looking at every second is taken' systemctl reload "$unit"
sleep 8
tocsin status > /run/status.txt
failed=$(systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1)
is 'the packaged configuration finds no fault' '' \
	"$(grep -E '^(WARNING|CRITICAL|UNKNOWN) ' /run/status.txt | grep -vF "${failed:-no unit has failed}")"
for name in load memory disk units reboot; do
	is "its check $name looks" '[1-9]*' "$(grep -cE "^OK +$name " /run/status.txt)"
done
rm /etc/tocsin/conf.d/at-once.conf
succeeds 'and is taken back' systemctl reload "$unit"

succeeds 'reload' systemctl reload "$unit"
is 'reload keeps the process' "$main" "$(value MainPID)"
printf '[tocsin]\nintervall = 5s\n' > /etc/tocsin/conf.d/wrong.conf
systemctl reload "$unit" 2> /dev/null
is 'reload of a wrong file fails' 1 $?
is 'and the daemon goes on' "active/$main" "$(value ActiveState)/$(value MainPID)"
rm /etc/tocsin/conf.d/wrong.conf

# Checks that ask others, in the sandbox of the service.
printf '#!/bin/sh\necho "hello | it=5;;;0"\n' > /usr/local/bin/check_it
chmod 755 /usr/local/bin/check_it
printf '[check units]\ntype = unit\ninterval = 1s\n[check mine]\ntype = plugin\ncommand = /usr/local/bin/check_it\n' \
	> /etc/tocsin/conf.d/asking.conf
succeeds 'checks of units and by a plugin are taken' systemctl reload "$unit"
is 'a plugin runs in the sandbox' '*hello*' "$(tocsin check mine 2>&1)"
is 'systemd is asked from the sandbox' '*units*' "$(tocsin check units 2>&1)"
systemd-run --quiet --unit=broken.service /bin/false
fails() { [[ $(systemctl is-failed broken.service) = failed ]]; }
within 20 fails
is 'a failed unit is seen' '*CRITICAL*broken.service*' "$(tocsin check units 2>&1)"
seen() { [[ $(tocsin status 2>&1 | grep -F broken.service) = *$1* ]]; }
within 20 seen CRITICAL
is 'and in the status' 0 $?
systemctl reset-failed broken.service
within 20 seen OK
is 'and that it is not failed any more' 0 $?
# Checks of the host.
printf '[check clock]\ntype = clock\nin_container = yes\nrequired = yes\n' > /etc/tocsin/conf.d/asking.conf
for type in reboot raid temperature smart journal; do
	printf '[check my-%s]\ntype = %s\n' "$type" "$type" >> /etc/tocsin/conf.d/asking.conf
done
succeeds 'checks of the host are taken' systemctl reload "$unit"
is 'the clock is asked from the sandbox' '*synchronised*' "$(tocsin check clock 2>&1)"
is 'a restart is looked for' '*up for*' "$(tocsin check my-reboot 2>&1)"
is 'the journal says what it lacks' '*group systemd-journal*' "$(tocsin check my-journal 2>&1)"
# What this machine has of these is not known; they must not fail in the sandbox in a way that nobody expects.
for type in raid temperature smart; do
	is "$type looks, or tells why not" '*@(OK|WARNING|CRITICAL|has no|finds no|not installed|hidden from tocsin)*' \
		"$(tocsin check "my-$type" 2>&1)"
done
rm /etc/tocsin/conf.d/asking.conf
succeeds 'and are taken back' systemctl reload "$unit"

before=$(value WatchdogTimestampMonotonic)
restarted() { [[ $(value NRestarts) -ge 1 && $(value ActiveState) = active ]]; }
fed() { [[ $(value WatchdogTimestampMonotonic) -gt $before ]]; }
within 40 fed
is 'the watchdog is fed' 0 $?

[[ $main -gt 1 ]] && kill -SEGV "$main"
within 20 restarted
is 'a crashed daemon is started again' 0 $?

began=$SECONDS
succeeds 'stop' systemctl stop "$unit"
is 'it ends in time' 1 "$((SECONDS - began <= 6))"
is 'and without complaint' success "$(value Result)"
succeeds 'start' systemctl start "$unit"
is 'READY after a restart' active "$(value ActiveState)"

# systemd-analyze prints the exposure in tenths with --threshold, and fails above it.
succeeds 'exposure of at most 1.7' systemd-analyze security --no-pager --threshold=17 "$unit"
is 'the units have no unknown settings' '' \
	"$(systemd-analyze verify --man=no --recursive-errors=no "$unit" tocsin-failed.service tocsin.socket 2>&1 | grep -F tocsin)"

# Each check says in the sandbox what it says outside of it, to root: the same items in the same states, in the same words but
# for numbers. What it says of the sandbox itself is compared with itself alone.
truth=/etc/tocsin/conf.d/truth.conf
{
	for type in load memory pressure disk mount network raid temperature reboot unit; do
		printf '[check t-%s]\ntype = %s\ninterval = 1h\n' "$type" "$type"
	done
	printf '[check t-clock]\ntype = clock\nin_container = yes\nrequired = yes\nsettle = 0\ninterval = 1h\n'
	printf '[check t-init]\ntype = process\nname = systemd\nuser = root\ninterval = 1h\n'
	printf '[check t-tocsind]\ntype = process\nname = tocsind\nuser = tocsin\ninterval = 1h\n'
	printf '[check t-shadow]\ntype = file\npath = /etc/shadow\ninterval = 1h\n'
	printf '[check t-home]\ntype = file\npath = /home\ninterval = 1h\n'
	printf '[check t-tmp]\ntype = file\npath = /tmp/seen\ninterval = 1h\n'
	printf '[check t-name]\ntype = dns\nname = localhost\ninterval = 1h\n'
	printf '[check t-tcp]\ntype = tcp\nhost = 127.0.0.1\nport = 9\ninterval = 1h\n'
	printf '[check t-plugin]\ntype = plugin\ncommand = /usr/local/bin/check_it\ninterval = 1h\n'
	printf '[check t-ping]\ntype = ping\nhost = 127.0.0.1\ninterval = 1h\n'
} > "$truth"
touch /tmp/seen
succeeds 'all shipped checks are taken' systemctl reload "$unit"
in_words() { # states, items and words: no numbers, no evidence; an error is its own word
	"$@" 2>&1 | grep -E '^(OK|WARNING|CRITICAL|UNKNOWN|n/a) |^tocsin' | sed -E 's/^n\/a /UNKNOWN /;s/ +/ /g;s/[0-9][0-9.:]*( ?([KMGT]?i?B|[mµ]?s|min|h|d|%))?/N/g; s/(N )+/N /g' | sort
}
is_true() { # is_true CHECK: the two are looked at one right after the other; what changes meanwhile is looked at again
	local i sandbox outside
	for i in 1 2 3; do
		sandbox=$(in_words tocsin check "$1")
		outside=$(in_words tocsin check --direct "$1")
		[[ $sandbox != "$outside" ]] || break
	done
	if [[ $sandbox = "$outside" && -n $outside ]]; then
		echo "ok: $1 tells the truth in the sandbox"
	else
		printf 'NOT OK: %s in the sandbox:\n%s\nand outside:\n%s\n' "$1" "$sandbox" "$outside"
		failures=$((failures + 1))
	fi
}
for name in $(sed -n 's/^\[check \(.*\)\]/\1/p' "$truth"); do
	is_true "$name"
done

# What needs more than the sandbox allows: the examples of the package.
install -m 4755 /usr/bin/id /usr/local/bin/id-of-root
printf '[check my-journal]\ntype = journal\n[check rights]\ntype = plugin\ncommand = /usr/local/bin/id-of-root -u\n' >> "$truth"
succeeds 'more checks are taken' systemctl reload "$unit"
is 'no plugin becomes root' "*$(id -u tocsin)*" "$(tocsin check rights 2>&1)"
mkdir -p "/etc/systemd/system/$unit.d"
cp /usr/share/doc/tocsin/examples/{journal,clock,smart,root-plugins}.conf "/etc/systemd/system/$unit.d"
systemctl daemon-reload
is 'the examples have no unknown settings' '' \
	"$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1 | grep -F tocsin)"
succeeds 'the service starts with all of them' systemctl restart "$unit"
is 'journal.conf lets the journal be read' '*OK*' "$(tocsin check my-journal 2>&1 | head -n 1)"
is 'root-plugins.conf lets a plugin become root' '*: 0*' "$(tocsin check rights 2>&1 | head -n 1)"
is 'clock.conf lets the kernel be asked' '' "$(tocsin check t-clock | grep 'told by')"
rm -r "/etc/systemd/system/$unit.d" "$truth"
systemctl daemon-reload
succeeds 'and without them' systemctl restart "$unit"

# The control socket of systemd: it is there before the daemon, and after it.
systemctl stop "$unit"
succeeds 'tocsin.socket starts' systemctl start tocsin.socket
is 'with the rights that the daemon gives' 'tocsin:tocsin 660' "$(stat --format '%U:%G %a' /run/tocsin/control)"
tocsin status > /run/status.txt # UNKNOWN: nobody has looked yet
is 'asking starts the daemon, and is answered' '*UNKNOWN*' "$(cat /run/status.txt)"
is_active() { [[ $(value ActiveState) = active ]]; }
within 20 is_active
is 'which is ready soon' 0 $?
succeeds 'a restart keeps the socket' systemctl restart "$unit"
succeeds 'and the daemon answers there' tocsin incidents
systemctl stop tocsin.socket "$unit"
succeeds 'and it makes its own again' systemctl start "$unit"
succeeds 'where it answers' tocsin incidents

# What only mail can tell: the daemon hangs, and the daemon is not started again.
if have_postfix; then
	start_postfix
	within 20 listens
	mkdir -p /etc/credstore
	(umask 077 && echo s3cret-of-the-test > /etc/credstore/tocsin.mail-password)
	mail_settings > /etc/tocsin/conf.d/mail.conf
	printf '[Service]\nWatchdogSec=3s\n' > "/etc/systemd/system/$unit.d/watchdog.conf"
	systemctl daemon-reload
	systemctl restart "$unit"
	main=$(value MainPID)
	sleep 8
	is 'a daemon that does its work is fed by its pings' "active $main" "$(value ActiveState) $(value MainPID)"
	[[ $main -gt 1 ]] && kill -STOP "$main"
	another() { [[ $(value ActiveState) = active && $(value MainPID) != "$main" ]]; }
	within 30 another
	is 'the watchdog replaces one that hangs' 0 $?
	is 'by systemd, for that reason' '*[Ww]atchdog*' "$(journalctl --no-pager --unit "$unit" --since -1min | grep -i watchdog)"
	arrives 60 'and there is a mail about it' 'tocsin restarted'
	subject_matches 'it has failed'
	is 'and none that it has failed for good' 1 $?
	printf '[tocsin]\nintervall = 5s\n' > /etc/tocsin/conf.d/wrong.conf
	systemctl restart "$unit" 2> /dev/null
	is 'a wrong configuration ends it for good' 'failed 78' "$(value ActiveState) $(value ExecMainStatus)"
	arrives 30 'which is mailed once' 'CRITICAL tocsin: it has failed'
	is 'with what systemd knows' 1 "$(grep -cE '^ExecMainStatus=(3D)?78$' /var/mail/ops)"
	rm /etc/tocsin/conf.d/wrong.conf
	succeeds 'and it starts again when that is mended' systemctl start "$unit"
	mv /etc/credstore/tocsin.mail-password /etc/credstore/nothing
	succeeds 'without a password it starts too' systemctl restart "$unit"
	is 'and says what is missing' '*tocsin.mail-password*' "$(tocsin test-mail 2>&1)$(tocsin status)"
else
	echo 'skipped: Postfix, Dovecot and openssl are not all installed here'
fi

succeeds 'the packages can be purged' dpkg --purge tocsin-check-http tocsin tocsin-dev
is 'nothing of its state stays' 0 "$(ls -d /var/lib/tocsin 2> /dev/null | wc -l)"
is 'and of its configuration nothing but what is not its own' '' \
	"$(find /etc/tocsin -type f ! -path '/etc/tocsin/conf.d/*' 2> /dev/null | xargs)"
is 'nothing of it runs' inactive "$(value ActiveState)"
finish
