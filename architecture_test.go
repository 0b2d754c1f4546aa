// Package jrun_test checks the shape of the whole: who may import whom.
package jrun_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/jrun-hpc/jrun/"

// allowed lists, for each room of the house, the rooms that it may import.
// Rooms are named by their folder; a folder's name stands for all below it.
// Arrows point downwards only: cmd, then runtime and image, then squash.
var allowed = map[string][]string{
	"fault":                 {"printable"},
	"fault/language":        {"fault"},
	"interrupt":             {},
	"presence":              {},
	"printable":             {},
	"shellword":             {"printable"},
	"squash":                {},
	"squash/reader":         {"squash"},
	"squash/writer":         {"squash"},
	"squash/fusefs":         {"squash", "squash/reader"},
	"squash/profile":        {},
	"quantity":              {},
	"image":                 {"fault", "printable", "squash", "squash/writer", "image/store", "image/gunzip", "image/harbor"},
	"image/gunzip":          {},
	"image/provenance":      {"fault", "image/store"},
	"image/store":           {"fault", "presence", "squash"},
	"image/harbor":          {"fault", "printable"},
	"runtime/identity":      {},
	"runtime/batch":         {},
	"runtime/nodecache":     {"fault", "presence", "runtime/rendezvous"},
	"runtime/rendezvous":    {},
	"runtime/sandbox":       {"fault", "presence", "runtime/rendezvous", "squash", "squash/reader", "squash/fusefs", "squash/profile"},
	"runtime/gpu":           {"fault", "runtime/hostlib", "runtime/inject"},
	"runtime/hostlib":       {},
	"runtime/hostprogram":   {"runtime/hostlib"},
	"runtime/inject":        {},
	"runtime/mpi":           {"fault", "presence", "runtime/hostlib", "runtime/inject"},
	"runtime/spokesman":     {"runtime/rendezvous"},
	"runtime/hostmount":     {"fault", "squash/reader", "squash/fusefs"},
	"runtime/launch":        {"fault", "presence", "squash/reader", "runtime/batch", "runtime/gpu", "runtime/hostprogram", "runtime/identity", "runtime/inject", "runtime/mpi", "runtime/sandbox"},
	"pbs":                   {"fault", "printable"},
	"vmtemplate":            {},
	"vmtemplate/message":    {"fault", "fault/language", "printable"},
	"vmtemplate/change":     {},
	"vmtemplate/rootless":   {"vmtemplate/message"},
	"vmtemplate/inside":     {"vmtemplate/rootless"},
	"vmtemplate/workspace":  {"image", "vmtemplate/change", "vmtemplate/inside", "vmtemplate/message", "vmtemplate/rootless"},
	"vmtemplate/site":       {"vmtemplate/message"},
	"vmtemplate/report":     {"vmtemplate/message", "vmtemplate/workspace"},
	"vmtemplate/workshop":   {"shellword", "image", "vmtemplate"},
	"vmtemplate/guide":      {"image", "image/harbor", "vmtemplate"},
	"vmtemplate/inventory":  {},
	"vmtemplate/secret":     {"vmtemplate/change", "vmtemplate/message"},
	"vmtemplate/recipe":     {"printable", "vmtemplate/change", "vmtemplate/inventory", "vmtemplate/message", "vmtemplate/secret"},
	"vmtemplate/trial":      {"fault", "squash/writer", "runtime/launch", "vmtemplate/workspace"},
	"cmd/jbuild":            {"fault", "fault/language", "printable", "image", "interrupt", "vmtemplate", "runtime/launch", "runtime/sandbox"},
	"cmd/jrun-stages":       {"runtime/sandbox"},
	"cmd/manual":            {},
	"cmd/jrun":              {"fault", "fault/language", "interrupt", "pbs", "quantity", "printable", "shellword", "presence", "squash", "squash/reader", "squash/writer", "image", "image/store", "image/provenance", "runtime/batch", "runtime/hostmount", "runtime/hostprogram", "runtime/identity", "runtime/inject", "runtime/launch", "runtime/mpi", "runtime/nodecache", "runtime/sandbox", "runtime/spokesman"},
	"integration":           {"fault", "pbs", "squash", "image", "runtime", "integration"},
	"integration/web/stage": {"vmtemplate"}, // the page with nothing real behind it
	"integration/vm":        {"integration", "vmtemplate/vm"},
	"integration/admin":     {"image/harbor", "image/lifecycle/people/slapdtest", "integration"},
	"vmtemplate/check":      {"shellword", "squash/reader", "runtime/hostlib", "runtime/identity", "runtime/mpi", "vmtemplate/message", "vmtemplate/site"},
	"vmtemplate/starter":    {"shellword", "vmtemplate/message"},
	"vmtemplate/registry":   {"image", "image/harbor", "vmtemplate/message"},
	"vmtemplate/upload":     {"image", "image/harbor", "vmtemplate/message", "vmtemplate/registry"},
	"vmtemplate/bases":      {"fault", "printable", "image/harbor", "vmtemplate/message", "vmtemplate/registry"},
	"vmtemplate/jobscript":  {"vmtemplate/message", "vmtemplate/site"},
	"vmtemplate/flow":       {"vmtemplate/change", "vmtemplate/jobscript", "vmtemplate/message", "vmtemplate/site"},
	"vmtemplate/terminal":   {"fault", "printable", "vmtemplate/flow", "vmtemplate/message"},
	"vmtemplate/web":        {"fault", "printable", "vmtemplate/flow", "vmtemplate/jobscript", "vmtemplate/message", "vmtemplate/site", "vmtemplate/web"},
	"vmtemplate/web/guard":  {},
	"vmtemplate/web/page":   {},
	"vmtemplate/web/desk":   {"vmtemplate/flow", "vmtemplate/message"},
	"vmtemplate/web/bench":  {"vmtemplate/flow", "vmtemplate/message"},
	"vmtemplate/doctor":     {"vmtemplate/message", "vmtemplate/site"},
	"vmtemplate/cloud-init": {},
	"vmtemplate/packer":     {},
	"vmtemplate/aria":       {},
	"vmtemplate/vm":         {"vmtemplate/aria", "vmtemplate/cloud-init", "vmtemplate/message", "vmtemplate/packer", "vmtemplate/site"},
	"vmtemplate/vm/tool":    {"vmtemplate/vm"},
	"vmtemplate/dockerfile": {"image", "vmtemplate/inside", "vmtemplate/message", "vmtemplate/rootless", "vmtemplate/workspace"},

	// People and images over time, for jadm.
	"image/lifecycle":            {},
	"image/lifecycle/settings":   {"fault", "quantity"},
	"image/lifecycle/state":      {},
	"image/lifecycle/audit":      {"fault", "image/lifecycle/state"},
	"image/lifecycle/people":     {"fault", "image/lifecycle/settings"},
	"image/lifecycle/notice":     {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/lifecycle/people"},
	"image/lifecycle/desired":    {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/lifecycle/people"},
	"image/lifecycle/onboarding": {"fault", "quantity", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/lifecycle/people", "image/lifecycle/desired", "image/lifecycle/notice"},
	"image/lifecycle/mirror":     {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image", "image/store", "image/lifecycle/people"},
	"image/lifecycle/usage":      {"fault", "quantity", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/provenance", "image/store"},
	"image/lifecycle/retention":  {"fault", "quantity", "image/harbor", "image/store", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/lifecycle/usage"},
	"image/lifecycle/report":     {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/store", "image/lifecycle/people", "image/lifecycle/usage"},
	"image/lifecycle/bundle":     {"fault", "printable", "shellword", "image", "image/harbor", "image/provenance"},
	"image/lifecycle/leaving":    {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/store", "image/lifecycle/people", "image/lifecycle/notice", "image/lifecycle/bundle", "image/lifecycle/desired", "image/lifecycle/usage"},
	"image/lifecycle/vmlease":    {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/lifecycle/people", "image/lifecycle/notice"},
	"image/lifecycle/service":    {"fault", "quantity", "printable", "image/harbor", "image/lifecycle/audit", "image/lifecycle/settings", "image/lifecycle/state", "image/store", "image/lifecycle/mirror", "image/lifecycle/vmlease", "image/lifecycle/usage", "image/lifecycle/onboarding", "image/lifecycle/people", "image/lifecycle/leaving", "image/lifecycle/retention", "image/lifecycle/notice"},
	"cmd/jadm":                   {"fault", "interrupt", "quantity", "printable", "image", "image/lifecycle", "image/provenance", "vmtemplate/recipe"},

	// What tests of texts in two languages compare.
	"fault/language/languagetest": {},
	// Debian's slapd for tests.
	"image/lifecycle/people/slapdtest": {},
	// A Harbor for tests. It must not share even the client's types.
	"image/harbor/fakeharbor": {},
	// What a guided session works with, in memory, and a terminal to watch it on.
	"vmtemplate/flow/fakeengine": {"vmtemplate/change", "vmtemplate/flow"},
	"vmtemplate/terminal/screen": {},
	// Shared libraries for tests, made with gcc.
	"runtime/hostlib/elftest": {},
}

// forbidden are modules that every rank of every job would pay for, or that
// belong to the builder or to tests.
var forbidden = []string{
	"go.podman.io/buildah",
	"golang.org/x/text/message",
	"charm.land",
	module + "vmtemplate",
	module + "image/lifecycle",
	"github.com/go-ldap/ldap",
	"github.com/google/go-containerregistry/pkg/v1", // sigstore brings pkg/name, which is small
	"github.com/google/go-containerregistry/pkg/registry",
	"github.com/hanwen/go-fuse",
	"github.com/mattn/go-runewidth", // 21 ms of initialisation
	"github.com/spf13/cobra/doc",
	"testing",
	module + "image/harbor/fakeharbor",
	"github.com/wneessen/go-mail",
	module + "runtime/hostlib/elftest",
}

func TestImportsPointDownwards(t *testing.T) {
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		fields := strings.Fields(line)
		from := strings.TrimPrefix(fields[0], module)
		if fields[0] == strings.TrimSuffix(module, "/") {
			continue // this test
		}
		may, known := allowed[from]
		if !known && strings.HasPrefix(from, "integration/") {
			may, known = allowed["integration"], true
		}
		if !known {
			t.Errorf("%s is not in the picture: add it to allowed, and to ARCHITECTURE.md", from)
		}
		for _, to := range fields[1:] {
			to, ours := strings.CutPrefix(to, module)
			if ours && !permitted(may, to, strings.HasPrefix(from, "integration") || from == "cmd/jbuild" || from == "cmd/jadm" || from == "vmtemplate/workshop" || from == "vmtemplate/guide" || from == "vmtemplate/web") {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

func permitted(may []string, to string, below bool) bool {
	return slices.ContainsFunc(may, func(room string) bool {
		return to == room || below && strings.HasPrefix(to, room+"/")
	})
}

func TestJrunLinksNoBuilder(t *testing.T) {
	deps := goList(t, "-deps", "./cmd/jrun")
	if len(deps) < 100 {
		t.Fatalf("only %d packages are linked; the list cannot be right", len(deps))
	}
	for _, name := range deps {
		for _, bad := range forbidden {
			if name == bad || strings.HasPrefix(name, bad+"/") {
				t.Errorf("jrun links %s", name)
			}
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// mostStagePackages bounds what Go initialises for each holder, builder and init of a
// sandbox (82 when this was written, of jrun itself 299): a dependency that crept in
// would cost every start of a sandbox three times.
const mostStagePackages = 100

// TestStagesAreSmall: what makes sandboxes links neither registries nor the command
// line.
func TestStagesAreSmall(t *testing.T) {
	deps := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/jrun-stages")
	if len(deps) > mostStagePackages {
		t.Errorf("cmd/jrun-stages links %d packages that are not the standard library's, more than %d", len(deps), mostStagePackages)
	}
	for _, dep := range deps {
		for _, heavy := range []string{"go.podman.io/image", "github.com/spf13/cobra", "net/http", module + "image"} {
			if strings.HasPrefix(dep, heavy) {
				t.Errorf("cmd/jrun-stages links %s", dep)
			}
		}
	}
}
