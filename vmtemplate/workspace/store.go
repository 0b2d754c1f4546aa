package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// Options say where a Store is.
type Options struct {
	Dir    string        // of all data; on a local disk
	Run    string        // for what must vanish at a reboot; empty: $XDG_RUNTIME_DIR or /tmp
	IDs    rootless.IDs  // what Enter returned
	Client *image.Client // registries
}

// Store holds a user's workspaces and images.
type Store struct {
	dir    string
	run    string
	ids    rootless.IDs
	client *image.Client
	store  storage.Store
	system types.SystemContext

	running *os.File // locked while the store is open
}

// Prepare sets the environment so that no library reads other configuration than ours.
// It comes before rootless.Enter. dir is Options.Dir.
func Prepare(dir string) error {
	if !filepath.IsAbs(dir) { // without $HOME it would be wherever the user is
		return message.Fail(message.Of("workspace.relative", dir), nil, message.Of("workspace.relative.next"), message.Of("workspace.data.next"))
	}
	for _, name := range []string{"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"} {
		_ = os.Setenv(name, os.DevNull)
	}
	for _, name := range []string{
		"STORAGE_DRIVER", "STORAGE_OPTS", "CONTAINERS_CONF_OVERRIDE", "CONTAINERS_STORAGE_CONF_OVERRIDE",
		"BUILDAH_ISOLATION", "BUILDAH_LAYERS", "BUILDAH_FORMAT", "BUILDAH_RUNTIME",
	} {
		_ = os.Unsetenv(name)
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return message.Fail(message.Of("workspace.data", dir), err, message.Of("workspace.data.next"))
	}
	return os.Setenv("TMPDIR", tmp) // /tmp may be small
}

// Open opens the store, and makes it if there is none. It is called in the namespace of
// rootless.Enter, after Prepare.
func Open(o Options) (*Store, error) {
	if err := checkDisk(o.Dir); err != nil {
		return nil, err
	}
	run := o.Run
	if run == "" {
		var err error
		if run, err = runDir(); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{"blobs", "locks", "none"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return nil, message.Fail(message.Of("workspace.data", o.Dir), err, message.Of("workspace.data.next"))
		}
	}
	policy, err := acceptAny()
	if err != nil {
		return nil, err
	}
	st := &Store{dir: o.Dir, run: run, ids: o.IDs, client: o.Client, system: systemContext(o.Dir, policy)}
	alone, err := st.enter()
	if err != nil {
		return nil, err
	}
	if alone {
		st.sweep()
	}
	if st.store, err = openStorage(o, run); err != nil {
		st.running.Close()
		return nil, err
	}
	if alone {
		st.sweepStorage()
		err = st.share()
	}
	if err != nil {
		st.Close()
		return nil, err
	}
	return st, nil
}

// Close lets go of the store. What is mounted stays so for this process.
func (st *Store) Close() {
	_, _ = st.store.Shutdown(false)
	st.running.Close()
}

// Storage is the store that Dockerfiles are built in, and how its libraries are
// configured.
func (st *Store) Storage() (storage.Store, types.SystemContext) { return st.store, st.system }

// IDs are those of the namespace.
func (st *Store) IDs() rootless.IDs { return st.ids }

// Dir is the directory of all data.
func (st *Store) Dir() string { return st.dir }

// RunDir is a directory that a reboot empties, and that nobody else can read.
func (st *Store) RunDir() string { return st.run }

// Client reaches registries.
func (st *Store) Client() *image.Client { return st.client }

