package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Seed writes a seed disk, an ISO 9660 file that cloud-init's NoCloud finds by its label, for
// the user of the site's file.
func (s *Site) Seed(ctx context.Context, output string) (err error) {
	userData, metaData, err := s.seed()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "jbuild-seed-")
	if err != nil {
		return fmt.Errorf("making a seed disk: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, content := range map[string]string{"user-data": userData, "meta-data": metaData} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("making a seed disk: %w", err)
		}
	}
	out, err := exec.CommandContext(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-V", "cidata", "-J", "-r", "-o", output, dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making the seed disk %s with xorriso, which integration/setup.sh vm installs: %w: %s", output, err, out)
	}
	return nil
}
