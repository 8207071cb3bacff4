# SPDX-License-Identifier: GPL-3.0-or-later
# Reads names of automake's .trs files and counts the single tests in the .log files beside them: cmocka's and
# pytest's summaries, and one test for any other script. Reasons of skips go to standard error, and the sums to
# standard output: "PASSED FAILED SKIPPED". What e2e/run runs once more is counted by the second run, and named.
function count_log(log_file, result,    line, p, f, s, n, reason, first) {
	p = f = s = 0
	reason = first = ""
	while ((getline line < log_file) > 0) {
		if (line ~ /^\[  PASSED  \] [0-9]+ test/) {
			split(substr(line, 14), n, " "); p += n[1]
		} else if (line ~ /^\[  FAILED  \] [0-9]+ test/) {
			split(substr(line, 14), n, " "); f += n[1]
		} else if (line ~ /^\[  SKIPPED \] [0-9]+ test/) {
			split(substr(line, 14), n, " "); s += n[1]
		} else if (line ~ /^=+ .*(passed|failed|skipped|error).* in [0-9.]+s.*=+$/) {
			p += number_before(line, "passed"); s += number_before(line, "skipped")
			f += number_before(line, "failed") + number_before(line, "error")
		} else if (line ~ /^(FAILED|ERROR) test_/) {
			first = first "failed at first, then run again alone: " line "\n"
		} else if (line ~ /^again, alone: /) {
			printf "%s", first > "/dev/stderr"
			f = 0
		} else if (line ~ /^SKIPPED \[/) {
			print "skipped: " substr(line, 9) > "/dev/stderr"
		}
		if (line ~ /[^ ]/ && line !~ /^SKIP /)
			reason = line
	}
	close(log_file)
	if (result == "SKIP" && s == 0) {
		s = 1
		print "skipped: " log_file ": " reason > "/dev/stderr"
	}
	if (result ~ /FAIL|ERROR|XPASS/ && f == 0)
		f = 1 # it crashed before its summary, or is a script
	if (result == "PASS" && p + f + s == 0)
		p = 1
	passed += p; failed += f; skipped += s
}

function number_before(line, word,    n, i, parts) {
	n = split(line, parts, " ")
	for (i = 2; i <= n; i++)
		if (index(parts[i], word) == 1)
			return parts[i - 1] + 0
	return 0
}

{
	trs = $0
	result = "ERROR"
	while ((getline line < trs) > 0)
		if (line ~ /^:test-result: /)
			result = substr(line, 15)
	close(trs)
	sub(/ .*/, "", result)
	sub(/\.trs$/, ".log", trs)
	count_log(trs, result)
}

END { print passed + 0, failed + 0, skipped + 0 }
