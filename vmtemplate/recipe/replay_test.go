package recipe

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/openshift/imagebuilder"
)

// read parses a Dockerfile as Docker does, and as buildah does.
func read(t *testing.T, text string) instructions.Stage {
	t.Helper()
	result, err := dockerfile.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, w := range result.Warnings {
		t.Errorf("%s\n%s", w.Short, text)
	}
	if _, err := imagebuilder.ParseDockerfile(strings.NewReader(text)); err != nil {
		t.Errorf("for buildah: %v\n%s", err, text)
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	if err != nil || len(stages) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	return stages[0]
}

// replay does on this machine what a Dockerfile says. That is no builder: paths are this
// machine's.
func replay(t *testing.T, r Recipe, env []string) {
	t.Helper()
	program, dir := []string{"/bin/sh", "-c"}, "/"
	expand := shell.NewLex('\\')
	context := t.TempDir()
	if err := r.WriteDir(filepath.Join(context, "recipe")); err != nil {
		t.Fatal(err)
	}
	value := func(s string) string {
		v, _, err := expand.ProcessWord(s, shell.EnvsFromSlice(env))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, command := range read(t, r.Dockerfile).Commands {
		switch c := command.(type) {
		case *instructions.ShellCommand:
			program = c.Shell
		case *instructions.WorkdirCommand:
			dir = value(c.Path)
			mkdir(t, dir)
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				env = append(env, pair.Key+"="+value(pair.Value))
			}
		case *instructions.ArgCommand:
			env = append(env, c.Args[0].Key+"="+*c.Args[0].Value)
		case *instructions.CopyCommand:
			for _, from := range c.SourcePaths {
				data, err := os.ReadFile(filepath.Join(context, "recipe", strings.NewReplacer("[[]", "[", "[*]", "*", "[?]", "?").Replace(value(from))))
				if err != nil {
					t.Fatal(err)
				}
				mkdir(t, filepath.Dir(value(c.DestPath)))
				if err := os.WriteFile(value(c.DestPath), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		case *instructions.RunCommand:
			text := strings.Join(c.CmdLine, " ")
			if len(c.Files) > 0 {
				text = c.Files[0].Data
			}
			run := exec.Command(program[0], append(program[1:], text)...)
			run.Dir, run.Env = dir, append(slices.Clone(env), "PWD="+dir)
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s\nin\n%s", err, text, out, r.Dockerfile)
			}
		default:
			t.Fatalf("%T in\n%s", command, r.Dockerfile)
		}
	}
}

// files is all that is below a directory, as one text.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out bytes.Buffer
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %v", strings.TrimPrefix(name, dir), info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %q", data)
		}
		out.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestReplay: sessions in a real bash, and their Dockerfiles done by a shell, leave the
