package settings

// Lease says where the ends of personal VMs are known.
type Lease struct {
}

func (*Lease) complete(func(string) string) error { return nil }
