package starter

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// family is what an image to begin with is good for, by its name.
type family string

const (
	pythonImage family = "python"
	condaImage  family = "conda"
	rImage      family = "r"
	juliaImage  family = "julia"
	nodeImage   family = "node"
	debian      family = "debian"
	ubuntu      family = "ubuntu"
	otherImage  family = ""
)

// families are the last parts of repositories' names, as Docker Hub has them.
var families = map[string]family{
	"python": pythonImage, "python3": pythonImage,
	"miniforge": condaImage, "miniforge3": condaImage, "mambaforge": condaImage, "micromamba": condaImage, "miniconda": condaImage, "miniconda3": condaImage, "anaconda3": condaImage, "conda": condaImage,
	"r-base": rImage, "r-ver": rImage, "rocker": rImage, "tidyverse": rImage, "rstudio": rImage, "verse": rImage, "geospatial": rImage, "r": rImage,
	"julia": juliaImage, "node": nodeImage, "nodejs": nodeImage, "debian": debian, "ubuntu": ubuntu,
}

// candidate is an image to begin with.
type candidate struct {
	name    string
	family  family
	tag     string
	version string // the number that the tag begins with, or of the release that it names
}

var leadingVersion = form(`^v?(\d+(?:\.\d+)*)`)

// releases are the distributions' code names.
var releases = map[string]string{"bullseye": "11", "bookworm": "12", "trixie": "13", "focal": "20.04", "jammy": "22.04", "noble": "24.04"}

func parseBase(name string) candidate {
	c := candidate{name: name}
	plain, _, _ := strings.Cut(name, "@")
	repository := plain[strings.LastIndexByte(plain, '/')+1:]
	repository, c.tag, _ = strings.Cut(repository, ":")
	c.family = families[strings.ToLower(repository)]
	if m := leadingVersion().FindStringSubmatch(c.tag); m != nil {
		c.version = m[1]
	}
	if c.family == debian || c.family == ubuntu {
		first, _, _ := strings.Cut(c.tag, "-")
		if number, ok := releases[first]; ok {
			c.version = number
		}
	}
	return c
}

// usable leaves out images without apt and glibc.
func (c candidate) usable() bool {
	return !strings.Contains(c.tag, "alpine") && !strings.Contains(c.tag, "windows")
}

// software are the versions that Debian's and Ubuntu's own packages have, by release:
// Python, R and Node (packages.debian.org, packages.ubuntu.com).
var software = map[family]map[string]struct{ python, r, node string }{
	debian: {"11": {"3.9", "4.0.4", "12"}, "12": {"3.11", "4.2.2", "18"}, "13": {"3.13", "4.5.0", "20"}},
	ubuntu: {"20.04": {"3.8", "3.6.3", "10"}, "22.04": {"3.10", "4.1.2", "12"}, "24.04": {"3.12", "4.3.3", "18"}},
}

// has is the version of what is wanted in an image; empty if it is not known.
func (c candidate) has(wanted family) string {
	if c.family == wanted {
		return c.version
	}
	release := c.version
	if c.family == debian {
		release, _, _ = strings.Cut(release, ".") // 12.5 is of 12
	}
	s := software[c.family][release]
	switch wanted {
	case pythonImage:
		return s.python
	case rImage:
		return s.r
	case nodeImage:
		return s.node
	}
	return ""
}

// choose finds the base: one that is made for what is wanted, or else a distribution
// that can install it. fits judges a version; nil takes any. Among images of one family
// the newest that fits is taken, and one whose version is not known after these.
func (p *planner) choose(wanted family, fits func(version string) bool, what string) (candidate, error) {
	if p.Base != "" {
		c := parseBase(p.Base)
		p.plan.Base, p.plan.Reason = c.name, message.Of("starter.base.chosen")
		if version := c.has(wanted); fits != nil && version != "" && !fits(version) {
			return c, message.Fail(message.Of("starter.base.unfit", c.name, version, what), nil, message.Of("starter.base.unfit.next"))
		}
		if c.family == otherImage {
			p.note(message.Of("starter.base.other", c.name))
		}
		return c, nil
	}
	var unfit, others []string
	for _, group := range [][]family{{wanted}, {debian, ubuntu}} {
		var best *candidate
		for _, name := range p.Bases {
			c := parseBase(name)
			if c.family == otherImage || !slices.Contains(group, c.family) || !c.usable() {
				continue
			}
			version := c.has(wanted)
			if fits != nil && version != "" && !fits(version) {
				unfit = append(unfit, name)
				continue
			}
			switch {
			case best == nil:
				best = &c
			case best.family == c.family && newerVersion(c.version, best.version):
				others = append(others, best.name)
				best = &c
			default:
				others = append(others, name)
			}
		}
		if best != nil {
			p.plan.Base = best.name
			p.plan.Reason = message.Of("starter.base.made-for", string(wanted))
			if best.family != wanted {
				p.plan.Reason = message.Of("starter.base.distribution", string(best.family))
			}
			// Julia is fetched where it is not, in the version that fits.
			if fits != nil && best.has(wanted) == "" && (best.family == wanted || wanted != juliaImage) {
				p.note(message.Of("starter.base.unsure", best.name, what))
			}
			if wanted == pythonImage && len(others) > 0 {
				p.note(message.Of("starter.base.others", best.name, strings.Join(others, ", ")))
			}
			return *best, nil
		}
	}
	if len(unfit) > 0 {
		return candidate{}, message.Fail(message.Of("starter.base.none-fits", what, strings.Join(unfit, ", ")), nil, message.Of("starter.base.unfit.next"))
	}
	return candidate{}, message.Fail(message.Of("starter.base.none", string(wanted)), nil, message.Of("starter.base.none.next"))
}

// newerVersion compares version numbers part by part; what is not known is oldest.
func newerVersion(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) > 0
}

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n := 0
		for _, r := range part {
			if r < '0' || r > '9' || n > 1<<20 {
				return all
			}
			n = n*10 + int(r-'0')
		}
		if part != "" {
			all = append(all, n)
		}
	}
	return all
}
