package torture

import "slices"

// scenarios lists all corners; each group stands in the file of its subject.
func scenarios() []scenario {
	return slices.Concat(whiteouts(), links(), replacements(), metadata(), contents(), names())
}
