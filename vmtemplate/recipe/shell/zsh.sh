# jbuild: start-up of an interactive zsh (ZDOTDIR), which writes down what is done.

__jbuild_record=@RECORD@
__jbuild_number=0 __jbuild_running=
zmodload zsh/datetime

__jbuild_escape() {
	emulate -L zsh
	local backslash='\\' newline='\n' tab='\t' return='\r' text=$1
	text=${text//\\/$backslash}
	text=${text//$'\n'/$newline}
	text=${text//$'\t'/$tab}
	__jbuild_line=${text//$'\r'/$return}
}

__jbuild_preexec() {
	emulate -L zsh
	local name dir fields=
	for name in ${(k)aliases}; do
		if [[ $1 == *"$name"* ]]; then
			__jbuild_escape "$name=${aliases[$name]}"
			fields+=$'\t'alias=$__jbuild_line
		fi
	done
	for name in ${(u)=1//[;|&()$'\n']/ }; do
		if [[ $name == [a-zA-Z_]* && $name != sudo && -n ${functions_source[$name]-} ]]; then
			__jbuild_escape "$name=${functions_source[$name]}"
			fields+=$'\t'function=$__jbuild_line
		fi
	done
	__jbuild_running=1
	((__jbuild_number++))
	__jbuild_escape $PWD
	dir=$__jbuild_line
	__jbuild_escape "$1"
	builtin printf '\n1\tstart\tshell=%s\tn=%s\tat=%s\tdir=%s%s\ttext=%s\t.\n' \
		$$ $__jbuild_number $EPOCHREALTIME "$dir" "$fields" "$__jbuild_line" >>$__jbuild_record
} 2>/dev/null

__jbuild_precmd() {
	local __jbuild_status=$?
	emulate -L zsh
	if [[ -n $__jbuild_running ]]; then
		__jbuild_escape $PWD
		builtin printf '\n1\tend\tshell=%s\tat=%s\tstatus=%s\tdir=%s\t.\n' $$ $EPOCHREALTIME $__jbuild_status "$__jbuild_line" >>$__jbuild_record
	fi 2>/dev/null
	__jbuild_running=
	return $__jbuild_status
}

sudo() {
	if (($+commands[sudo])); then
		command sudo "$@"
		return
	fi
	while [[ ${1-} == -[EHnSkb] ]]; do shift; done
	case ${1-} in
	-*) echo "sudo: not installed" >&2; return 127 ;;
	*) env "$@" ;;
	esac
}

ZDOTDIR=${HOME-/root}
[[ ! -r $ZDOTDIR/.zshrc ]] || . $ZDOTDIR/.zshrc
typeset -ga preexec_functions precmd_functions
preexec_functions=(__jbuild_preexec $preexec_functions)
precmd_functions=(__jbuild_precmd $precmd_functions)
PS1=@PROMPT@'%n:%~%# '
__jbuild_escape $PWD
builtin printf '\n1\tshell\tshell=%s\tparent=%s\tkind=zsh\tversion=%s\thome=%s\tat=%s\tdir=%s\t.\n' \
	$$ $PPID $ZSH_VERSION "${HOME-}" $EPOCHREALTIME "$__jbuild_line" >>$__jbuild_record 2>/dev/null
builtin printf '%s' @WELCOME@
