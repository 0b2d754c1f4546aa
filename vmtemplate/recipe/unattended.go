package recipe

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// edit replaces a part of a text.
type edit struct {
	from, to int
	text     string
}

// apply makes edits that do not overlap.
func apply(text string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		if e.from < at {
			continue
		}
		out.WriteString(text[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.WriteString(text[at:])
	return out.String()
}

// expandAliases writes a text without the aliases that the interactive shell had; those
// of a Dockerfile have none.
func expandAliases(text string, aliases map[string]string) string {
	file := parse(text)
	if file == nil || len(aliases) == 0 {
		return text
	}
	var edits []edit
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			if value, ok := aliases[call.Args[0].Lit()]; ok {
				edits = append(edits, edit{offset(call.Args[0].Pos()), offset(call.Args[0].End()), strings.TrimRight(value, " ")})
			}
		}
		return true
	})
	return apply(text, edits)
}

func offset(p syntax.Pos) int { return int(p.Offset()) }

// yes are programs that ask before they do something, the subcommands that do, and the
// option that makes them do it.
var yes = map[string]struct {
	commands map[string]bool
	option   string
	same     []string // other ways to say it
}{
	"apt-get":            {set("install upgrade dist-upgrade full-upgrade remove purge autoremove build-dep reinstall"), "-y", []string{"--yes", "--assume-yes", "-qq"}},
	"dnf":                {set("install upgrade update remove erase autoremove groupinstall group builddep module distro-sync reinstall downgrade swap"), "-y", []string{"--assumeyes"}},
	"yum":                {set("install upgrade update remove erase autoremove groupinstall group builddep module reinstall downgrade"), "-y", []string{"--assumeyes"}},
	"zypper":             {set("install in remove rm update up patch dup dist-upgrade"), "-y", []string{"--no-confirm", "-n", "--non-interactive"}},
	"pacman":             {set("-S -Sy -Syu -R -Rs -Su -U"), "--noconfirm", nil},
	"conda":              {set("install create update remove uninstall upgrade clean"), "-y", []string{"--yes"}},
	"mamba":              {set("install create update remove uninstall upgrade clean"), "-y", []string{"--yes"}},
	"micromamba":         {set("install create update remove uninstall upgrade clean"), "-y", []string{"--yes"}},
	"pip":                {set("uninstall"), "-y", []string{"--yes"}},
	"pip3":               {set("uninstall"), "-y", []string{"--yes"}},
	"add-apt-repository": {nil, "-y", []string{"--yes"}},
	"apt-add-repository": {nil, "-y", []string{"--yes"}},
}

// aptWords are apt's own words for what apt-get does. apt says of itself that its
// command line is not made for scripts.
var aptWords = map[string]string{
	"install": "install", "update": "update", "upgrade": "upgrade", "full-upgrade": "dist-upgrade", "remove": "remove", "purge": "purge",
	"autoremove": "autoremove", "build-dep": "build-dep", "clean": "clean", "reinstall": "reinstall", "dist-upgrade": "dist-upgrade",
	"autoclean": "autoclean", "source": "source", "download": "download",
}

// unattended writes a text so that nobody has to answer, and without sudo: a Dockerfile
// is root's.
func unattended(text string) string {
	file := parse(text)
	if file == nil {
		return text
	}
	var edits []edit
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			edits = append(edits, unattendedCall(call)...)
		}
		return true
	})
	return apply(text, edits)
}

func unattendedCall(call *syntax.CallExpr) []edit {
	args := call.Args
	var edits []edit
	if len(args) > 1 && args[0].Lit() == "sudo" {
		n := 1
		for n < len(args)-1 && slices.Contains([]string{"-E", "-H", "-n", "-S", "-k", "-b"}, args[n].Lit()) {
			n++
		}
		if strings.HasPrefix(args[n].Lit(), "-") {
			return nil // another user, a shell: sudo is what is meant
		}
		edits = append(edits, edit{offset(args[0].Pos()), offset(args[n].Pos()), ""})
		args = args[n:]
		for len(args) > 1 && strings.Contains(args[0].Lit(), "=") {
			args = args[1:]
		}
	}
	if len(args) == 0 {
		return edits
	}
	name := args[0].Lit()
	sub, word := subcommand(args)
	if name == "apt" && aptWords[word] != "" {
		name = "apt-get"
		edits = append(edits, edit{offset(args[0].Pos()), offset(args[0].End()), name})
		if aptWords[word] != word {
			edits = append(edits, edit{offset(args[sub].Pos()), offset(args[sub].End()), aptWords[word]})
		}
	}
	asks, known := yes[name]
	if !known || asks.option == "" || asks.commands != nil && !asks.commands[word] || answered(args, asks.option, asks.same) {
		return edits
	}
	at := 0
	if asks.commands != nil {
		at = sub
	}
	end := offset(args[at].End())
	return append(edits, edit{end, end, " " + asks.option})
}

// subcommand is the first word that is no option. Package managers of distributions have
// options with arguments before it (-t bookworm-backports): theirs is the first word
// that is one.
func subcommand(args []*syntax.Word) (at int, word string) {
	name := args[0].Lit()
	known := yes[name].commands
	if name == "apt" {
		known = yes["apt-get"].commands
	}
	system := name == "apt" || name == "apt-get" || name == "dnf" || name == "yum" || name == "zypper" || name == "pacman"
	first := 0
	for i, w := range args[1:] {
		a := w.Lit()
		if system && known[a] {
			return i + 1, a
		}
		if first == 0 && !strings.HasPrefix(a, "-") {
			first = i + 1
		}
	}
	if first == 0 {
		return 0, ""
	}
	return first, args[first].Lit()
}

func answered(args []*syntax.Word, option string, same []string) bool {
	return slices.ContainsFunc(args, func(w *syntax.Word) bool {
		a := w.Lit()
		return a == option || slices.Contains(same, a) ||
			option == "-y" && len(a) > 2 && a[0] == '-' && a[1] != '-' && strings.Contains(a, "y") && !strings.Contains(a, "=")
	})
}
