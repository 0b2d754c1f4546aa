package settings

// Leaving is about people who leave.
type Leaving struct {
}

func (*Leaving) complete(func(string) string) error { return nil }