// same files behind. A Dockerfile's home is not in the session's files.
func TestReplay(t *testing.T) {
	const rc = "alias mk='mkdir -p'\nalias show='cat '\nnote() { echo \"$1\" >>notes; }\n"
	for _, test := range []struct {
		name string
		keys []string
	}{
		{"one after the other", []string{"echo a > a", "cat a > b; echo more >> b", "ls; cat b"}},
		{"directories", []string{"mkdir -p x/y && cd x/y", "echo 1 > one", "cd ..", "echo 2 > two; cd ..; echo 0 > zero", "echo 00 >> zero", "cd - && touch here", "pushd y", "touch there", "popd", "touch again"}},
		{"a directory with a blank", []string{"mkdir 'a b$c'", "cd a*", "echo \"$PWD\" | sed 's,.*/,,' > where"}},
		{"here-documents", []string{"cat > a <<EOF\nhome $((1+1)) \\$x\nEND\nEOF", "cat > b <<'EOF'\n$HOME `x` \\\n\ttab\nEOF", "cat > c <<-END\n\\tx\nEND"}},
		{"exported variables", []string{"export A=1 B='two words' C=\"$A x\"", "echo \"$A,$B,$C\" > a", "export D='a$b\\c\"d'", "echo \"$D\" > d", "export A=${A}0", "echo $A > a2", "unset B", "echo \"${B-gone}\" > b"}},
		{"variables that are computed", []string{"export N=$(echo 5)", "echo $N > n", "export M=$N$N", "echo $M > m"}},
		{"state of commands that do something", []string{"export F=$(touch made; echo f)", "echo $F > f", "touch x; G=1", "echo $G > g", "(H=1; touch sub)", "echo ${H-none} > h"}},
		{"variables of the shell", []string{"V=1.2", "touch x-$V", "cd /", "cd - > /dev/null", "tar cf x.tar x-$V", "rm x.tar"}},
		{"functions", []string{"put() {\n  echo \"$1\" > $2\n}", "put 'a b' c", "for i in 1 2; do put $i n$i; done"}},
		{"aliases", []string{"mk p/q && mk r", "alias w='tee -a w'", "echo x | w", "show 'w' > w2"}},
		{"functions of the start-up file", []string{"note one", "note two; echo x > y"}},
		{"environments", []string{"mkdir -p v/bin", "echo 'export IN=yes; deactivate() { unset IN; }' > v/bin/activate", "source v/bin/activate", "echo \"${IN-no}\" > in", "deactivate", "echo \"${IN-no}\" > out"}},
		{"an activation that nobody uses", []string{"mkdir -p v/bin; echo 'false' > v/bin/activate", "source v/bin/activate", "deactivate", "echo x > x"}},
		{"bash's own syntax", []string{"echo {a,b}{1,2} > braces", "x=(1 2 3)", "echo ${x[1]} ${#x[@]} > array", "[[ abc == a* ]] && echo yes > yes", "cat <<< here > here", "echo -e 'a\\tb' > tab", "diff <(echo a) <(echo a) && touch same", "ls nothing &> both || true", "echo $'x\\ny' > ansi", "touch file{1..3}", "[ a == a ] && touch eq"}},
		{"what fails", []string{"false", "mkdir a && cd a", "cd nosuch", "touch b", "false || touch c", "false; touch d"}},
		{"more than one on a line", []string{"touch a; touch b && touch c || touch d", "(cd /; true) && touch e", "{ touch f; touch g; }", "touch h & wait", "! false", "if [ -e a ]; then\n  # remark\n  touch i\nelse touch j; fi", "touch k # remark"}},
		{"a state that several use", []string{"umask 077", "touch private", "shopt -s nullglob", "echo *.none > none", "set -f", "echo * > star", "set +f"}},
		{"continued lines", []string{"touch a \\\n  b \\\n  c", "echo \"x\ny\" > z"}},
		{"quotes", []string{"echo 'don'\\''t' \"a\\\"b\" \\$x > q", "printf '%s\\n' \"$(echo nested \"$(echo deep)\")\" > n", "echo 'a\\tb' > backslash"}},
		{"letters", []string{"echo 日本語 > 名前", "cat 名前 > copy"}},
		{"nested shells", []string{"touch a", "bash", "mkdir in && cd in", "V=x", "touch $V", "exit", "touch b", "sh -c 'touch c'"}},
		{"an editor", []string{"vim conf\nwritten by hand", "cat conf > copy", "cat > typed", "by hand\n\x04true", "vim 'a b$c'\ntext"}},
		{"nothing", []string{"ls", "pwd"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := start(t, "bash", rc)
			term.programs("vim")
			work := filepath.Join(term.dir, "work")
			for _, keys := range test.keys {
				if keys == "cat > typed" {
					term.keys(keys + "\n")
					awaitFile(t, filepath.Join(work, "typed")) // which cat's shell makes; then Ctrl-D is the end of a file
					continue
				}
				term.run(keys)
			}
			term.end()
			data, err := os.ReadFile(filepath.Join(term.dir, "jbuild", "record"))
			if err != nil {
				t.Fatal(err)
			}
			record, err := Parse(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			s := term.session(record)
			// The session's paths are this machine's; /tmp is left out of images, but not here.
			for i := range s.Changes {
				s.Changes[i].Path = filepath.Join("/place", s.Changes[i].Path)
			}
			for i := range s.Record.Commands {
				c := &s.Record.Commands[i]
				c.Dir, c.After = moved(c.Dir, term.dir), moved(c.After, term.dir)
			}
			s.Open = func(name string) (fs.File, error) {
				return os.Open(filepath.Join(term.dir, strings.TrimPrefix(name, "/place")))
			}
			s.Base.Dir = "/"
			recipe := Build(s)
			want := tree(t, work)
			if err := os.RemoveAll(work); err != nil {
				t.Fatal(err)
			}
			mkdir(t, work)
			recipe.Dockerfile = strings.ReplaceAll(strings.ReplaceAll(recipe.Dockerfile, "files/place", "files//place"), " /place", " "+term.dir)
			recipe.Dockerfile = strings.ReplaceAll(recipe.Dockerfile, `"/place`, `"`+term.dir)
			recipe.Dockerfile = strings.ReplaceAll(recipe.Dockerfile, "cd '/place", "cd '"+term.dir)
			replay(t, recipe, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(term.dir, "home"), "LANG=C.UTF-8"})
			if diff := cmp.Diff(want, tree(t, work)); diff != "" {
				t.Errorf("files (-session +replay):\n%s\n%s", diff, recipe.Dockerfile)
			}
			if test.name == "nothing" && strings.Contains(recipe.Dockerfile, "RUN") {
				t.Errorf("it does something:\n%s", recipe.Dockerfile)
			}
		})
	}
}

func moved(dir, from string) string {
	if rest, ok := strings.CutPrefix(dir, from); ok {
		return "/place" + rest
	}
	return dir
}
