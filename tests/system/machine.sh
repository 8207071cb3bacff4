#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# machine.sh disasters|after: a machine of its own, with Debian's kernel. What befalls it is real: disks that fail and
# that return errors, memory that runs out, and in the end its power. The AppArmor profile binds all the while.
# shellcheck source=tests/system/common.sh
. /run/test/common.sh
# Seconds, where every instruction is interpreted.
patience=300
first=/dev/nvme0n3 second=/dev/nvme0n4 third=/dev/nvme0n5

# Takes every mail, and has it on the disk when it says so. Real servers are for the tests in containers.
start_mail_server() {
	cat > /usr/local/sbin/mail-server <<-'END'
		#!/usr/bin/python3
		import os
		import socketserver

		class Session(socketserver.StreamRequestHandler):
		    def say(self, line):
		        self.wfile.write(line + b"\r\n")

		    def keep(self):
		        self.say(b"354 go on")
		        lines = iter(self.rfile.readline, b".\r\n")
		        with open("/var/mail/ops", "ab") as box:
		            box.write(b"From server\n" + b"".join(line.replace(b"\r\n", b"\n") for line in lines) + b"\n")
		            box.flush()
		            os.fsync(box.fileno())
		        self.say(b"250 kept")

		    def handle(self):
		        self.say(b"220 mail.test")
		        for line in self.rfile:
		            word = line[:4].upper()
		            if word == b"DATA":
		                self.keep()
		            else:
		                self.say(b"221 bye" if word == b"QUIT" else b"250 fine")

		class Server(socketserver.ThreadingTCPServer):
		    allow_reuse_address = True

		Server(("127.0.0.1", 25), Session).serve_forever()
	END
	chmod 755 /usr/local/sbin/mail-server
	cat > /etc/systemd/system/mail-server.service <<-END
		[Unit]
		Before=$unit
		[Service]
		ExecStart=/usr/local/sbin/mail-server
		[Install]
		WantedBy=multi-user.target
	END
	: > /var/mail/ops
	systemctl daemon-reload
	systemctl --quiet enable --now mail-server.service
}

write_configuration() {
	{
		printf '[mail]\nserver = 127.0.0.1\nport = 25\nsecurity = none\nfrom = tocsin@mail.test\nto = ops@mail.test\n'
		# Each event is a mail at once. Only those checks that no watch wakes look often.
		printf '[tocsin]\ninterval = 10s\n'
		printf '[alert]\nconfirm = 1\ngrace = 0\nretry_interval = 2s\nrecover = 1\n'
		printf 'group_wait = 0\ngroup_second = 0\ngroup_interval = 0\nmax_per_hour = 0\n'
		# How busy and how well synchronised the machine is, is no part of this.
		printf '[check load]\n'
		printf 'load%s = 0\n' 5_warning 5_critical 15_warning 15_critical
		printf '[check raid]\ninterval = 1h\n[check memory]\ninterval = 1h\n'
		printf '[check journal]\ntype = journal\n'
		printf '[check web]\ntype = unit\nunit = web.service\n'
	} > /etc/tocsin/conf.d/test.conf
	mkdir -p "/etc/systemd/system/$unit.d"
	cp /usr/share/doc/tocsin/examples/{journal,smart}.conf "/etc/systemd/system/$unit.d"
}

write_services() {
	cat > /run/hog.py <<-'END'
		# Touches memory until somebody ends it.
		hoard = []
		while True:
		    hoard.append(b"x" * (1 << 20))
	END
	printf '[Service]\nExecStart=/bin/sleep 100000\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/web.service
	printf '[Service]\nExecStart=/usr/bin/python3 /run/hog.py\nMemoryMax=32M\n' > /etc/systemd/system/hog.service
	printf '[Service]\nExecStart=/usr/bin/python3 /run/hog.py\n' > /etc/systemd/system/flood.service
	systemctl daemon-reload
	systemctl --quiet enable --now web.service
}

