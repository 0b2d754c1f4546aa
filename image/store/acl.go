package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// POSIX access control lists, as acl(5) describes them and as Linux keeps them
// in an extended attribute (include/uapi/linux/posix_acl_xattr.h): a version in
// 32 bits, then for each entry a tag and permissions in 16 bits each and an id in
// 32, all little-endian, sorted by tag and id.
const (
	aclAttribute = "system.posix_acl_access"
	aclVersion   = 2

	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclNoID = 0xffffffff

	aclRead, aclWrite, aclExecute = 4, 2, 1
)

// errNoACL says that a file system has no POSIX access control lists.
var errNoACL = errors.New("this file system has no POSIX access control lists")

// setACL lets the owner do everything with a directory, and these accounts and
// groups read it.
func setACL(dir string, uids, gids []int) error {
	err := unix.Setxattr(dir, aclAttribute, encodeACL(uids, gids), 0)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) {
		return errNoACL
	}
	if err != nil {
		return fmt.Errorf("setting the access control list of %s: %w", dir, err)
	}
	return nil
}

func encodeACL(uids, gids []int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	entry := func(tag, permissions uint16, id uint32) {
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = binary.LittleEndian.AppendUint16(b, permissions)
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	entry(aclUserObj, aclRead|aclWrite|aclExecute, aclNoID)
	for _, uid := range sortedOnce(uids) {
		entry(aclUser, aclRead|aclExecute, uint32(uid))
	}
	entry(aclGroupObj, 0, aclNoID)
	for _, gid := range sortedOnce(gids) {
		entry(aclGroup, aclRead|aclExecute, uint32(gid))
	}
	entry(aclMask, aclRead|aclExecute, aclNoID)
	entry(aclOther, 0, aclNoID)
	return b
}

func sortedOnce(ids []int) []int {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// removeACL leaves only the directory's mode.
func removeACL(dir string) error {
	err := unix.Removexattr(dir, aclAttribute)
	if err == nil || errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return fmt.Errorf("removing the access control list of %s: %w", dir, err)
}
