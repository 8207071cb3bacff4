#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A newcomer's walk: from "dpkg -i" to the first alert in a mailbox, with nothing but what README and the programs say, and
# then in Chinese. The mail server is a real one, with TLS on port 465 and a login; of tocsin the host knows nothing. Prints
# each command that is typed, what it answers, and the seconds.
# shellcheck source=tests/system/common.sh
. /run/test/common.sh

elapsed() { # elapsed SINCE: seconds with one decimal
	local tenths=$(((${EPOCHREALTIME/./} - $1) / 100000))
	printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

types() { # types COMMAND...: its output also in $answer, its status in $status
	local since=${EPOCHREALTIME/./}
	printf '\n# %s\n' "$*"
	answer=$("$@" 2>&1)
	status=$?
	[[ ! $answer ]] || printf '%s\n' "$answer"
	printf '  [status %d, %s s; %s s since the beginning]\n' "$status" "$(elapsed "$since")" "$(elapsed "$began")"
}

mail_comes() { # mail_comes SECONDS WHAT PATTERN
	local since=${EPOCHREALTIME/./}
	printf '\n'
	arrives "$@"
	printf '  [%s s; %s s since the beginning]\n' "$(elapsed "$since")" "$(elapsed "$began")"
}

# The account that the newcomer has: mail.test, whose certificate this host trusts, on the port for TLS from the start.
open_account() {
	start_postfix
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=mail.test \
		-addext subjectAltName=DNS:mail.test -keyout /etc/postfix/key.pem -out /etc/postfix/cert.pem 2> /dev/null
	mkdir -p /etc/ssl/certs
	cat /etc/postfix/cert.pem >> /etc/ssl/certs/ca-certificates.crt
	echo '127.0.0.1 mail.test' >> /etc/hosts
	echo 'smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes' >> /etc/postfix/master.cf
	systemctl restart postfix.service
	rm -r "/etc/systemd/system/$unit.d"
	systemctl daemon-reload
	# The load of the machine is no part of this; an alert about it would be the first, and the next one wait for its turn.
	mkdir -p /etc/tocsin/conf.d
	printf '[check load]\ntype = load\n' > /etc/tocsin/conf.d/busy.conf
	printf 'load%s = 0\n' 5_warning 5_critical 15_warning 15_critical >> /etc/tocsin/conf.d/busy.conf
}
listens_with_tls() { (: < /dev/tcp/127.0.0.1/465) 2> /dev/null; }

# tocsin hides what is typed only from when it has said what it wants; what was typed before is lost.
hides() {
	local pid
	pid=$(pidof -s tocsin) && stty --file="$(readlink "/proc/$pid/fd/0")" --all 2> /dev/null | grep -qE -- '(^| )-echo( |;|$)'
}

# tocsin setup on a terminal: an empty answer takes what it proposes, and the first code is mistyped.
hidden='not shown'
declare -A answers=(
	['Language']=''
	['sends from']=tocsin@mail.test
	['name of a mail server']=mail.test
	['Encryption']=''
	['User name']=''
	['Who gets the mails']=ops@mail.test
)
secrets=(s3cret-of-the-tets s3cret-of-the-test)
used=0

answer_to() { # answer_to QUESTION; fails when it is none
	local known
	for known in "${!answers[@]}"; do
		if [[ $1 = *"$known"*': ' ]]; then
			echo "${answers[$known]}"
			return
		fi
	done
	[[ $1 = *"$hidden"*': ' ]] && within 20 hides && echo "${secrets[$used]}" && used=$((used + 1))
}

converse() {
	local since=${EPOCHREALTIME/./} seen='' c
	printf '\n# tocsin setup\n'
	coproc TERMINAL { exec script --quiet --flush --return --command 'tocsin setup' /dev/null; }
	local pid=$TERMINAL_PID
	exec 7<&"${TERMINAL[0]}" 8>&"${TERMINAL[1]}"
	while IFS= read -r -t 60 -N 1 -u 7 c; do
		printf '%s' "$c"
		seen+=$c
		[[ $c != $'\n' ]] || seen=''
		[[ $seen != *': ' ]] || ! answer_to "$seen" >&8 || seen=''
	done
	exec 7<&- 8>&-
	kill "$pid" 2> /dev/null # a question that nobody has answered
	wait "$pid"
	status=$?
	printf '  [status %d, %s s; %s s since the beginning]\n' "$status" "$(elapsed "$since")" "$(elapsed "$began")"
}

# says COMMAND...: what it answers is Chinese. Left in English are words that are the same in every language, and what the
# administrator, systemd, the C library and the mail server have said.
foreign='I look after it|active \(running\)|inactive \(dead\)|Cannot allocate memory|OK: [0-9]+ bytes queued as|Ok: [0-9]+ bytes queued as'
says() {
	types "$@"
	is "$* answers in Chinese" '*[一-龥]*' "$answer"
	is 'and in nothing else' '' "$(grep -vF 'load 0' <<< "$answer" | sed -E "s/$foreign//g" |
		grep -E '(^|[^-=./[:alnum:]])[A-Za-z]+ [a-z]+ [a-z]+( |$)')"
}

