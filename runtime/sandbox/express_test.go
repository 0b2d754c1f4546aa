package sandbox

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/runtime/batch"
)

// TestExpressKnowsBatchJobs: the express way, which is C, looks for a batch job in the
// same variables as all of jrun, and names its answers by them.
func TestExpressKnowsBatchJobs(t *testing.T) {
	text, err := os.ReadFile("express.c")
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string][]string{}
	for _, list := range regexp.MustCompile(`(?s)\*const (\w+)\[\] = \{(.*?)\}`).FindAllStringSubmatch(string(text), -1) {
		for _, word := range regexp.MustCompile(`"[^"]*"`).FindAllString(list[2], -1) {
			name, err := strconv.Unquote(word)
			if err != nil {
				t.Fatal(err)
			}
			lists[list[1]] = append(lists[list[1]], name)
		}
	}
	if diff := cmp.Diff(batch.Variables(), lists["batch_variables"]); diff != "" {
		t.Errorf("express.c looks elsewhere (-want +got):\n%s", diff)
	}
	read := map[string]bool{}
	for _, name := range lists["read_variables"] {
		read[name] = true
	}
	for _, name := range batch.Variables() {
		if !read[name] {
			t.Errorf("the express way would give a process the answer of a job with another %s", name)
		}
	}
}
