package audit

// Act is something that was done, or is about to be. It never holds a secret.
type Act struct {
	Action  string            `json:"action"`           // project.create, robot.refresh, image.delete, …
	Subject string            `json:"subject"`          // what it is done to: a project, a person, a reference
	Reason  string            `json:"reason,omitempty"` // the rule, or the words of who asked for it
	Details map[string]string `json:"details,omitempty"`
}

// Recorder writes acts down. Do records act, runs do, and records how it ended:
// with do's error, which it returns. When the act cannot be recorded it is not done,
// and the error says so.
type Recorder interface {
	Do(act Act, do func() error) error
}

// None records nothing; for tests of what needs a Recorder.
type None struct{}

// Do runs do.
func (None) Do(_ Act, do func() error) error { return do() }