begin() {
	succeeds 'the packages install' dpkg --install /run/test/*.deb
	sed -i 's/ flags=(complain)//' /etc/apparmor.d/usr.sbin.tocsind
	succeeds 'the AppArmor profile is taken as one that binds' apparmor_parser --replace /etc/apparmor.d/usr.sbin.tocsind
	modprobe raid1
	start_mail_server
	within "$patience" listens
	is 'the mail server listens' 0 $?
	write_services
	make_array
	make_file_system
	write_configuration
	systemctl daemon-reload
	systemctl restart "$unit"
	main=$(value MainPID)
	is 'the daemon is confined' 'tocsind (enforce)' "$(cat "/proc/$main/attr/current")"
	arrives "$patience" 'the first mail comes' 'monitoring started'
	known() { tocsin status | grep -qE 'OK +raid +md0' && tocsin status | grep -qE 'OK +web +web'; }
	within "$patience" known
	is 'the array and the service are well' 0 $?
}

# --- Disks

make_array() {
	mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --bitmap=none --assume-clean "$first" "$second" > /run/mdadm.log 2>&1
	is 'an array of two disks' 0 $?
}

# The check of the array looks once an hour: only the kernel can wake it.
lose_disk() {
	mdadm --quiet --fail /dev/md0 "$second"
	arrives "$patience" 'a disk that fails in an array is mailed' 'CRITICAL raid md0: degraded.*failed: nvme0n4'
	mdadm --quiet --remove /dev/md0 "$second" 2> /dev/null
	mdadm --quiet --zero-superblock "$second"
	mdadm --quiet --add /dev/md0 "$second"
	arrives "$patience" 'and that another one has taken its place' 'RECOVERED raid md0'
}

make_file_system() {
	mke2fs -q -t ext4 "$third"
	dmsetup create sick --table "0 $(blockdev --getsz "$third") linear $third 0"
	mkdir -p /srv/sick
	mount -o errors=remount-ro /dev/mapper/sick /srv/sick
}

break_disk() {
	dmsetup load sick --table "0 $(blockdev --getsz "$third") error"
	dmsetup suspend --noflush --nolockfs sick
	dmsetup --noudevsync resume sick
	touch /srv/sick/y 2> /dev/null
	sync --file-system /srv/sick 2> /dev/null
	arrives "$patience" 'a file system that the kernel makes read-only is mailed' 'CRITICAL disk /srv/sick: the file system'
	arrives "$patience" 'and what the kernel says of it' 'WARNING journal kernel'
}

# --- Memory

exhaust_unit() {
	systemctl start hog.service
	arrives "$patience" 'a service that passes its limit of memory is mailed, with the cause' 'hog.service: failed: .* ran out'
	arrives "$patience" 'as is what the kernel killed' 'WARNING journal oom'
}

# With the score of everything else, the hog is the greatest: the kernel ends it, and nothing of what alerts.
exhaust_machine() {
	systemctl start flood.service
	arrives "$patience" 'all memory of the machine is used up: there is a mail' 'flood.service: failed: .* ran out'
	is 'from the same daemon' "active $main" "$(value ActiveState) $(value MainPID)"
}

# --- The end

# The mail server is away: what happens now cannot be mailed before the power goes.
leave_incident() {
	systemctl stop mail-server.service
	systemctl stop web.service
	waits() { tocsin outbox | grep -q 'CRITICAL unit web'; }
	within "$patience" waits
	is 'a mail waits for the mail server' 0 $?
	is 'nothing was refused by the profile' '' "$(journalctl --dmesg --no-pager | grep -a 'apparmor="DENIED"' | tail -n 5)"
	systemctl --quiet disable web.service
	sync --file-system /
}

after() {
	arrives "$patience" 'after the power cut the mail that had waited comes' 'CRITICAL unit web'
	arrives "$patience" 'and what has become of the machine' 'host restarted'
	succeeds 'with how it ended' grep -q 'crash, reset or power cut' /var/mail/ops
	open() { tocsin incidents | grep -qE 'CRITICAL +web'; }
	within "$patience" open
	is 'the incident goes on' 0 $?
	systemctl start web.service
	arrives "$patience" 'until the service is back' 'RECOVERED unit web|1 recovered'
	is 'and was mailed once' 1 "$(subjects | grep -c 'CRITICAL unit web')"
}

case $1 in
disasters)
	begin
	lose_disk
	break_disk
	exhaust_unit
	exhaust_machine
	leave_incident
	;;
after) after ;;
esac
finish