write_check() {
	printf '[Service]\nExecStart=/bin/sleep 100000\n' > /etc/systemd/system/web.service
	systemctl daemon-reload
	systemctl start web.service
	printf '[check web]\ntype = unit\nunit = web.service\n' > /etc/tocsin/conf.d/web.conf
}

have_postfix || { echo 'skipped: Postfix and Dovecot are not installed here'; exit 0; }
open_account
within 20 listens_with_tls
is 'the mail server listens' 0 $?

began=${EPOCHREALTIME/./}
types dpkg --install /run/test/tocsin_*.deb
is 'the package installs' 0 "$status"
is 'and says what comes next' '*tocsin setup*' "$answer"
types systemctl status --no-pager "$unit"
is 'the service says what it lacks' '*run tocsin setup*' "$answer"
types tocsin status
is 'and so does tocsin status' '*run tocsin setup*' "$answer"
types tocsin doctor
is 'and tocsin doctor' '*run tocsin setup*' "$answer"

converse
is 'tocsin setup ends well' 0 "$status"
is 'after the second code' 2 "$used"
mail_comes 60 'the test mail is there' 'test mail'
mail_comes 60 'the first mail of the service is there' 'monitoring started'
types tocsin doctor
is 'tocsin doctor finds nothing wrong with the way to the mailbox' 0 "$(grep -cE '^(WARNING|CRITICAL|UNKNOWN) +mail' <<< "$answer")"

write_check
types systemctl reload "$unit"
is 'a check that is written takes effect' 0 "$status"
watched() { tocsin status | grep -qE '^OK +web '; }
within 20 watched
is 'and finds the service well' 0 $?
types systemctl stop web.service
mail_comes 60 'THE FIRST ALERT IS THERE' 'CRITICAL.*web'
read -r _ command < <(grep -E '^ *Acknowledge +tocsin ack [0-9]+' /var/mail/ops | tail -n 1)
is 'it says how to acknowledge it' 'tocsin ack [0-9]*' "$(tr -d '\r' <<< "$command")"
types bash -c "${command:-false} -m 'I look after it'"
is 'which works as it stands there' 0 "$status"
types tocsin status
is 'and tocsin status shows it' '*CRITICAL*web*I look after it*' "$answer"

# Another run of setup changes the account, and the language.
hidden=不显示 used=0
answers=(
	['Language']=zh_CN
	['发信所用的邮箱地址']=tocsin@mail.test
	['邮件服务']=mail.test
	['加密方式']=''
	['登录用户名']=''
	['收件人地址']=ops@mail.test
)
converse
is 'tocsin setup ends well in Chinese' 0 "$status"
mail_comes 60 'the test mail is Chinese' '测试邮件'
says tocsin doctor
says tocsin status
says tocsin check web
printf '[tocsin]\nintervall = 5s\n[report]\nat = 25:00\n' > /etc/tocsin/conf.d/wrong.conf
types systemctl reload "$unit"
is 'a mistake in the configuration is found' 1 "$status"
says tocsin reload
is 'and named' '*wrong.conf:2*intervall*interval*' "$answer"
systemctl restart "$unit" 2> /dev/null
mail_comes 60 'a daemon that does not start is mailed in Chinese' 'CRITICAL tocsin: 已停止运行'
is 'systemd shows why' '*配置有*个错误*' "$(value StatusText)"
rm /etc/tocsin/conf.d/wrong.conf
types systemctl start "$unit"
is 'it starts when that is mended' 0 "$status"

if [[ $failures -gt 0 ]]; then
	echo '---- the mailbox:'
	cat /var/mail/ops
fi
finish
