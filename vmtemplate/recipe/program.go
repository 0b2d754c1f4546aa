package recipe

import (
	"slices"
	"strings"
)

// set makes a set of words.
func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

var (
	// lookers are programs that change nothing, whatever their arguments, as long as
	// their output goes to the terminal.
	lookers = set(`ls ll la l dir vdir cat tac nl less more most man info apropos whatis which whereis type hash history clear reset df du top htop btop
		free ps pstree pgrep pwd cd pushd popd dirs echo printf head tail grep egrep fgrep zgrep rg ag wc sort uniq cut tr paste column fold rev
		tree file stat id whoami groups who w uname arch hostname date cal uptime nproc printenv nvidia-smi lscpu lsblk lspci lsusb lsmod lsof
		findmnt ldd nm readelf objdump strings size md5sum sha1sum sha256sum sha512sum b2sum cksum sum cmp diff diff3 sdiff od xxd hexdump
		help exit logout jobs fg bg wait true false : sleep test [ [[ apt-cache dpkg-query zcat xzcat bzcat zless zmore jq yq getent
		locale localectl tty stty tput basename dirname realpath readlink expr seq yes factor bc dc ping host dig nslookup ip ss netstat ifconfig
		dmesg vmstat iostat watch kill killall pkill disown ulimit bind return break continue compgen complete bashtop neofetch cowsay fortune sl
		traceroute mpirun mpiexec nvtop ranger ncdu view whatprovides`)

	// lookingOnly are subcommands that only look.
	lookingOnly = map[string]map[string]bool{
		"apt":       set("search show list policy depends rdepends help changelog showsrc"),
		"apt-get":   set("check help changelog indextargets"),
		"apt-mark":  set("showauto showmanual showhold"),
		"aptitude":  set("search show why why-not"),
		"dpkg":      set("-l --list -L --listfiles -s --status -S --search -p -I -c --get-selections --print-architecture -V --verify"),
		"rpm":       set("-q -qa -qi -ql -qf -qR -qc -qd --query -V -Va -qp -qpl -qpi"),
		"dnf":       set("search list info repolist provides repoquery history check-update help whatprovides"),
		"yum":       set("search list info repolist provides history check-update help whatprovides"),
		"zypper":    set("search se info if repos lr packages pa list-updates lu"),
		"apk":       set("info search list policy stats"),
		"pip":       set("list show freeze check search help index debug inspect cache"),
		"pip3":      set("list show freeze check search help index debug inspect cache"),
		"conda":     set("list info search help env-list doctor compare"),
		"mamba":     set("list info search help repoquery"),
		"npm":       set("ls list view info search outdated help audit ping root prefix bin whoami"),
		"git":       set("status log diff show branch help remote blame ls-files grep rev-parse describe shortlog reflog ls-remote"),
		"module":    set("avail av list spider show display whatis keyword help"),
		"ml":        set("avail av spider list"),
		"systemctl": set("status list-units list-unit-files is-active is-enabled show cat"),
		"cargo":     set("search tree help"),
		"gem":       set("list search info environment help"),
		"go":        set("version env list help doc"),
		"spack":     set("find list info spec versions compilers arch providers"),
		"tar":       set("t -t tf tvf -tf -tvf tzf -tzf tvzf tjf tJf -tvzf --list"),
		"unzip":     set("-l -Z -t"),
		"mount":     set(""), "crontab": set("-l"), "alias": set(""), "set": set(""), "export": set(""),
	}

	// editors are for files that somebody writes by hand.
	editors = set("vi vim nvim vim.tiny vim.basic nano pico rnano emacs emacsclient mg jed joe ne micro mcedit ed ex hx kak tilde editor sensible-editor vipw vigr visudo sudoedit mc")

	// shells and the like do what is typed to them, unless they are given a file or a
	// text. The value is the options that have text after them.
	talkers = map[string]map[string]bool{
		"bash": set("-c"), "sh": set("-c"), "dash": set("-c"), "zsh": set("-c"), "fish": set("-c"), "ksh": set("-c"), "ash": set("-c"), "csh": set("-c"), "tcsh": set("-c"),
		"python": set("-c -m"), "python3": set("-c -m"), "python2": set("-c -m"), "ipython": set("-c -m"), "ipython3": set("-c -m"), "bpython": set(""), "ptpython": set(""),
		"R": set("-e -f CMD --file"), "julia": set("-e -E --eval"), "node": set("-e -p --eval"), "ghci": set("-e"), "irb": set("-e"), "perl": set("-e -E"), "ruby": set("-e"), "octave": set("--eval"), "scala": set("-e"),
		"lua": set("-e"), "gap": set("-c"), "sqlite3": set(""), "psql": set("-c -f"), "mysql": set("-e"), "mariadb": set("-e"), "maxima": set("--batch-string"), "gdb": set("-x -ex"),
		"tmux": set(""), "screen": set(""), "passwd": set(""), "chsh": set("-s"), "chfn": set(""), "dpkg-reconfigure": set(""), "aptitude": set("install remove purge update upgrade"),
		"nvim-qt": set(""), "ftp": set(""), "sftp": set("-b"), "telnet": set(""), "dialog": set(""), "fdisk": set(""), "gpg": set("--import --batch"), "matlab": set("-batch -r"), "sage": set("-c"),
	}

	// stateful matter only to what comes after them in the same shell.
	stateful = set("alias unalias set shopt unset export declare typeset local readonly umask trap source . eval module ml activate deactivate enable setopt unsetopt autoload nvm workon")
)

