package provenance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Key names what a record is about: equal for all processes of a job that run the
// same, whatever their host, rank and time. Secrets do not go into it: who has a
// hash can try passwords.
func (r Record) Key() string {
	same := Record{
		Version: Version,
		Image:   Image{Name: r.Image.Name, Reference: r.Image.Reference, Digest: r.Image.Digest, Source: r.Image.Source, File: r.Image.File},
		Command: r.Command,
		Options: r.Options,
	}
	if same.Image.Source == FromSite {
		same.Image.Source = FromOwn // the same bytes
	}
	if same.Command.Arguments == nil {
		same.Command.Arguments = []string{} // as it is read back
	}
	for _, v := range r.Environment {
		switch {
		case v.Secret:
			same.Environment = append(same.Environment, Variable{Name: v.Name, From: v.From})
		case v.From == FromOption || !assigned(v.Name):
			same.Environment = append(same.Environment, v)
		}
	}
	b, err := json.Marshal(same)
	if err != nil {
		panic(err) // a struct of strings and times can be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
