package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// coveredRule: the servers' own /tmp and /var/tmp are shown in every job, and what the
// image has there is never seen.
type coveredRule struct {
	stays map[string]bool // what is in the image in vain
	lost  map[string]bool // programs; saving may leave them out, too
}

// leftVisitor is a rule that wants to see what saving leaves out.
type leftVisitor interface{ visitLeft(e *entry) }

func (r *coveredRule) visit(e *entry) {
	place, ok := coveredPlace(e.path)
	if !ok {
		return
	}
	r.visitLeft(e)
	if r.stays == nil {
		r.stays = map[string]bool{}
	}
	r.stays[place] = true
}

// visitLeft takes only what looks like an installation: other programs in /tmp are
// installers and what builds have left.
func (r *coveredRule) visitLeft(e *entry) {
	place, ok := coveredPlace(e.path)
	if !ok || !e.regular() || e.mode&0o111 == 0 || path.Base(path.Dir(e.path)) != "bin" {
		return
	}
	if r.lost == nil {
		r.lost = map[string]bool{}
	}
	r.lost[place] = true
}

// coveredPlace is the part of a path below /tmp or /var/tmp that is shown to a person.
func coveredPlace(name string) (string, bool) {
	for _, dir := range []string{"tmp/", "var/tmp/"} {
		if rest, ok := strings.CutPrefix(name, dir); ok {
			first, _, _ := strings.Cut(rest, "/")
			return dir + first, true
		}
	}
	return "", false
}

func (r *coveredRule) judge(*examination) ([]Finding, error) {
	var lost, stays paths
	for _, name := range slices.Sorted(maps.Keys(r.lost)) {
		lost.add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.stays)) {
		if !r.lost[name] {
			stays.add(name)
		}
	}
	var all []Finding
	if !lost.empty() {
		all = append(all, finding("covered", Warns, message.Of("check.covered-programs"), message.Of("check.home.move")).at(lost))
	}
	if !stays.empty() {
		all = append(all, finding("covered", Advises, message.Of("check.covered"), message.Plain("rm -rf /tmp/* /var/tmp/*")).at(stays))
	}
	return all, nil
}
