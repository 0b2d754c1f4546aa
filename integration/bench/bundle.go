package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// bundleFor makes an OCI bundle that runs a program in the unpacked root file system,
// as `crun spec --rootless` proposes it, with what jrun keeps of the host: its network
// and its cgroup. It returns the command that runs it.
func (b *bench) bundleFor(ctx context.Context, root string, program []string) ([]string, error) {
	dir := filepath.Join(b.dir, "bundle")
	config := filepath.Join(dir, "config.json")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	_, err := measure(ctx, b.shell(`mkdir "$DIR" && cd "$DIR" && crun spec --rootless 2>/dev/null`, map[string]string{"DIR": dir}))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	spec := map[string]any{}
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("reading %s: %w", config, err)
	}
	process, linux := spec["process"].(map[string]any), spec["linux"].(map[string]any)
	process["terminal"], process["args"] = false, program
	spec["root"] = map[string]any{"path": root, "readonly": true}
	delete(linux, "resources")
	linux["namespaces"] = without(linux["namespaces"], "type", "network", "cgroup")
	spec["mounts"] = without(spec["mounts"], "destination", "/sys/fs/cgroup")
	if text, err = json.Marshal(spec); err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return nil, err
	}
	return []string{"crun", "--root", filepath.Join(dir, "state"), "--cgroup-manager=disabled", "run", "--bundle", dir, "bench"}, nil
}

// without returns a list of objects without those whose key has one of the values.
func without(list any, key string, values ...string) []any {
	var left []any
	for _, entry := range list.([]any) {
		keep := true
		for _, value := range values {
			keep = keep && entry.(map[string]any)[key] != value
		}
		if keep {
			left = append(left, entry)
		}
	}
	return left
}
