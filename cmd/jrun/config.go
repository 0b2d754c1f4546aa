package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/fault"
)

// siteConfig is read before the user's own file, which wins.
const siteConfig = "/etc/jrun/jrun.toml"

// config is jrun.toml.
type config struct {
	Store           string   `toml:"store"`            // directory of converted images; ~ and $VAR are expanded
	DefaultRegistry string   `toml:"default_registry"` // for names without a registry
	Binds           []string `toml:"binds"`            // SOURCE[:DESTINATION[:ro]], as --bind; missing sources are left out
}

// loadConfig reads the site's file and then the user's: $JRUN_CONFIG, or
// jrun/jrun.toml under the XDG configuration directory. Neither must exist,
// unless $JRUN_CONFIG names one. Unknown keys are errors, so that a misspelt
// one is not silently without effect.
func loadConfig() (config, error) {
	var c config
	files := []string{siteConfig}
	own, named := os.LookupEnv("JRUN_CONFIG")
	if !named {
		dir, err := os.UserConfigDir()
		if err == nil {
			own = filepath.Join(dir, "jrun", "jrun.toml")
		}
	}
	if own != "" {
		files = append(files, own)
	}
	for _, file := range files {
		known, err := toml.DecodeFile(file, &c)
		if errors.Is(err, fs.ErrNotExist) && (!named || file != own) {
			continue
		}
		if err != nil {
			return config{}, fault.Newf(err, "correct the file; docs/jrun.toml.md lists the keys", "cannot read the configuration %s", file)
		}
		if unknown := known.Undecoded(); len(unknown) > 0 {
			return config{}, fault.Newf(fmt.Errorf("it does not know the key %q", unknown[0].String()),
				"correct or remove the line; docs/jrun.toml.md lists the keys", "cannot use the configuration %s", file)
		}
	}
	c.Store = expand(c.Store)
	return c, nil
}

func expand(name string) string {
	name = os.ExpandEnv(name)
	if rest, ok := cutHome(name); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return name
}

func cutHome(name string) (string, bool) {
	if name == "~" {
		return "", true
	}
	if len(name) > 1 && name[:2] == "~/" {
		return name[2:], true
	}
	return "", false
}

// defaultStore is under the XDG data directory.
func defaultStore() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "jrun"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fault.New("cannot find a place for converted images", err, "name one: jrun --store DIR …, or set HOME")
	}
	return filepath.Join(home, ".local", "share", "jrun"), nil
}
