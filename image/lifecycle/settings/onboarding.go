package settings

// Onboarding is about people who are new.
type Onboarding struct {
}

func (*Onboarding) complete(func(string) string) error { return nil }
