package check

import (
	"cmp"
	"context"
	"debug/elf"
	"runtime"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is what is looked at, and for which servers.
type Image struct {
	Files  Tree
	Config ocispec.ImageConfig
	Site   site.Config

	// Architecture is that of the servers, as Go and OCI write it; empty for this
	// machine's.
	Architecture string

	// Leaves tells which paths, absolute, saving leaves out of the image; these are
	// passed over. It may be nil: an image that is saved has lost them already.
	Leaves func(path string) bool
}

// examination is what rules ask beside the files that they have seen.
type examination struct {
	*Image
	libc     hostlib.Libc
	packages packageManager
}

// rule looks for one kind of trouble.
type rule interface {
	// visit is shown everything in the image, directories before what is in them.
	visit(e *entry)
	// judge returns what was found, when all has been seen.
	judge(x *examination) ([]Finding, error)
}

// unvisited is a part of rules that ask for what they want to see.
type unvisited struct{}

func (unvisited) visit(*entry) {}

// rules are all of them, in the order in which findings of one severity are told.
func rules() []rule {
	return []rule{
		machineRule{}, shellRule{}, &placesRule{}, &modesRule{}, &homeRule{}, &coveredRule{}, &mpiRule{}, &cudaRule{}, &driverRule{},
		environmentRule{}, &commandRule{}, &setuidRule{}, &writableRule{}, &bytecodeRule{}, localeRule{}, certificatesRule{},
	}
}

// Examine looks at the whole image once, and at some of its files. It executes nothing.
// An error means that the image cannot be read.
func Examine(ctx context.Context, image Image) (*Report, error) {
	if image.Architecture == "" {
		image.Architecture = runtime.GOARCH
	}
	all := rules()
	weigh := newScale()
	s := survey{image: &image, visitors: []func(*entry){weigh.visit}}
	for _, r := range all {
		s.visitors = append(s.visitors, r.visit)
		if l, ok := r.(leftVisitor); ok {
			s.left = append(s.left, l.visitLeft)
		}
	}
	if err := s.walk(ctx); err != nil {
		return nil, message.Fail(message.Of("check.unreadable"), err)
	}
	x := &examination{Image: &image, packages: findPackageManager(image.Files)}
	var err error
	if x.libc, err = hostlib.ImageLibc(image.Files); err != nil {
		return nil, message.Fail(message.Of("check.unreadable"), err)
	}
	report := &Report{Libc: libcName(x.libc), Findings: s.unseen()}
	for _, r := range all {
		found, err := r.judge(x)
		if err != nil {
			return nil, message.Fail(message.Of("check.unreadable"), err)
		}
		report.Findings = append(report.Findings, found...)
	}
	if report.Size, err = weigh.size(ctx, x); err != nil {
		return nil, message.Fail(message.Of("check.unreadable"), err)
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
	return report, nil
}

func libcName(c hostlib.Libc) string {
	if c.Kind == hostlib.NoLibc {
		return ""
	}
	return c.String()
}

// variable is the value of a variable of the image; the last one counts, as in the
// kernel's runtimes.
func (i *Image) variable(name string) (value string, ok bool) {
	for _, pair := range i.Config.Env {
		if n, v, cut := strings.Cut(pair, "="); cut && n == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// machines are the architectures of Go and OCI in the words of ELF.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390, "386": elf.EM_386, "arm": elf.EM_ARM,
}
