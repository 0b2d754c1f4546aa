package store

import (
	"errors"
	"fmt"
	"os"

	"github.com/jrun-hpc/jrun/fault"
)

// Members says who may read a project's images in the site's part of a store.
type Members struct {
	Everybody bool  // it is a public project
	UIDs      []int // accounts
	GIDs      []int // groups
}

// Share lets these and no others read the project's images, whatever was before.
// It writes an access control list on the project's directory; on file systems
// without them (NFS version 4 among others) one group can be named, which then
// becomes the directory's group, and everybody.
func (s *Store) Share(m Members) error {
	if err := s.makeRealm(); err != nil {
		return err
	}
	dir := s.own.dir
	if m.Everybody {
		return errors.Join(removeACL(dir), os.Chmod(dir, 0o755))
	}
	if len(m.UIDs) == 0 && len(m.GIDs) == 0 {
		return errors.Join(removeACL(dir), os.Chmod(dir, 0o700))
	}
	err := setACL(dir, m.UIDs, m.GIDs)
	if !errors.Is(err, errNoACL) {
		return err
	}
	if len(m.UIDs) > 0 || len(m.GIDs) > 1 {
		return fault.Newf(err, "make a group of the project's members and name it alone: --group GROUP", "cannot share %s with these accounts and groups", dir)
	}
	if err := os.Chown(dir, -1, m.GIDs[0]); err != nil {
		return fault.Newf(err, "the service account must be a member of that group", "cannot share %s with the group", dir)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		return fmt.Errorf("sharing %s: %w", dir, err)
	}
	return nil
}
