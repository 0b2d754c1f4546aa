package recipe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// typed are commands that every shell records as they are.
var typed = []line{
	{"echo one", "/work", 0},
	{"echo one", "/work", 0}, // the same again
	{"cd /", "/work", 0},
	{"false", "/", 1},
	{"cat <<EOF\ntext of\n  a here-document's \\n\nEOF", "/", 0},
	{"for i in 1 2; do\n  echo \"$i\"\ndone", "/", 0},
	{"echo 'a\nb\\' \"c\\td\" && (exit 3)", "/", 3},
	{"nosuchprogram", "/", 127},
	{"export A='b c'", "/", 0},
	{"echo 日本語", "/", 0},
}

// TestShells: what is typed is what is recorded, and the shell is as it was.
func TestShells(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			term := start(t, shell, "")
			for _, l := range typed {
				term.run(l.Text)
			}
			if shown := term.run("echo \"$A\""); !strings.Contains(shown, "b c") {
				t.Errorf("the variable is lost:\n%s", shown)
			}
			term.run("(exit 5)")
			if shown := term.run("echo status is $?"); !strings.Contains(shown, "status is 5") {
				t.Errorf("the status is disturbed:\n%s", shown)
			}
			term.run("") // no command
			r := term.end()
			got := lines(r)
			want := append(slices.Clone(typed), line{`echo "$A"`, "/", 0}, line{"(exit 5)", "/", 5}, line{"echo status is $?", "/", 0}, line{"exit", "/", Unknown})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
			for i, c := range r.Commands[:len(r.Commands)-1] {
				if c.Start.IsZero() || c.End.Before(c.Start.Truncate(time.Second)) || i > 0 && c.Start.Before(r.Commands[i-1].Start) || !c.Ended {
					t.Errorf("%q: from %v to %v", c.Text, c.Start, c.End)
				}
			}
			if r.Commands[2].After != "/" {
				t.Errorf("after cd / the shell is in %q", r.Commands[2].After)
			}
			if len(r.Shells) != 1 || r.Shells[0].Home != "/home" || r.Shells[0].Dir != "/work" {
				t.Errorf("shells: %+v", r.Shells)
			}
		})
	}
}

// TestQuiet: the hook shows nothing but the welcome and its prompt.
func TestQuiet(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "dash"} {
		t.Run(shell, func(t *testing.T) {
			term := start(t, shell, "")
			for _, test := range []struct{ text, shown string }{{"echo one", "one\n"}, {"true", ""}, {"(exit 2)", ""}, {"cd /", ""}} {
				shown := strings.ReplaceAll(term.run(test.text), "\r", "")
				at := strings.LastIndex(shown, test.text) // zsh may draw it several times
				if at < 0 {
					t.Fatalf("%s is not shown: %q", test.text, shown)
				}
				shown = strings.TrimPrefix(shown[at+len(test.text):], "\n")
				shown = strings.TrimSuffix(shown, prompt)
				if shell == "zsh" { // it ends bracketed paste, and marks a line that is not ended
					shown = strings.TrimRight(strings.ReplaceAll(shown, "\x1b[?2004l\n", ""), "%# \n")
					test.shown = strings.TrimRight(test.shown, "\n")
				}
				if shown != test.shown {
					t.Errorf("%s shows %q", test.text, shown)
				}
			}
		})
	}
}

// TestInterrupt: keys that end commands.
func TestInterrupt(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			term := start(t, shell, "")
			term.keys("sh -c 'echo begun; exec sleep 100'\n")
			term.wait("begun\r\n")
			term.keys("\x03")
			term.wait(prompt)
			term.keys("half a comm")
			term.wait("half a comm")
			term.interrupt()
			term.run("echo after")
			r := term.end()
			got := lines(r)
			want := []line{{"sh -c 'echo begun; exec sleep 100'", "/work", 130}, {"echo after", "/work", 0}, {"exit", "/work", Unknown}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
			if !r.Commands[0].Interrupted() || r.Commands[1].Interrupted() {
				t.Error("which was interrupted?")
			}
		})
	}
}

