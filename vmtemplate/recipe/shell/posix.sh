# jbuild: an interactive session in a POSIX shell that tells nobody what is typed. So
# this script reads the lines itself, writes them down and evaluates them.

__jbuild_record=@RECORD@
__jbuild_number=0
__jbuild_newline='
'
__jbuild_tab=$(printf '\t')
__jbuild_return=$(printf '\r')
# Milliseconds and less where date knows them (not busybox's).
__jbuild_format=%s.%N
case $(date +%N 2>/dev/null) in
'' | *[!0-9]*) __jbuild_format=%s ;;
esac

__jbuild_escape() {
	__jbuild_rest=$1 __jbuild_line=
	while :; do
		case $__jbuild_rest in
		*[\\"$__jbuild_newline$__jbuild_tab$__jbuild_return"]*) ;;
		*) break ;;
		esac
		__jbuild_part=${__jbuild_rest%%[\\"$__jbuild_newline$__jbuild_tab$__jbuild_return"]*}
		__jbuild_rest=${__jbuild_rest#"$__jbuild_part"}
		case $__jbuild_rest in
		\\*) __jbuild_line=$__jbuild_line$__jbuild_part'\\' ;;
		"$__jbuild_newline"*) __jbuild_line=$__jbuild_line$__jbuild_part'\n' ;;
		"$__jbuild_tab"*) __jbuild_line=$__jbuild_line$__jbuild_part'\t' ;;
		*) __jbuild_line=$__jbuild_line$__jbuild_part'\r' ;;
		esac
		__jbuild_rest=${__jbuild_rest#?}
	done
	__jbuild_line=$__jbuild_line$__jbuild_rest
}

__jbuild_write() {
	printf '\n1\t%s\tshell=%s\t%s\tat=%s\tdir=%s\t.\n' "$1" "$$" "$2" "$(date +$__jbuild_format)" "$__jbuild_line" >>"$__jbuild_record"
} 2>/dev/null

# One line of input, behind the prompt $1. In a subshell, the interrupt key ends it:
# this shell's own read would go on, without a prompt.
__jbuild_read() {
	trap - INT
	printf '%s' "$1" >&2
	IFS= read -r __jbuild_line || exit 1
	printf '%s' "$__jbuild_line"
}

# What the shell says about $1 as a whole; nothing if it is right.
__jbuild_check() {
	printf '%s\n' "$1" | @SHELL@ -n 2>&1
}

# Is more to come? A quote, a loop or a here-document is open. An open here-document
# swallows a parenthesis that is an error anywhere else.
__jbuild_open() {
	case $(__jbuild_check "$1") in
	'') [ -z "$(__jbuild_check "$1$__jbuild_newline)")" ] ;;
	*'end of file'* | *nterminated* | *EOF*) true ;;
	*) false ;;
	esac
}

sudo() {
	if (unset -f sudo; command -v sudo) >/dev/null; then
		command sudo "$@"
		return
	fi
	while :; do
		case ${1-} in
		-[EHnSkb]) shift ;;
		-*) echo "sudo: not installed" >&2; return 127 ;;
		*) break ;;
		esac
	done
	env "$@"
}

trap : INT
trap '' TSTP TTIN TTOU
set -m 2>/dev/null
__jbuild_escape "$PWD"
__jbuild_write shell "parent=$PPID${__jbuild_tab}kind=sh${__jbuild_tab}home=${HOME-}"
printf '%s' @WELCOME@
__jbuild_status=0
while :; do
	__jbuild_text=$(__jbuild_read @PROMPT@"${USER:-root}:$PWD# ") || {
		[ $? -gt 1 ] || break # the end of the input
		echo >&2
		continue
	}
	while __jbuild_open "$__jbuild_text"; do
		__jbuild_line=$(__jbuild_read '> ') || {
			__jbuild_text=
			echo >&2
			break
		}
		__jbuild_text=$__jbuild_text$__jbuild_newline$__jbuild_line
	done
	case $__jbuild_text in
	*[!\ "$__jbuild_tab"]*) ;;
	*) continue ;;
	esac
	__jbuild_number=$((__jbuild_number + 1))
	__jbuild_escape "$__jbuild_text"
	__jbuild_typed="n=$__jbuild_number${__jbuild_tab}text=$__jbuild_line"
	__jbuild_escape "$PWD"
	__jbuild_write start "$__jbuild_typed"
	(exit "$__jbuild_status")
	# command: an error in a special built-in does not end this script.
	command eval "$__jbuild_text"
	__jbuild_status=$?
	__jbuild_escape "$PWD"
	__jbuild_write end "status=$__jbuild_status"
done