// classOfCall is the class of one program with its arguments; words that nobody knows
// before it runs are empty.
func classOfCall(words []string) class {
	if len(words) == 0 {
		return noise
	}
	name, args := words[0], words[1:]
	switch {
	case name == "":
		return ordinary
	case len(args) > 0 && onlyAsks(args):
		return noise
	case lookers[name]:
		return noise
	case editors[name]:
		return interactive
	case name == "find":
		if slices.ContainsFunc(args, func(a string) bool {
			return strings.HasPrefix(a, "-exec") || strings.HasPrefix(a, "-ok") || a == "-delete" || strings.HasPrefix(a, "-fprint") || a == "-fls"
		}) {
			return ordinary
		}
		return noise
	case name == "sed" || name == "awk" || name == "gawk" || name == "mawk":
		return filter(name, args)
	case name == "env":
		return noise
	case name == "conda" || name == "mamba" || name == "micromamba":
		if len(args) > 0 && (args[0] == "activate" || args[0] == "deactivate" || args[0] == "shell") {
			return state
		}
		if len(args) > 1 && args[0] == "env" && args[1] == "list" {
			return noise
		}
	}
	if looking, ok := lookingOnly[name]; ok && looks(looking, args) {
		return noise
	}
	if name == "su" || name == "ssh" {
		return remote(name, args)
	}
	if withText, ok := talkers[name]; ok && talks(withText, args) {
		return interactive
	}
	if stateful[name] {
		return state
	}
	return ordinary
}

// onlyAsks: a program is asked for its version or its help.
func onlyAsks(args []string) bool {
	return len(args) == 1 && slices.Contains([]string{"--version", "-version", "-V", "--help", "-h", "-help", "version", "-v", "-vV"}, args[0])
}

// looks: the first word that is no option is a subcommand that only looks; or there is
// none at all.
func looks(looking map[string]bool, args []string) bool {
	for _, a := range args {
		if looking[a] {
			return true
		}
		if a == "" || !strings.HasPrefix(a, "-") {
			return false
		}
	}
	return len(args) == 0
}

// talks: no file and no text is given, so that it reads the terminal.
func talks(withText map[string]bool, args []string) bool {
	for _, a := range args {
		if withText[a] || a == "" || !strings.HasPrefix(a, "-") {
			return len(withText) == 0 // ssh host, tmux new: a talk all the same
		}
		for option := range withText {
			if strings.HasPrefix(option, "--") && strings.HasPrefix(a, option+"=") {
				return false
			}
		}
	}
	return true
}

// remote: a shell as somebody else or somewhere else, unless a command is given.
func remote(name string, args []string) class {
	hosts := 0
	for _, a := range args {
		if name == "su" && (a == "-c" || strings.HasPrefix(a, "--command")) {
			return ordinary
		}
		if !strings.HasPrefix(a, "-") {
			hosts++
		}
	}
	if name == "ssh" && hosts > 1 {
		return ordinary
	}
	return interactive
}

// filter is sed or awk, which print; sed can write over its files, awk's program can
// have redirections.
func filter(name string, args []string) class {
	for _, a := range args {
		if a == "" || name == "sed" && (strings.HasPrefix(a, "-i") || strings.HasPrefix(a, "--in-place") || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "i")) ||
			name != "sed" && (strings.Contains(a, ">") || strings.Contains(a, "system")) {
			return ordinary
		}
	}
	return noise
}
