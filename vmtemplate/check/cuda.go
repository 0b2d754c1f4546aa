package check

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// cudaRule compares the versions of CUDA that are in the image with the newest that the
// servers' driver serves.
type cudaRule struct {
	versions map[string]string // "12.4" and where it was seen
	compat   bool              // the package cuda-compat, half of a newer driver
}

// What has the version of CUDA in its name.
var (
	cudaLibrary = regexp.MustCompile(`^libcudart\.so\.(\d+)\.(\d+)\.\d+$`)
	cudaWheel   = regexp.MustCompile(`^nvidia_cuda_runtime(?:_cu\d+)?-(\d+)\.(\d+)\.[\d.]+\.dist-info$`)
	torchWheel  = regexp.MustCompile(`^(?:torch|jaxlib|cupy)-.*\+cu(\d\d)(\d)\.dist-info$`)
)

func (r *cudaRule) visit(e *entry) {
	var match []string
	switch {
	case strings.HasPrefix(e.name, "libcudart.so."):
		match = cudaLibrary.FindStringSubmatch(e.name)
	case e.dir() && strings.HasSuffix(e.name, ".dist-info"):
		if match = cudaWheel.FindStringSubmatch(e.name); match == nil {
			match = torchWheel.FindStringSubmatch(e.name)
		}
	case strings.HasPrefix(e.name, "libcuda.so.") && isCompat(e.path):
		r.compat = true
	}
	if match != nil {
		r.note(match[1]+"."+match[2], "/"+e.path)
	}
}

func (r *cudaRule) note(version, where string) {
	if r.versions == nil {
		r.versions = map[string]string{}
	}
	if r.versions[version] == "" {
		r.versions[version] = where
	}
}

func (r *cudaRule) judge(x *examination) ([]Finding, error) {
	if value, ok := x.variable("CUDA_VERSION"); ok && value != "" {
		r.note(firstTwo(value), "CUDA_VERSION="+value)
	}
	servers := firstTwo(x.Site.CUDA.Version)
	if servers == "" || len(r.versions) == 0 {
		return nil, nil
	}
	newest := slices.SortedFunc(maps.Keys(r.versions), func(a, b string) int {
		if hostlib.Newer(a, b) {
			return -1
		}
		return 1
	})[0]
	if !hostlib.Newer(newest, servers) {
		return nil, nil
	}
	at := paths{shown: []string{r.versions[newest]}}
	major := func(version string) string { first, _, _ := strings.Cut(version, "."); return first }
	switch {
	case r.compat:
		return []Finding{finding("cuda", Advises, message.Of("check.cuda-compat", newest, servers)).at(at)}, nil
	case major(newest) == major(servers) && !hostlib.Newer("11", major(newest)):
		return []Finding{finding("cuda", Advises, message.Of("check.cuda-minor", newest, servers), message.Of("check.cuda.next", servers)).at(at)}, nil
	}
	return []Finding{finding("cuda", Warns, message.Of("check.cuda", newest, servers), message.Of("check.cuda.next", servers)).at(at)}, nil
}

// isCompat reports whether a library is of the package cuda-compat.
func isCompat(name string) bool {
	return strings.Contains(name, "/compat/") || strings.Contains(name, "cuda-compat")
}

// driverRule: the driver's libraries must be of the version of the servers' kernel
// module, and jrun brings them. The image's own are in the way.
type driverRule struct{ found paths }

var driverLibrary = regexp.MustCompile(`^(?:libcuda|libnvidia-[a-z-]+|libcudadebugger|libnvcuvid|libGLX_nvidia|libEGL_nvidia)\.so\.(?:1|\d{3}\.[\d.]+)$`)

func (r *driverRule) visit(e *entry) {
	if !strings.HasPrefix(e.name, "lib") || e.dir() || e.regular() && e.bytes == 0 || !driverLibrary.MatchString(e.name) {
		return
	}
	// NVIDIA's container tools have libraries of such names that belong to no driver.
	if isCompat(e.path) || path.Base(path.Dir(e.path)) == "stubs" || strings.HasPrefix(e.name, "libnvidia-container") || strings.HasPrefix(e.name, "libnvidia-egl-") {
		return
	}
	r.found.add(e.path)
}

func (r *driverRule) judge(x *examination) ([]Finding, error) {
	if r.found.empty() {
		return nil, nil
	}
	next := message.Of("check.driver.next")
	if x.packages == apt {
		next = message.Plain("apt-get purge -y 'libnvidia-*' 'nvidia-driver-*' libcuda1")
	}
	return []Finding{finding("driver", Warns, message.Of("check.driver", r.found.count()), next).at(r.found)}, nil
}