// TestBash is what only bash has.
func TestBash(t *testing.T) {
	const rc = "alias ll='ls -l'\nHISTCONTROL=ignoreboth\nHISTIGNORE='echo*'\nfromrc() { echo \"$1\"; }\nPROMPT_COMMAND='printf own'\n"
	for _, test := range []struct {
		name string
		keys []string
		want []line
	}{
		{"a blank before it", []string{" echo one"}, []line{{" echo one", "/work", 0}}},
		{"history expansion", []string{"echo one two", "echo !!:2 '!'"}, []line{{"echo one two", "/work", 0}, {"echo two '!'", "/work", 0}}},
		{"comments within", []string{"if true; then # why\n  echo x # what\nfi"}, []line{{"if true; then # why\n  echo x # what\nfi", "/work", 0}}},
		{"options of the shell", []string{"set -u", "set -x", "echo x", "set +xu", "set -f", "IFS=,", "shopt -s extglob nocasematch failglob nullglob", "set -o posix", "set +o posix", "set -E; trap 'echo trapped' ERR DEBUG", "echo y"},
			[]line{{"set -u", "/work", 0}, {"set -x", "/work", 0}, {"echo x", "/work", 0}, {"set +xu", "/work", 0}, {"set -f", "/work", 0}, {"IFS=,", "/work", 0}, {"shopt -s extglob nocasematch failglob nullglob", "/work", 0}, {"set -o posix", "/work", 0}, {"set +o posix", "/work", 0}, {"set -E; trap 'echo trapped' ERR DEBUG", "/work", 0}, {"echo y", "/work", 0}}},
		{"set -e", []string{"set -e", "! true", "echo y", "set +e"}, []line{{"set -e", "/work", 0}, {"! true", "/work", 1}, {"echo y", "/work", 0}, {"set +e", "/work", 0}}},
		{"history off", []string{"set +o history", "touch unheard", "set -o history", "echo y"}, []line{{"set +o history", "/work", 0}, {"", "/work", 0}, {"", "/work", 0}, {"echo y", "/work", 0}}},
		{"history emptied", []string{"echo x", "history -c", "echo y"}, []line{{"echo x", "/work", 0}, {"history -c", "/work", 0}, {"echo y", "/work", 0}}},
		{"in the background", []string{"sleep 0 & wait"}, []line{{"sleep 0 & wait", "/work", 0}}},
		{"names that the hook has", []string{"printf() { false; }", "echo x", "unset -f printf"}, []line{{"printf() { false; }", "/work", 0}, {"echo x", "/work", 0}, {"unset -f printf", "/work", 0}}},
		{"all kinds of characters", []string{`echo 'a&b\&c\\d' "$'x'" %s %d`}, []line{{`echo 'a&b\&c\\d' "$'x'" %s %d`, "/work", 0}}},
		{"its own prompt hook is changed", []string{"PROMPT_COMMAND=", "false", "echo y"}, []line{{"PROMPT_COMMAND=", "/work", 0}, {"false", "/work", 1}, {"echo y", "/work", 0}}},
		{"PS0 is changed", []string{"PS0=", "echo x", "false"}, []line{{"PS0=", "/work", 0}, {"echo x", "/work", 0}, {"false", "/work", 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := start(t, "bash", rc)
			for _, keys := range test.keys {
				if shown := term.run(keys); strings.Contains(shown, "jbuild_") && !strings.Contains(shown, "+ ") {
					t.Errorf("the hook shows itself:\n%s", shown)
				}
			}
			got := lines(term.end())
			if last := len(got) - 1; got[last].Text == "exit" { // known only with PS0
				got = got[:last]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMeaning: what a command means only in this shell is recorded with it.
func TestMeaning(t *testing.T) {
	term := start(t, "bash", "alias ll='ls -l'\nfromrc() { echo \"$1\"; }\n")
	term.run("ll / | cat; fromrc x")
	if shown := term.run("sudo -E echo '<'$((1+1))'>'"); !strings.Contains(shown, "<2>") {
		t.Errorf("sudo does not work:\n%s", shown)
	}
	c := term.end().Commands
	if diff := cmp.Diff(map[string]string{"ll": "ls -l"}, c[0].Aliases); diff != "" {
		t.Errorf("aliases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"fromrc": "/home/.bashrc"}, c[0].Function); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	if len(c[1].Function) > 0 {
		t.Errorf("sudo is the hook's: %v", c[1].Function)
	}
}

// TestPaste: several commands at once, as terminals paste them.
func TestPaste(t *testing.T) {
	term := start(t, "bash", "bind 'set enable-bracketed-paste on'\n")
	term.keys("\x1b[200~echo 'a\nb'; echo c\nfalse\ncat <<E\nx\nE\x1b[201~\n")
	term.wait(prompt)
	term.run("echo after")
	want := []line{{"echo 'a\nb'; echo c", "/work", 0}, {"false", "/work", 1}, {"cat <<E\nx\nE", "/work", 0}, {"echo after", "/work", 0}, {"exit", "/work", Unknown}}
	if diff := cmp.Diff(want, lines(term.end())); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// TestNested: a bash within a bash, and one in place of it.
func TestNested(t *testing.T) {
	term := start(t, "bash", "")
	for _, text := range []string{"echo outer", "bash", "echo inner", "cd /", "exit", "echo outer again", "exec bash", "echo new"} {
		term.run(text)
	}
	r := term.end()
	want := []line{{"echo outer", "/work", 0}, {"bash", "/work", 0}, {"echo inner", "/work", 0}, {"cd /", "/work", 0}, {"exit", "/", Unknown}, {"echo outer again", "/work", 0}, {"exec bash", "/work", Unknown}, {"echo new", "/work", 0}, {"exit", "/work", Unknown}}
	if diff := cmp.Diff(want, lines(r)); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if len(r.Shells) != 3 || r.Shells[1].Parent != 0 || r.Commands[2].Shell != 1 || r.Commands[5].Shell != 0 || r.Commands[7].Shell != 2 {
		t.Errorf("shells %+v", r.Shells)
	}
	if !r.Commands[6].Ended || r.Commands[8].Ended {
		t.Error("what has ended?")
	}
}

// TestKilled: the shell is killed while a command runs, and a line of the record is cut.
// The next session goes on behind it.
func TestKilled(t *testing.T) {
	term := start(t, "bash", "")
	term.run("echo one")
	term.keys("kill -9 $$\n")
	for range term.screen {
	}
	record := filepath.Join(term.dir, "jbuild", "record")
	f, err := os.OpenFile(record, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n1\tstart\tshell=9\tn=3\tat=1.5\tdir=/\ttext=echo cu"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := Append(f, Command{Text: "echo \tnext\n", Dir: "/opt", After: "/opt", Start: begin, End: begin.Add(time.Second), Status: 3, Ended: true}); err != nil {
		t.Fatal(err)
	}
	if err := Append(f, Command{Text: "never ended", Dir: "/", Start: begin.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := AppendCopy(f, "/opt/x y", begin); err != nil {
		t.Fatal(err)
	}
	r := term.record()
	want := []line{{"echo one", "/work", 0}, {"kill -9 $$", "/work", Unknown}, {"echo \tnext\n", "/opt", 3}, {"never ended", "/", Unknown}}
	if diff := cmp.Diff(want, lines(r)); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if r.Commands[1].Ended || !r.Commands[1].Failed() || r.Commands[3].Ended || !r.Commands[2].Start.Equal(begin) {
		t.Errorf("commands: %+v", r.Commands)
	}
	if len(r.Copies) != 1 || r.Copies[0].Path != "/opt/x y" || !r.Copies[0].At.Equal(begin) {
		t.Errorf("copies: %+v", r.Copies)
	}
}
