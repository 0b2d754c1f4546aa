//go:build !cgo

package sandbox

// Names of the stages, which a program built without cgo does not have.
const (
	stageHolder  = "jrun-holder"
	stageBuilder = "jrun-builder"
	stageProbe   = "jrun-probe"
)

const hasStages = false

// RunStage reports that this process is not a stage.
func RunStage() (status int, isStage bool) { return 0, false }

func expressName() string { return "" }

func callersSignals() (ignored, blocked string) { return "", "" }
