package secret

import (
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"mvdan.cc/sh/v3/syntax"
)

// option is an argument of a program that is followed by a password.
type option struct {
	name     string
	attached bool   // the password is part of the same word only: -pX
	after    string // only what comes after this: user:password
	command  string // only with this subcommand
}

// options are by programs. What is called like a secret (--password) is found without
// them.
var options = map[string][]option{
	"curl": {{name: "-u", after: ":"}, {name: "--user", after: ":"}, {name: "-U", after: ":"}, {name: "--proxy-user", after: ":"}, {name: "--oauth2-bearer"},
		{name: "-b"}, {name: "--cookie"}, {name: "--key", after: ":"}, {name: "-E", after: ":"}, {name: "--cert", after: ":"}},
	"http": {{name: "-a", after: ":"}, {name: "--auth", after: ":"}}, "wget": {{name: "--header", after: ": "}},
	"mysql": mysql, "mysqldump": mysql, "mysqladmin": mysql, "mysqlimport": mysql, "mariadb": mysql, "mariadb-dump": mysql, "mariadb-admin": mysql,
	"docker": login, "podman": login, "nerdctl": login, "buildah": login, "helm": login, "oras": login, "singularity": login, "apptainer": login,
	"crane": login, "jbuild": login, "jrun": login, "az": login, "skopeo": append(login, creds...), "reg": login,
	"sshpass":   {{name: "-p"}},
	"redis-cli": {{name: "-a"}}, "mongo": {{name: "-p"}}, "mongosh": {{name: "-p"}}, "mongodump": {{name: "-p"}}, "mongorestore": {{name: "-p"}},
	"ldapsearch": ldap, "ldapadd": ldap, "ldapmodify": ldap, "ldapwhoami": ldap, "ldappasswd": append(ldap, option{name: "-s"}, option{name: "-a"}),
	"smbclient": {{name: "-U", after: "%"}, {name: "--user", after: "%"}}, "lftp": {{name: "-u", after: ","}}, "sqlcmd": {{name: "-P"}},
	"zip": {{name: "-P"}}, "unzip": {{name: "-P"}}, "7z": {{name: "-p", attached: true}}, "7za": {{name: "-p", attached: true}}, "7zz": {{name: "-p", attached: true}},
	"openssl":    {{name: "-k"}, {name: "-K"}, {name: "-passin", after: "pass:"}, {name: "-passout", after: "pass:"}, {name: "-pass", after: "pass:"}},
	"ssh-keygen": {{name: "-N"}, {name: "-P"}}, "useradd": {{name: "-p"}}, "usermod": {{name: "-p"}}, "ncftp": {{name: "-p"}},
	"svn": {{name: "--password"}}, "kadmin": {{name: "-w"}}, "unrar": {{name: "-p", attached: true}}, "rar": {{name: "-p", attached: true}},
	"twine": {{name: "-p", command: "upload"}}, "anaconda": {{name: "-t"}}, "hf": {{name: "-t"}},
}

var (
	mysql = []option{{name: "-p", attached: true}}
	login = []option{{name: "-p", command: "login"}, {name: "--creds", after: ":"}}
	creds = []option{{name: "--src-creds", after: ":"}, {name: "--dest-creds", after: ":"}}
	ldap  = []option{{name: "-w"}}
)

// positional are commands whose arguments are passwords: the words that lead to it.
var positional = [][]string{
	{"wandb", "login"}, {"vault", "login"}, {"rclone", "obscure"}, {"conda", "token", "set"}, {"anaconda", "token", "set"}, {"htpasswd"},
	{"poetry", "config"}, {"git", "config"}, {"npm", "config"}, {"npm", "set"}, {"yarn", "config"}, {"pnpm", "config"}, {"aws", "configure"},
	{"pip", "config"}, {"dvc", "remote"}, {"rclone", "config"}, {"smbpasswd"},
}

