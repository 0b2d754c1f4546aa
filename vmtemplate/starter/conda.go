package starter

import (
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// condaPrefix is where the environment goes: whole, so that PATH alone makes it the
// image's software.
const condaPrefix = "/opt/env"

// fetchMicromamba puts the one program that conda packages need where nothing is.
const fetchMicromamba = `curl -fsSL "https://micro.mamba.pm/api/micromamba/linux-$(uname -m | sed 's/^x86_64$/64/')/latest" | tar -xj -C /usr/local bin/micromamba`

// condaPrelude: certificates for a proxy that SSL_CERT_FILE names, no questions, and
// downloads where saving leaves them out.
const condaPrelude = `export REQUESTS_CA_BUNDLE="${REQUESTS_CA_BUNDLE:-${SSL_CERT_FILE:-}}" CONDA_ALWAYS_YES=true MAMBA_ALWAYS_YES=true CONDA_PKGS_DIRS=/tmp/jbuild-conda PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1; [ -n "$REQUESTS_CA_BUNDLE" ] || unset REQUESTS_CA_BUNDLE; `

func (p *planner) conda(text []byte) error {
	e, err := readEnvironment(p.Dir, p.Name, text)
	if err != nil {
		return err
	}
	base, err := p.choose(condaImage, nil, "")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(e.files)) {
		p.file(name, e.files[name])
	}
	p.condaNotes(e)
	var packages []string
	if base.family != condaImage {
		packages = append(packages, "ca-certificates", "curl", "bzip2")
	}
	if e.pip != nil && slices.ContainsFunc(e.pip.list, func(r requirement) bool { return r.vcs() == "git" }) {
		packages = append(packages, "git")
	}
	p.install(message.Of("starter.step.packages"), packages...)
	if base.family != condaImage {
		p.step(message.Of("starter.step.micromamba"), "command -v micromamba >/dev/null || command -v conda >/dev/null || "+fetchMicromamba)
	}
	p.step(message.Of("starter.step.conda"), condaCreate(Shared+"/"+p.Name, e.channels))
	p.plan.Env = append(p.plan.Env, e.variables...)
	p.plan.Env = append(p.plan.Env, "CONDA_PREFIX="+condaPrefix, "PATH="+condaPrefix+"/bin:${PATH}")
	return nil
}

// condaCreate makes the environment with the program that the base has.
func condaCreate(file string, channels []string) string {
	channel := ""
	if len(channels) == 0 {
		channel = " --channel conda-forge"
	}
	to := " --prefix " + condaPrefix + " --file " + shellword.Quote(file)
	// 'conda env create' knows no channels but the file's and the configuration's.
	return condaPrelude + "if command -v micromamba >/dev/null; then micromamba create --yes" + channel + to +
		"; elif command -v mamba >/dev/null; then " + condaChannel(channels) + "mamba env create" + to +
		"; else " + condaChannel(channels) + "conda env create" + to + "; fi && rm -rf /tmp/jbuild-conda"
}

func condaChannel(channels []string) string {
	if len(channels) > 0 {
		return ""
	}
	return "CONDA_CHANNELS=conda-forge "
}

func (p *planner) condaNotes(e *environment) {
	if names := e.foreign(); len(names) > 0 {
		p.note(message.Of("starter.conda.foreign", strings.Join(names, ", ")))
	}
	if e.exact() {
		p.note(message.Of("starter.conda.exact"))
	}
	if len(e.channels) == 0 {
		p.note(message.Of("starter.conda.no-channel"))
	}
	if slices.Contains(e.channels, "defaults") || slices.Contains(e.channels, "anaconda") {
		p.note(message.Of("starter.conda.defaults"))
	}
	if e.pip != nil && !e.has("pip") {
		p.note(message.Of("starter.conda.no-pip"))
	}
	if len(e.unknown) > 0 {
		p.note(message.Of("starter.conda.unknown", strings.Join(e.unknown, ", ")))
	}
	if e.prefix {
		p.note(message.Of("starter.conda.prefix", condaPrefix))
	}
	p.note(message.Of("starter.conda.activate", condaPrefix))
}
