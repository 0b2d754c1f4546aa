package writer

import (
	"archive/tar"
	"fmt"
	"math"

	"github.com/jrun-hpc/jrun/squash"
)

// inodeKind maps a tar type flag to the type of inode it makes.
func inodeKind(flag byte) (squash.InodeType, error) {
	switch flag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return squash.TypeFile, nil
	case tar.TypeDir:
		return squash.TypeDir, nil
	case tar.TypeSymlink:
		return squash.TypeSymlink, nil
	case tar.TypeBlock:
		return squash.TypeBlockDev, nil
	case tar.TypeChar:
		return squash.TypeCharDev, nil
	case tar.TypeFifo:
		return squash.TypeFifo, nil
	}
	return 0, fmt.Errorf("unknown type %q", flag)
}

// clampTime fits a time into the 32 unsigned bits of an inode.
func clampTime(seconds int64) uint32 {
	return uint32(max(0, min(seconds, math.MaxUint32)))
}

func owner(uid, gid int) (uint32, uint32, error) {
	if uid < 0 || gid < 0 || uint64(uid) > math.MaxUint32 || uint64(gid) > math.MaxUint32 {
		return 0, 0, fmt.Errorf("owner %d, group %d do not fit 32 bits", uid, gid)
	}
	return uint32(uid), uint32(gid), nil
}

// deviceNumber packs a device number as the kernel's new_encode_dev does: 12
// bits of major, 20 bits of minor.
func deviceNumber(major, minor int64) (uint32, error) {
	if major < 0 || major >= 1<<12 || minor < 0 || minor >= 1<<20 {
		return 0, fmt.Errorf("device number %d:%d is out of range", major, minor)
	}
	return uint32(minor&0xff | major<<8 | minor&^0xff<<12), nil
}
