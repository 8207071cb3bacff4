# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of tocsin(1) for fish. Nothing is listed here: see tocsin.bash. "tocsin describe --words" speaks as fish
# wants it: a word, a tab, its meaning.

# The arguments so far that are no options, the verb first.
function __tocsin_arguments
	set -l with_argument (tocsin --help 2> /dev/null | string match -ar -- '--[a-z-]+ (?=[A-Z])' | string trim)
	set -l skip no
	for word in (commandline -opc)[2..]
		if test $skip = yes
			set skip no
		else if contains -- $word $with_argument
			set skip yes
		else if not string match -q -- '-*' $word
			echo $word
		end
	end
end

function __tocsin_offers
	if test (commandline -opc)[-1] = --language
		tocsin describe --sections --words tocsin language 2> /dev/null
		return
	end
	set -l arguments (__tocsin_arguments)
	set -l sections
	contains -- --sections (commandline -opc); and set sections --sections
	switch "$arguments[1]:"(count $arguments)
		case ':0'
			tocsin --help 2> /dev/null | string match -r '^  [a-z].*|^      [a-z].*' |
				string replace -rf '^  ([a-z-]+).*' '$1'
		case 'check:1'
			tocsin config 2> /dev/null | string replace -rf '^\[check (.*)\]$' '$1'
		case 'try:1' 'describe:1' 'describe:2'
			tocsin describe --words $sections $arguments[2..] 2> /dev/null
			test $arguments[1] = try; and __fish_complete_suffix .so
		case 'try:*'
			set -l current (commandline -ct)
			if not string match -q '*=*' -- $current
				tocsin describe --words $arguments[2] 2> /dev/null | string replace \t =\t
			else
				set -l key (string split -m 1 = -- $current)[1]
				set -l values (tocsin describe --words $arguments[2] $key 2> /dev/null | string trim)
				if test -n "$values"
					printf "$key=%s\n" $values
				else
					__fish_complete_path (string split -m 1 = -- $current)[2] | string replace -r '^' "$key="
				end
			end
	end
end

complete -c tocsin -f -a '(__tocsin_offers)'
complete -c tocsin -n 'string match -q -- "-*" (commandline -ct)' -f \
	-a '(tocsin --help 2> /dev/null | string match -ar -- "--[a-z-]+" | sort -u)'
