package pbs

import (
	"bytes"
	_ "embed" // for the hook
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed hook.py
var hook []byte

// Hook is the hook, a Python file.
func Hook() []byte { return bytes.Clone(hook) }

// HookName is what the hook is called in the server.
const HookName = "jrun"

// versionResource is what the hook sets on each node.
const versionResource = "jrun_version"

// Settings are the hook's own configuration; hook.py has the same names.
type Settings struct {
	Jrun              string   `json:"jrun"` // path on every node
	Version           string   `json:"version"`
	DefaultRegistry   string   `json:"default_registry"`
	AllowedRegistries []string `json:"allowed_registries"`
	Options           []string `json:"options"` // that JRUN_OPTIONS may have, long and short
}

// Text is what the hook reads.
func (s Settings) Text() ([]byte, error) {
	if s.AllowedRegistries == nil {
		s.AllowedRegistries = []string{}
	}
	if s.Options == nil {
		s.Options = []string{}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the hook's configuration: %w", err)
	}
	return append(text, '\n'), nil
}

func sortedNodes(nodes []Node) []Node {
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}
