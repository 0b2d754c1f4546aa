package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// homeRule: a job's $HOME is its user's own, on the servers. What was installed into
// root's home, or another's, is not found there by the programs that look for it; and a
// directory of /home that has the user's name is covered by the real one.
type homeRule struct {
	found map[string]*installed // by their path
}

// installed is software in a home.
type installed struct {
	kind        homeKind
	bytes       int64
	executables int
}

// homeKind is what puts software into homes, and says how it is put elsewhere.
type homeKind int

const (
	somethingElse homeKind = iota
	pipUser
	condaHome
	juliaDepot
	rustHome
	nodeHome
	rLibrary
	goHome
	pyenvHome
	models
)

// homePlaces are where it is, below the home.
var homePlaces = []struct {
	dir  string
	kind homeKind
}{
	{".local/lib", pipUser}, {".local/bin", pipUser},
	{"miniconda3", condaHome}, {"miniconda", condaHome}, {"anaconda3", condaHome}, {"miniforge3", condaHome}, {"miniforge", condaHome},
	{"mambaforge", condaHome}, {"micromamba", condaHome}, {".conda/envs", condaHome}, {".local/share/mamba", condaHome},
	{".julia", juliaDepot}, {".juliaup", juliaDepot},
	{".cargo", rustHome}, {".rustup", rustHome},
	{".nvm", nodeHome}, {".npm-global", nodeHome}, {"node_modules", nodeHome}, {".volta", nodeHome},
	{"R", rLibrary}, {"go", goHome}, {".pyenv", pyenvHome},
	{".cache/huggingface", models}, {".cache/torch", models}, {"nltk_data", models}, {".keras", models}, {".cache/whisper", models},
}

// notSoftware are directories of homes with settings and what can be fetched again.
var notSoftware = []string{".cache", ".config", ".ssh", ".gnupg", ".npm", ".nv", ".ipython", ".jupyter", ".vscode-server", ".local/share", ".local/state", ".conda", ".git"}

func (r *homeRule) visit(e *entry) {
	home, rest, ok := splitHome(e.path)
	if !ok || !e.regular() {
		return
	}
	place, kind := homePlace(rest)
	if place == "" {
		return
	}
	if r.found == nil {
		r.found = map[string]*installed{}
	}
	at := home + "/" + place
	if r.found[at] == nil {
		r.found[at] = &installed{kind: kind}
	}
	r.found[at].bytes += e.bytes
	if e.mode&0o111 != 0 {
		r.found[at].executables++
	}
}

// splitHome parts the path of something in a home.
func splitHome(name string) (home, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(name, "root/"); ok {
		return "root", rest, true
	}
	if below, ok := strings.CutPrefix(name, "home/"); ok {
		if user, rest, ok := strings.Cut(below, "/"); ok {
			return "home/" + user, rest, true
		}
	}
	return "", "", false
}

func homePlace(rest string) (place string, kind homeKind) {
	in := func(dir string) bool { return rest == dir || strings.HasPrefix(rest, dir+"/") }
	for _, p := range homePlaces {
		if in(p.dir) {
			return p.dir, p.kind
		}
	}
	if slices.ContainsFunc(notSoftware, in) {
		return "", 0
	}
	place, _, _ = strings.Cut(rest, "/")
	return place, somethingElse
}

// leastSoftware is how large something unknown is, in bytes, before it is taken for
// software or data.
const leastSoftware = 1 << 20

func (r *homeRule) judge(x *examination) ([]Finding, error) {
	type group struct{ plain, named paths }
	groups := map[homeKind]*group{}
	for _, at := range slices.Sorted(maps.Keys(r.found)) {
		what := r.found[at]
		if what.kind == somethingElse && what.executables == 0 && what.bytes < leastSoftware {
			continue
		}
		if groups[what.kind] == nil {
			groups[what.kind] = &group{}
		}
		if strings.HasPrefix(at, "root/") && x.names("/"+at) {
			groups[what.kind].named.add(at)
		} else {
			groups[what.kind].plain.add(at)
		}
	}
	var all []Finding
	for _, kind := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[kind]; !g.plain.empty() {
			all = append(all, finding("home", Warns, message.Of("check.home"), elsewhere(kind)...).at(g.plain))
		}
		if g := groups[kind]; !g.named.empty() {
			all = append(all, finding("home", Advises, message.Of("check.home-named"), elsewhere(kind)...).at(g.named))
		}
	}
	return all, nil
}

// names reports whether a variable of the image leads to a directory.
func (i *Image) names(dir string) bool {
	for _, pair := range i.Config.Env {
		_, value, _ := strings.Cut(pair, "=")
		for element := range strings.SplitSeq(value, ":") {
			if element == dir || strings.HasPrefix(element, dir+"/") {
				return true
			}
		}
	}
	return false
}

// elsewhere is what to type to have it where every job finds it.
func elsewhere(kind homeKind) []message.Text {
	switch kind {
	case pipUser:
		return []message.Text{message.Plain("python3 -m venv /opt/venv && /opt/venv/bin/pip install …"), message.Of("check.home.path", "/opt/venv/bin")}
	case condaHome:
		return []message.Text{message.Plain("bash Miniforge3-Linux-x86_64.sh -b -p /opt/conda"), message.Of("check.home.path", "/opt/conda/bin")}
	case juliaDepot:
		return []message.Text{message.Plain("JULIA_DEPOT_PATH=/opt/julia julia -e 'using Pkg; Pkg.add(…)'"), message.Of("check.home.set", "JULIA_DEPOT_PATH=~/.julia:/opt/julia:")}
	case rustHome:
		return []message.Text{message.Plain("cargo install --root /usr/local …")}
	case nodeHome:
		return []message.Text{message.Plain("npm install --global --prefix /usr/local …")}
	case rLibrary:
		return []message.Text{message.Plain(`Rscript -e 'install.packages(…, lib = .Library.site[1])'`)}
	case goHome:
		return []message.Text{message.Plain("GOBIN=/usr/local/bin go install …")}
	case pyenvHome:
		return []message.Text{message.Plain("PYENV_ROOT=/opt/pyenv pyenv install …"), message.Of("check.home.path", "/opt/pyenv/shims")}
	case models:
		return []message.Text{message.Of("check.home.models")}
	}
	return []message.Text{message.Of("check.home.move")}
}
