# jbuild: start-up of an interactive bash (--rcfile), which writes down what is done.
# It is read again, through PROMPT_COMMAND, by a bash that is started in this one.

__jbuild_record=@RECORD@
__jbuild_last= __jbuild_at= __jbuild_none=
__jbuild_ready=1

# One line of text: backslashes, line ends and tabs are written as two characters.
# The replacements are quoted, or bash 5.2 would look for & and \ in them.
__jbuild_escape() {
	local backslash='\\' newline='\n' tab='\t' return='\r' text=$1
	text=${text//\\/"$backslash"}
	text=${text//$'\n'/"$newline"}
	text=${text//$'\t'/"$tab"}
	__jbuild_line=${text//$'\r'/"$return"}
}

__jbuild_now() {
	__jbuild_time=${EPOCHREALTIME-}
	[[ $__jbuild_time ]] || builtin printf -v __jbuild_time '%(%s)T' -1
	__jbuild_time=${__jbuild_time/,/.}
}

# The newest entry of the history, and its number. With history switched off, or
# HISTCONTROL set by hand, it is not the command that runs; the number tells.
__jbuild_newest() {
	local HISTTIMEFORMAT entry
	entry=$(builtin history 1)
	__jbuild_number=${entry#"${entry%%[! ]*}"}
	__jbuild_number=${__jbuild_number%%[!0-9]*}
	__jbuild_text=${entry#*"$__jbuild_number"[\ \*]\ }
}

# Always in a subshell: a command begins. What it may mean only here goes with it:
# aliases, and functions that a start-up file has defined.
__jbuild_began() {
	local before=$? # of the command before: after a paste there is no prompt between two
	set +xeuf
	trap - ERR DEBUG
	shopt -u nocasematch
	IFS=$' \t\n'
	local name word where line fields=
	__jbuild_newest
	if [[ $__jbuild_number != "$__jbuild_last" ]]; then
		for name in "${!BASH_ALIASES[@]}"; do
			if [[ $__jbuild_text == *"$name"* ]]; then
				__jbuild_escape "$name=${BASH_ALIASES[$name]}"
				fields+=$'\t'alias=$__jbuild_line
			fi
		done
		set -f
		shopt -s extdebug
		word=${__jbuild_text:0:4000}
		for word in ${word//[;|&()$'\n']/ }; do
			if [[ $word == [a-zA-Z_]* && $word != sudo && $word != *[^a-zA-Z0-9_.:-]* ]]; then
				where=$(declare -F -- "$word") && read -r name line where <<<"$where" && [[ $name ]] &&
					__jbuild_escape "$name=$where" && fields+=$'\t'function=$__jbuild_line
			fi
		done
	fi
	[[ ! ${1-} ]] || before=
	__jbuild_now
	__jbuild_escape "$PWD"
	word=$__jbuild_line
	__jbuild_escape "$__jbuild_text"
	builtin printf '\n1\tstart\tshell=%s\tn=%s\tat=%s\tbefore=%s\tdir=%s%s\ttext=%s\t.\n' \
		"$$" "$__jbuild_number" "${1:-$__jbuild_time}" "$before" "$word" "$fields" "$__jbuild_line" >>"$__jbuild_record"
} 2>/dev/null

# Before each prompt: the command has ended.
__jbuild_prompt() {
	local status=$__jbuild_status flags=$-
	{ local - && set +xeu; } 2>/dev/null
	local IFS=$' \t\n' number=$__jbuild_last
	__jbuild_newest
	__jbuild_now
	if [[ ! $__jbuild_last ]]; then
		__jbuild_escape "$PWD"
		builtin printf '\n1\tshell\tshell=%s\tparent=%s\tkind=bash\tversion=%s\thome=%s\tat=%s\tdir=%s\t.\n' \
			"$$" "$PPID" "$BASH_VERSION" "${HOME-}" "$__jbuild_time" "$__jbuild_line"
	elif [[ $__jbuild_at || $__jbuild_number && $__jbuild_number != "$number" ]]; then
		# A bash without PS0 (before 4.4), or one whose PS0 has been changed.
		[[ $__jbuild_at ]] || number=$(HISTTIMEFORMAT='%s ' && number=$(builtin history 1) && read -r _ number _ <<<"$number" && __jbuild_began "$number")
		__jbuild_escape "$PWD"
		builtin printf '\n1\tend\tshell=%s\tat=%s\tstatus=%s\tdir=%s\t.\n' "$$" "$__jbuild_time" "$status" "$__jbuild_line"
	fi >>"$__jbuild_record" 2>/dev/null
	__jbuild_last=${__jbuild_number:-0} __jbuild_at=
	[[ $flags == *e* ]] || return "$status"
}

# sudo is what everybody's instructions say; root of an image needs none.
sudo() {
	if builtin type -P sudo >/dev/null; then
		command sudo "$@"
		return
	fi
	while [[ ${1-} == -[EHnSkb] ]]; do shift; done
	case ${1-} in
	-*) echo "sudo: not installed" >&2; return 127 ;;
	*) env "$@" ;;
	esac
}

if [[ ! ${__jbuild_status+set} ]]; then
	[[ ! -r ~/.bashrc ]] || . ~/.bashrc
	__jbuild_welcome=1
fi

# History as it is typed: multi-line commands keep their lines, none is passed over.
shopt -s cmdhist lithist
set -o history
HISTCONTROL= HISTIGNORE=
[[ ${HISTSIZE-500} -ge 100 ]] || HISTSIZE=500

PS1=@PROMPT@'\u:\w\$ '
# The time is set in this shell, the record is written in a subshell; both give nothing.
PS0='${__jbuild_none:$((__jbuild_at=1,0)):0}$(__jbuild_began)'
if [[ ${PROMPT_COMMAND-} != *__jbuild_prompt* ]]; then
	PROMPT_COMMAND='__jbuild_status=$?; [[ ${__jbuild_ready-} || ! -r @RC@ ]] || . @RC@; [[ ! ${__jbuild_ready-} ]] || __jbuild_prompt'${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}
fi
export PROMPT_COMMAND
if [[ ${__jbuild_welcome-} ]]; then
	unset __jbuild_welcome
	builtin printf '%s' @WELCOME@
fi
