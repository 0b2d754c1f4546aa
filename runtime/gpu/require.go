package gpu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// An image says with NVIDIA_REQUIRE_* what it needs of the machine. A value is a list
// of alternatives, separated by spaces; each is a list of conditions, separated by
// commas. All the variables must hold. NVIDIA's own runtime refuses to start the
// image otherwise; here the program is let try, and told why it may fail.

// answer is a condition's: some things cannot be known without the driver.
type answer int

const (
	no answer = iota
	unknown
	yes
)

// cudaOf are the releases of CUDA by the branch of the driver that brought them
// (CUDA's release notes, table 3).
var cudaOf = []struct {
	branch int
	cuda   string
}{
	{590, "13.1"}, {580, "13.0"}, {575, "12.9"}, {570, "12.8"}, {565, "12.7"}, {560, "12.6"}, {555, "12.5"}, {550, "12.4"}, {545, "12.3"},
	{535, "12.2"}, {530, "12.1"}, {525, "12.0"}, {520, "11.8"}, {515, "11.7"}, {510, "11.6"}, {495, "11.5"}, {470, "11.4"}, {465, "11.3"},
	{460, "11.2"}, {455, "11.1"}, {450, "11.0"}, {440, "10.2"}, {418, "10.1"}, {410, "10.0"},
}

// cudaVersion is the newest CUDA that a driver can serve; empty if it is older than
// all known ones.
func cudaVersion(driver string) string {
	major, _, _ := strings.Cut(driver, ".")
	branch, err := strconv.Atoi(major)
	if err != nil {
		return ""
	}
	for _, row := range cudaOf {
		if branch >= row.branch {
			return row.cuda
		}
	}
	return ""
}

func (p *planner) nvidiaRequirements(driver string) {
	facts := map[string]string{"driver": driver, "cuda": cudaVersion(driver)}
	disabled, _ := p.image.variable(nvidiaNoRequire)
	for _, pair := range p.image.Env {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, nvidiaRequire) || value == "" {
			continue
		}
		if set, ok := variable(p.image.Set, name); ok {
			value = set
		}
		if disabled != "" && disabled != "0" && disabled != "false" {
			p.judge(Ignored, name, "", "%s is set", nvidiaNoRequire)
			continue
		}
		result, deciding := required(value, facts)
		has := fmt.Sprintf("driver %s, which serves CUDA %s", driver, facts["cuda"])
		switch {
		case result == yes:
			p.judge(Granted, name, "", "%s holds: this node has %s", deciding, has)
		case result == unknown:
			p.judge(Noted, name, "", "it cannot be told without asking the driver whether %q holds: this node has %s", value, has)
		case p.hasCompat(driver):
			p.judge(Noted, name, "", "no alternative of %q holds with %s; but the image brings CUDA's compatibility package", value, has)
		default:
			p.judge(Refused, name, "use an image for an older CUDA, or one with the package cuda-compat, or ask for nodes with a newer driver",
				"no alternative of %q holds: this node has %s", value, has)
		}
	}
}

// required decides over a value, and says which alternative did.
func required(value string, facts map[string]string) (answer, string) {
	best, deciding := no, ""
	for alternative := range strings.FieldsSeq(value) {
		all := yes
		for condition := range strings.SplitSeq(alternative, ",") {
			all = min(all, holds(condition, facts))
		}
		if all > best {
			best, deciding = all, alternative
		}
	}
	return best, deciding
}

// holds decides over one condition, such as cuda>=12.2. Of brand and arch, which only
// the driver knows, nothing is known.
func holds(condition string, facts map[string]string) answer {
	at := strings.IndexAny(condition, "<>=!")
	if at <= 0 {
		return unknown
	}
	fact := facts[condition[:at]]
	operator := strings.TrimRight(condition[at:], "0123456789.")
	if fact == "" || !slices.Contains([]string{">=", "<=", ">", "<", "=", "!="}, operator) {
		return unknown
	}
	want := condition[at+len(operator):]
	newer, older := laterThan(fact, want), laterThan(want, fact)
	result := map[string]bool{">=": !older, "<=": !newer, ">": newer, "<": older, "=": !newer && !older, "!=": newer || older}[operator]
	if result {
		return yes
	}
	return no
}

// laterThan compares versions part by part as far as both have them: driver 470.82
// is neither later nor earlier than 470, as NVIDIA's runtime compares.
func laterThan(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	n := min(len(x), len(y))
	return hostlib.Newer(strings.Join(x[:n], "."), strings.Join(y[:n], "."))
}
