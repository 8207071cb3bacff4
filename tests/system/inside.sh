#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs in the container: the packages in /run/test are installed, used and purged.
set -u
unit=tocsin.service
failures=0

value() { systemctl show --value --property "$1" "$unit"; }

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

succeeds 'the packages install' dpkg --install /run/test/*.deb
succeeds 'the user exists' getent passwd tocsin
is 'installing starts the service' active "$(value ActiveState)"
is 'and enables it' enabled "$(systemctl is-enabled "$unit")"
is 'it says what it does' '?*' "$(value StatusText)"
main=$(value MainPID)
is 'it runs as its own user' "$(id -u tocsin)" "$(stat --format %u "/proc/$main")"
is 'its state belongs to it' tocsin "$(stat --format %U /var/lib/tocsin)"
is 'the control socket is there' socket "$(stat --format %F /run/tocsin/control)"
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
# 0.4 of it are adjtimex(2), which here can only read.
succeeds 'exposure of at most 2.1' systemd-analyze security --no-pager --threshold=21 "$unit"
is 'the unit has no unknown settings' '' \
	"$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1 | grep -F "$unit")"

succeeds 'the packages can be purged' dpkg --purge tocsin-check-http tocsin tocsin-dev
is 'nothing of its state stays' 0 "$(ls -d /var/lib/tocsin 2> /dev/null | wc -l)"
is 'nothing of it runs' inactive "$(value ActiveState)"
if [[ $failures -gt 0 ]]; then
	journalctl --no-pager --unit "$unit" | tail -n 60
fi
exit "$((failures > 0))"
