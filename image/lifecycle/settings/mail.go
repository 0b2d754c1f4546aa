package settings

// Mail says how letters are sent.
type Mail struct {
}

func (*Mail) complete(func(string) string) error { return nil }
