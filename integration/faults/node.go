package main

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or directory whose changes go through the plan.
type node struct {
	*fs.LoopbackNode
	plan *plan
}

var (
	_ fs.NodeWrapChilder    = (*node)(nil)
	_ fs.NodeCreater        = (*node)(nil)
	_ fs.NodeOpener         = (*node)(nil)
	_ fs.NodeMkdirer        = (*node)(nil)
	_ fs.NodeRenamer        = (*node)(nil)
	_ fs.NodeSetattrer      = (*node)(nil)
	_ fs.NodeFsyncer        = (*node)(nil)
	_ fs.NodeCopyFileRanger = (*node)(nil)
)

// WrapChild makes the children nodes of this kind, too.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: ops.(*fs.LoopbackNode), plan: n.plan}
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.plan.next("create"); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, handle, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, n.wrap(handle), fuseFlags, errno
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(handle), fuseFlags, errno
}

func (n *node) wrap(handle fs.FileHandle) fs.FileHandle {
	loopback, ok := handle.(*fs.LoopbackFile)
	if !ok {
		return nil // there was an error
	}
	return &file{LoopbackFile: loopback, plan: n.plan}
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.plan.next("mkdir"); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.plan.next("rename"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
}

func (n *node) Setattr(ctx context.Context, handle fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.plan.next("setattr"); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Setattr(ctx, handle, in, out)
}

// Fsync is called for files and directories.
func (n *node) Fsync(ctx context.Context, handle fs.FileHandle, flags uint32) syscall.Errno {
	if errno := n.plan.next("fsync"); errno != 0 {
		return errno
	}
	if f, ok := handle.(*file); ok {
		return f.Fsync(ctx, flags)
	}
	return 0
}

// CopyFileRange is not offered: the kernel then copies with read and write.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}

// file is an open file.
type file struct {
	*fs.LoopbackFile
	plan *plan
}

var (
	_ fs.FileWriter          = (*file)(nil)
	_ fs.FileFlusher         = (*file)(nil)
	_ fs.FileAllocater       = (*file)(nil)
	_ fs.FilePassthroughFder = (*file)(nil)
)

func (f *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := f.plan.next("write"); errno != 0 {
		return 0, errno
	}
	return f.LoopbackFile.Write(ctx, data, off)
}

// Flush is the answer to close(2), which reports what NFS could not write.
func (f *file) Flush(ctx context.Context) syscall.Errno {
	if errno := f.plan.next("close"); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Flush(ctx)
}

func (f *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := f.plan.next("allocate"); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Allocate(ctx, off, size, mode)
}

// PassthroughFd keeps the kernel from writing past the plan.
func (f *file) PassthroughFd() (int, bool) { return 0, false }