// readsPassword are programs that a password is piped into.
func readsPassword(words []string) bool {
	switch words[0] {
	case "chpasswd", "passwd", "kinit", "smbpasswd", "su", "cryptsetup":
		return true
	case "sudo":
		return slices.Contains(words, "-S") || slices.Contains(words, "chpasswd") || slices.Contains(words, "passwd")
	case "git":
		return slices.Contains(words, "credential")
	}
	for _, w := range words[1:] {
		if strings.HasSuffix(w, "password-stdin") || w == "--with-token" || strings.HasPrefix(w, "--passphrase-fd") || w == "login" || w == "-in" {
			return true
		}
	}
	return false
}

// mostNested is how deep commands in quotes of commands are looked at.
const mostNested = 3

// arguments are secrets by the place where they stand, also in commands that stand in
// quotes: sh -c '…', alias x='…', ssh host '…'.
func arguments(text string) []span { return argumentsAt(text, 0) }

func argumentsAt(text string, depth int) []span {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if file == nil || err != nil && len(file.Stmts) == 0 {
		return nil
	}
	f := finder{text: text}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.CallExpr:
			f.call(v)
		case *syntax.BinaryCmd:
			if (v.Op == syntax.Pipe || v.Op == syntax.PipeAll) && f.takesSecret(v.Y) {
				f.everything(v.X)
			}
		case *syntax.Stmt:
			if f.takesSecret(v) {
				f.everything(v)
			}
		case *syntax.SglQuoted:
			f.quoted(int(v.Left.Offset())+len(`'`), int(v.Right.Offset()), depth)
		case *syntax.DblQuoted:
			f.quoted(int(v.Left.Offset())+len(`"`), int(v.Right.Offset()), depth)
		}
		return true
	})
	return f.spans
}

// quoted looks at what stands in quotes as a command of its own, if it may be one.
func (f *finder) quoted(from, to, depth int) {
	if depth == mostNested || from >= to || to > len(f.text) || !strings.Contains(f.text[from:to], " ") {
		return
	}
	for _, s := range argumentsAt(f.text[from:to], depth+1) {
		f.spans = append(f.spans, span{from + s.from, from + s.to})
	}
}

type finder struct {
	text  string
	spans []span
}

// add notes a part of the text, unless it only mentions a secret.
func (f *finder) add(from, to int) {
	s := unquoted(f.text, from, to)
	if s.from < s.to && hides(f.text[s.from:s.to]) || s.to-s.from < 3 && s.to > s.from && !reference().MatchString(f.text[s.from:s.to]) {
		f.spans = append(f.spans, s)
	}
}

// words of a call, as they are written, without quotes.
func (f *finder) words(call *syntax.CallExpr) []string {
	all := make([]string, len(call.Args))
	for i, w := range call.Args {
		all[i] = strings.Trim(f.source(w), `"'`)
	}
	if len(all) > 0 {
		all[0] = path.Base(all[0])
	}
	return all
}

func (f *finder) source(n syntax.Node) string {
	from, to := offsets(n)
	if to > len(f.text) || from > to {
		return ""
	}
	return f.text[from:to]
}

func offsets(n syntax.Node) (from, to int) { return int(n.Pos().Offset()), int(n.End().Offset()) }

// call looks at one program with its arguments. A program that runs another one is
// passed: sudo, env, time.
func (f *finder) call(call *syntax.CallExpr) {
	words := f.words(call)
	args := call.Args
	for len(words) > 1 && (words[0] == "sudo" || words[0] == "env" || words[0] == "time" || words[0] == "nohup") {
		words, args = words[1:], args[1:]
		for len(words) > 1 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
			words, args = words[1:], args[1:]
		}
		words[0] = path.Base(words[0])
	}
	if len(words) == 0 {
		return
	}
	f.nested(words, args)
	for _, o := range options[words[0]] {
		if o.command == "" || slices.Contains(words, o.command) {
			f.option(o, words, args)
		}
	}
	for _, lead := range positional {
		if leads(words, lead) {
			f.position(words, args, len(lead))
		}
	}
}