// openStorage opens the store with the kernel's overlay, or, on a kernel that keeps that
// from ordinary users (before Linux 5.11), with whole copies.
func openStorage(o Options, run string) (storage.Store, error) {
	open := func(driver string) (storage.Store, error) {
		options := storage.StoreOptions{
			GraphRoot:       filepath.Join(o.Dir, "storage"),
			RunRoot:         filepath.Join(run, "storage"),
			GraphDriverName: driver,
		}
		if o.IDs == rootless.Single {
			options.GraphDriverOptions = []string{driver + ".ignore_chown_errors=true"}
		}
		return storage.GetStore(options)
	}
	driver := "overlay"
	if _, err := os.Stat(filepath.Join(o.Dir, "storage", "vfs-containers")); err == nil {
		driver = "vfs"
	}
	st, err := open(driver)
	if err == nil {
		return st, nil
	}
	if _, made := os.Stat(filepath.Join(o.Dir, "storage", "overlay-containers")); driver == "overlay" && errors.Is(made, fs.ErrNotExist) {
		if st, second := open("vfs"); second == nil {
			return st, nil
		}
	}
	return nil, message.Fail(message.Of("workspace.storage", o.Dir), err, message.Of("workspace.data.next"))
}

// File systems that cannot hold an overlay's upper directory (statfs(2)).
var networkDisks = map[int64]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS", 0x0BD00BD0: "Lustre", 0x47504653: "GPFS",
	0x19830326: "BeeGFS", unix.CEPH_SUPER_MAGIC: "CephFS", unix.AFS_SUPER_MAGIC: "AFS",
}

// notInOptions are what the options of an overlay's mount are made of: in a directory's
// name they cannot be.
const notInOptions = ":,\\"

func checkDisk(dir string) error {
	if strings.ContainsAny(dir, notInOptions) {
		return message.Fail(message.Of("workspace.odd-path", dir), nil, message.Of("workspace.data.next"))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return message.Fail(message.Of("workspace.data", dir), err, message.Of("workspace.data.next"))
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return message.Fail(message.Of("workspace.data", dir), err, message.Of("workspace.data.next"))
	}
	if name, ok := networkDisks[fs.Type]; ok {
		return message.Fail(message.Of("workspace.network-disk", dir, name), nil, message.Of("workspace.data.next"))
	}
	return nil
}

// RunDir is the directory of Store.RunDir, where no store is open.
func RunDir() (string, error) { return runDir() }

// runDir is a directory that is empty after a reboot, and the user's own. /tmp is
// everybody's, and XDG_RUNTIME_DIR may be: what is there under our name must be ours.
func runDir() (string, error) {
	uid, _ := rootless.Caller()
	dir := "/tmp/jbuild-" + strconv.Itoa(uid)
	othersMay := uint32(0)
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && unix.Access(run, unix.W_OK) == nil {
		dir, othersMay = filepath.Join(run, "jbuild"), 0o055 // the one above is closed, or the user's business
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("making %s: %w", dir, err)
	}
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return "", fmt.Errorf("looking at %s: %w", dir, err)
	}
	if int(s.Uid) != os.Getuid() || s.Mode&unix.S_IFMT != unix.S_IFDIR || s.Mode&0o077&^othersMay != 0 {
		return "", message.Fail(message.Of("workspace.run-dir", dir), nil, message.Of("workspace.run-dir.next"))
	}
	return dir, nil
}

// sync writes what is in memory to the disk that holds the store (syncfs(2)).
func (st *Store) sync() {
	if f, err := os.Open(st.dir); err == nil {
		_ = unix.Syncfs(int(f.Fd())) // an error would have been one of writing
		f.Close()
	}
}

// lock takes a lock that the kernel releases when the process ends. busy is returned
// when another process has it for longer than a look at it takes.
func (st *Store) lock(name string, busy error) (release func(), err error) {
	for range 10 {
		if release, err = st.tryLock(name, busy); release != nil || err != busy { //nolint:errorlint // that very one
			return release, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, busy
}

// tryLock takes a lock if nobody has it.
func (st *Store) tryLock(name string, busy error) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(st.dir, "locks", name), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, busy
	}
	return func() { f.Close() }, nil
}

// interrupted is the context's error, if it has one: libraries wrap it in theirs.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
