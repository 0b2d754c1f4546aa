package starter

import (
	"maps"
	"slices"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// venv is where Python packages go: not into the system's Python, which distributions
// forbid (PEP 668), and not into a home.
const venv = "/opt/venv"

// pythonLibraries are packages that need something of the distribution which pip does
// not bring: to be built, since there are no wheels, or to run. From the packages' own
// instructions for installation.
var pythonLibraries = map[string][]string{
	"mpi4py":                {"libopenmpi-dev", "openmpi-bin"},
	"mysqlclient":           {"default-libmysqlclient-dev", "pkg-config"},
	"psycopg2":              {"libpq-dev"},
	"psycopg-c":             {"libpq-dev"},
	"pygraphviz":            {"graphviz", "libgraphviz-dev", "pkg-config"},
	"graphviz":              {"graphviz"},
	"pydot":                 {"graphviz"},
	"python-ldap":           {"libldap2-dev", "libsasl2-dev"},
	"pycairo":               {"libcairo2-dev", "pkg-config"},
	"pyaudio":               {"portaudio19-dev"},
	"opencv-python":         {"libgl1", "libglib2.0-0"},
	"opencv-contrib-python": {"libgl1", "libglib2.0-0"},
	"pytesseract":           {"tesseract-ocr"},
	"ffmpeg-python":         {"ffmpeg"},
	"pydub":                 {"ffmpeg"},
	"openai-whisper":        {"ffmpeg"},
	"pdf2image":             {"poppler-utils"},
	"rpy2":                  {"r-base-core", "r-base-dev"},
	"gdal":                  {"libgdal-dev", "gdal-bin"},
	"petsc4py":              {"petsc-dev"},
	"pysam":                 {"zlib1g-dev", "libbz2-dev", "liblzma-dev"},
	"pyopencl":              {"ocl-icd-libopencl1"},
	"mecab":                 {"mecab", "libmecab-dev", "mecab-ipadic-utf8"},
	"natto-py":              {"mecab", "libmecab-dev", "mecab-ipadic-utf8"},
	"cartopy":               {"libgeos-dev"},
	"scikit-sparse":         {"libsuitesparse-dev"},
	"pymultinest":           {"libblas-dev", "liblapack-dev"},
	"python-magic":          {"libmagic1"},
	"xmlsec":                {"libxmlsec1-dev", "pkg-config"},
	"pygobject":             {"libgirepository1.0-dev", "libcairo2-dev", "pkg-config"},
}

// built are those of them that are compiled on the way.
var built = []string{
	"mpi4py", "mysqlclient", "psycopg2", "psycopg-c", "pygraphviz", "python-ldap", "pycairo", "pyaudio", "rpy2", "gdal", "petsc4py", "pysam", "scikit-sparse", "xmlsec", "pygobject",
}

// wantsCUDA need CUDA's compiler (nvcc) to be built.
var wantsCUDA = []string{"pycuda", "flash-attn", "mamba-ssm", "transformer-engine"}

func (p *planner) pip(text []byte) error {
	r, err := readRequirements(p.Dir, p.Name, text)
	if err != nil {
		return err
	}
	if len(r.list) == 0 && len(r.left) == 0 {
		return message.Fail(message.Of("starter.empty", p.Name), nil, message.Of("starter.unknown.next"))
	}
	return p.pythonPlan(r, nil, "")
}

// pythonPlan installs requirements into the virtual environment.
func (p *planner) pythonPlan(r *requirements, fits func(string) bool, what string) error {
	base, err := p.choose(pythonImage, fits, what)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		p.file(name, r.files[name])
	}
	p.plan.Notes = append(p.plan.Notes, r.left...)
	p.systemPackages(base, r.list)
	p.step(message.Of("starter.step.venv"), "python3 -m venv "+venv)
	p.step(message.Of("starter.step.pip"), pipInstall(venv+"/bin/python", Shared+"/"+p.Name))
	p.plan.Env = append(p.plan.Env, "VIRTUAL_ENV="+venv, "PATH="+venv+"/bin:${PATH}")
	return nil
}

// pipInstall is what installs a requirements file, without questions and caches. Who
// set SSL_CERT_FILE for a proxy means pip as well.
func pipInstall(python, file string) string {
	return `export PIP_CERT="${PIP_CERT:-${SSL_CERT_FILE:-}}" && ` + python + " -m pip install --no-input --no-cache-dir --disable-pip-version-check -r " + shellword.Quote(file)
}

// systemPackages installs what pip does not bring.
func (p *planner) systemPackages(base candidate, list []requirement) {
	var packages []string
	compiles := false
	for _, r := range list {
		packages = append(packages, pythonLibraries[r.name]...)
		compiles = compiles || slices.Contains(built, r.name)
		if slices.Contains(wantsCUDA, r.name) {
			p.note(message.Of("starter.pip.nvcc", r.name))
		}
		switch program := r.vcs(); program {
		case "git":
			packages = append(packages, "git")
		case "hg":
			packages = append(packages, "mercurial")
		case "svn":
			packages = append(packages, "subversion")
		case "bzr":
			packages = append(packages, "brz")
		}
		compiles = compiles || r.vcs() != ""
	}
	if base.family != pythonImage {
		packages = append(packages, "python3", "python3-venv", "ca-certificates")
		if compiles {
			packages = append(packages, "python3-dev")
		}
	}
	if compiles {
		packages = append(packages, "build-essential")
	}
	slices.Sort(packages)
	p.install(message.Of("starter.step.packages"), slices.Compact(packages)...)
}

// pythonFits judges versions of Python by requires-python.
func pythonFits(requires string) (func(version string) bool, error) {
	all, err := pep440.NewSpecifiers(requires)
	if err != nil {
		return nil, err
	}
	return func(version string) bool {
		// A tag of two numbers stands for the newest patch release of them.
		if strings.Count(version, ".") == 1 {
			version += ".99"
		}
		v, err := pep440.Parse(version)
		return err != nil || all.Check(v)
	}, nil
}