func leads(words, lead []string) bool {
	return len(words) > len(lead) && slices.Equal(words[:len(lead)], lead)
}

func (f *finder) option(o option, words []string, args []*syntax.Word) {
	for i := 1; i < len(words); i++ {
		from, to := offsets(args[i])
		switch {
		case words[i] == o.name && !o.attached && i+1 < len(words):
			from, to = offsets(args[i+1])
		case strings.HasPrefix(words[i], o.name+"=") && strings.HasPrefix(o.name, "--"):
			from += len(o.name) + 1
		case strings.HasPrefix(words[i], o.name) && len(words[i]) > len(o.name) && !strings.HasPrefix(o.name, "--") && len(o.name) == 2:
			from += len(o.name)
			if f.text[from-1] != o.name[1] { // it began with a quote
				from++
			}
		default:
			continue
		}
		if o.after != "" {
			at := strings.Index(f.text[from:to], o.after)
			if at < 0 || o.name == "--header" && !namesSecret(strings.Trim(f.text[from:from+at], `"'`)) {
				continue
			}
			from += at + len(o.after)
			to = from + len(strings.TrimRight(f.text[from:to], `"'`))
		}
		f.add(from, to)
	}
}

// position is for commands that take a password as an argument: after a word that says
// so, or, if the command is only for that, the last one.
func (f *finder) position(words []string, args []*syntax.Word, lead int) {
	last := len(words) - 1
	switch words[lead-1] {
	case "config", "set", "configure", "remote":
		if words[0] == "conda" || words[0] == "anaconda" {
			break
		}
		for i := lead; i < last; i++ {
			if namesSecret(words[i]) || strings.HasPrefix(words[i], "http-basic") && i+2 == last {
				f.add(offsets(args[last]))
			}
		}
		return
	case "htpasswd":
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && strings.Contains(w, "b") }) {
			return
		}
	}
	if !strings.HasPrefix(words[last], "-") {
		f.add(offsets(args[last]))
	}
}

// takesSecret reports whether what goes into a statement is a secret: because the
// program asks for a password, or because it writes a file of logins.
func (f *finder) takesSecret(stmt *syntax.Stmt) bool {
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.RdrInOut:
			if r.Word != nil && isLogins(strings.Trim(f.source(r.Word), `"'`)) {
				return true
			}
		}
	}
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	words := f.words(call)
	if words[0] == "sudo" && len(words) > 1 {
		if words[1] = path.Base(words[1]); words[1] == "tee" {
			words = words[1:]
		}
	}
	if words[0] == "tee" {
		return slices.ContainsFunc(words[1:], isLogins)
	}
	return readsPassword(words)
}

// isLogins reports whether a path, as it is written in a command, is one of a file
// that stays out of images because of what is in it.
func isLogins(name string) bool {
	for _, home := range []string{"~/", "$HOME/", "${HOME}/"} {
		if rest, ok := strings.CutPrefix(name, home); ok {
			name = "/root/" + rest
		}
	}
	if !strings.HasPrefix(name, "/") {
		name = "/root/" + name
	}
	return change.Filter(path.Clean(name)) == change.Secret || path.Base(name) == ".env"
}

// everything that is written literally in a statement goes: arguments of its programs,
// and its here-documents.
func (f *finder) everything(stmt *syntax.Stmt) {
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch v := n.(type) {
		case *syntax.CallExpr:
			if words := f.words(v); len(words) > 0 && (words[0] == "echo" || words[0] == "printf" || words[0] == "yes") {
				for _, w := range v.Args[1:] {
					if !strings.HasPrefix(f.source(w), "-") {
						f.add(offsets(w))
					}
				}
			}
		case *syntax.Redirect:
			if v.Hdoc != nil {
				from, to := offsets(v.Hdoc)
				if line := strings.LastIndexByte(f.text[from:to], '\n'); line > 0 { // the delimiter stays
					to = from + line
				}
				f.add(from, to)
			} else if v.Op == syntax.WordHdoc {
				f.add(offsets(v.Word))
			}
		}
		return true
	})
}
