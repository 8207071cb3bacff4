# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of tocsin(1) for bash. Nothing is listed here: verbs and options come from "tocsin --help", modules and what
# they take from "tocsin describe --words", the names of checks from "tocsin config".

# The words of standard input that begin with $1 go to COMPREPLY.
_tocsin_offer() {
	local word
	while IFS=$'\t' read -r word _; do
		[[ $word = "$1"* ]] && COMPREPLY+=("$word")
	done
}

# In WORDS, the command line so far: sets verb and rest, the arguments that are no options.
_tocsin_parse() {
	local i with_argument
	with_argument=" $("${words[0]}" --help 2> /dev/null | grep -oE -- '--[a-z-]+ [A-Z]' | sed 's/ .$//' | tr '\n' ' ')"
	verb='' rest=() previous=''
	for ((i = 1; i < ${#words[@]}; i++)); do
		if [[ $with_argument = *" ${words[i]} "* ]]; then
			previous=${words[i]}
			((i++))
		elif [[ ${words[i]} != -* ]]; then
			if [[ $verb ]]; then rest+=("${words[i]}"); else verb=${words[i]}; fi
		fi
	done
	((i > ${#words[@]})) || previous=''
}

# KEY= or the values behind it.
_tocsin_assignment() {
	local module=$1 current=$2 key=${2%%=*}
	if [[ $current != *=* ]]; then
		_tocsin_offer "$current" < <("${words[0]}" describe --words "$module" 2> /dev/null)
		COMPREPLY=("${COMPREPLY[@]/%/=}")
		compopt -o nospace 2> /dev/null
	else
		_tocsin_offer "${current#*=}" < <("${words[0]}" describe --words "$module" "$key" 2> /dev/null)
		[[ ${COMPREPLY[*]} ]] || mapfile -t COMPREPLY < <(compgen -f -- "${current#*=}")
	fi
}

_tocsin() {
	local words current verb previous line
	local -a rest
	# Up to the cursor, and with KEY=VALUE in one piece: readline cuts it at the sign.
	line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<< "$line"
	current=''
	if [[ $line != *[[:space:]] ]]; then
		current=${words[-1]}
		unset 'words[-1]'
	fi
	words[0]=$1
	_tocsin_parse
	COMPREPLY=()
	if [[ $previous = --config || $previous = --conf-dir || $previous = --root || $previous = --password-file ||
		$previous = --control || $previous = --state ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	elif [[ $previous = --language ]]; then
		_tocsin_offer "$current" < <("$1" describe --sections --words tocsin language 2> /dev/null)
	elif [[ $previous ]]; then
		return
	elif [[ $current = -* ]]; then
		_tocsin_offer "$current" < <("$1" --help 2> /dev/null | grep -oE -- '--[a-z-]+' | sort -u)
	elif [[ ! $verb ]]; then
		_tocsin_offer "$current" < <("$1" --help 2> /dev/null | sed -n 's/^  \([a-z][a-z-]*\)\( .*\)\{0,1\}$/\1/p')
	elif [[ $verb = check && ${#rest[@]} = 0 ]]; then
		_tocsin_offer "$current" < <("$1" config 2> /dev/null | sed -n 's/^\[check \(.*\)\]$/\1/p')
	elif [[ $verb = try && ${#rest[@]} = 0 ]]; then
		_tocsin_offer "$current" < <("$1" describe --words 2> /dev/null)
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X '!*/*.so' -- "$current")
	elif [[ $verb = try ]]; then
		_tocsin_assignment "${rest[0]}" "$current"
	elif [[ $verb = describe && ${#rest[@]} -lt 2 ]]; then
		local -a sections=()
		[[ " ${words[*]} " != *' --sections '* ]] || sections=(--sections)
		_tocsin_offer "$current" < <("$1" describe --words "${sections[@]}" "${rest[@]}" 2> /dev/null)
	fi
}

complete -F _tocsin tocsin
