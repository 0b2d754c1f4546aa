package settings

// Store says where converted images are.
type Store struct {
	Path string `toml:"path"` // as store in jrun.toml; empty: this site converts nothing before jobs do
}

func (s *Store) complete(abs func(string) string) error {
	s.Path = abs(s.Path)
	return nil
}
