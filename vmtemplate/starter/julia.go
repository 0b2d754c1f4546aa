package starter

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// juliaFile is what is read of Project.toml (Pkg.jl's manual, "Project.toml and
// Manifest.toml").
type juliaFile struct {
	Name   string            `toml:"name"`
	UUID   string            `toml:"uuid"`
	Deps   map[string]string `toml:"deps"`
	Compat map[string]any    `toml:"compat"`
}

const (
	juliaProject = "/opt/project"
	juliaDepot   = "/opt/julia"
	// juliaSeries is installed where a project wants nothing else: the series with
	// long-term support.
	juliaSeries = "1.10"
)

// juliaTargets: the machine that compiles is not the one that runs, so the code is made
// for several processors, as Julia's own (JULIA_CPU_TARGETS of its release builds).
const juliaTargets = `case "$(uname -m)" in x86_64) export JULIA_CPU_TARGET='generic;sandybridge,-xsaveopt,clone_all;haswell,-rdrnd,base(1)';; *) export JULIA_CPU_TARGET=generic;; esac; `

var uuid = form(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (p *planner) julia(text []byte) error {
	var file juliaFile
	if err := decodeTOML(p.Name, text, &file); err != nil {
		return err
	}
	if len(file.Deps) == 0 {
		return message.Fail(message.Of("starter.empty", p.Name), nil, message.Of("starter.julia.empty.next"))
	}
	for name, id := range file.Deps {
		if !uuid().MatchString(id) {
			return wrong(p.Name, lineOf(text, name), message.Of("starter.julia.uuid", name))
		}
	}
	wanted, _ := file.Compat["julia"].(string)
	var fits func(string) bool
	if wanted != "" {
		if _, ok := juliaRanges(wanted); ok {
			fits = func(version string) bool { return juliaFits(version, wanted) }
		} else {
			p.note(message.Of("starter.julia.compat", wanted))
		}
	}
	base, err := p.choose(juliaImage, fits, "Julia "+wanted)
	if err != nil {
		return err
	}
	if err := p.juliaFiles(file, text); err != nil {
		return err
	}
	if base.family != juliaImage {
		series := seriesFor(wanted)
		p.install(message.Of("starter.step.packages"), "ca-certificates", "curl")
		p.step(message.Of("starter.step.julia"), "command -v julia >/dev/null || { "+fetchJulia(series)+"; }")
	}
	p.step(message.Of("starter.step.julia-packages"), juliaTargets+"export JULIA_DEPOT_PATH="+juliaDepot+": JULIA_PKG_PRECOMPILE_AUTO=0; julia --startup-file=no --project="+juliaProject+
		` -e 'using Pkg; Pkg.instantiate(); Pkg.precompile()'`)
	p.plan.Env = append(p.plan.Env, "JULIA_DEPOT_PATH=~/.julia:"+juliaDepot+":", "JULIA_PROJECT="+juliaProject)
	p.note(message.Of("starter.julia.add"))
	return nil
}

// juliaFiles copies the project, and its Manifest.toml if there is one. Of a package
// only what it needs is taken: its sources stay where they are edited.
func (p *planner) juliaFiles(file juliaFile, text []byte) error {
	if file.Name != "" || file.UUID != "" {
		var b bytes.Buffer
		if err := toml.NewEncoder(&b).Encode(map[string]any{"deps": file.Deps, "compat": file.Compat}); err != nil {
			return err
		}
		text = b.Bytes()
		p.note(message.Of("starter.julia.package", file.Name))
	}
	p.plan.Files = append(p.plan.Files, File{Path: juliaProject + "/Project.toml", Content: text})
	if f, err := p.Dir.Open("Manifest.toml"); err == nil {
		f.Close()
		manifest, err := readFile(p.Dir, "Manifest.toml")
		if err != nil {
			return err
		}
		p.plan.Files = append(p.plan.Files, File{Path: juliaProject + "/Manifest.toml", Content: manifest})
	} else {
		p.note(message.Of("starter.julia.no-manifest"))
	}
	return nil
}

// fetchJulia installs the newest release of a series. The machine's name is in the
// archive's twice, once in short.
func fetchJulia(series string) string {
	return `m="$(uname -m)"; case "$m" in x86_64) s=x64;; *) s="$m";; esac; curl -fsSL "https://julialang-s3.julialang.org/bin/linux/$s/` + series + `/julia-` + series + `-latest-linux-$m.tar.gz" | tar -xz -C /usr/local --strip-components=1`
}

// lineOf finds where a name is defined.
func lineOf(text []byte, name string) int {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if key, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == name {
			return number
		}
	}
	return 1
}

// versions is an interval: from low, included, to high, excluded.
type versions struct{ low, high []int }

// juliaRanges reads a compat entry (Pkg.jl's manual, "Compatibility"): a list of carets,
// which are meant where nothing is written, tildes and equalities. ok is false for what
// is more than that.
func juliaRanges(compat string) (all []versions, ok bool) {
	for part := range strings.SplitSeq(compat, ",") {
		part = strings.TrimSpace(part)
		operator := ""
		if part != "" && strings.ContainsRune("^~=≥", []rune(part)[0]) {
			operator = string([]rune(part)[0])
			part = strings.TrimSpace(strings.TrimPrefix(part, operator))
		}
		if rest, greater := strings.CutPrefix(part, ">="); greater {
			operator, part = "≥", strings.TrimSpace(rest)
		}
		n := numbers(strings.TrimPrefix(part, "v"))
		if len(n) == 0 || len(n) > 3 || strings.ContainsAny(part, " -<>*") {
			return nil, false
		}
		all = append(all, versions{low: n, high: juliaHigh(operator, n)})
	}
	return all, true
}

// juliaHigh is the first version that an entry does not mean; nil for none.
func juliaHigh(operator string, n []int) []int {
	last := 0 // the part that may not change
	switch operator {
	case "≥":
		return nil
	case "=":
		last = len(n) - 1
	case "~":
		last = min(1, len(n)-1)
	default: // ^: the first that is not 0
		for last < len(n)-1 && n[last] == 0 {
			last++
		}
	}
	high := slices.Clone(n[:last+1])
	high[last]++
	return high
}

// juliaFits reports whether a version, or a series such as 1.10, is meant.
func juliaFits(version, compat string) bool {
	all, ok := juliaRanges(compat)
	if !ok {
		return true
	}
	v := numbers(version)
	if len(v) < 3 {
		v = append(v, slices.Repeat([]int{1 << 20}, 3-len(v))...) // the newest of it
	}
	return slices.ContainsFunc(all, func(r versions) bool {
		return slices.Compare(v, r.low) >= 0 && (r.high == nil || slices.Compare(v, r.high) < 0)
	})
}

// seriesFor is the series to install for a compat entry.
func seriesFor(compat string) string {
	all, ok := juliaRanges(compat)
	if compat == "" || !ok || juliaFits(juliaSeries, compat) {
		return juliaSeries
	}
	low := all[0].low
	if len(low) < 2 {
		return juliaSeries
	}
	return series(low)
}

func series(n []int) string {
	return strings.Join([]string{strconv.Itoa(n[0]), strconv.Itoa(n[1])}, ".")
}
