package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// asActor makes the test binary do one thing as another user: its value is the
// thing, the store's root, the site's owner, the project and the digest.
const asActor = "JRUN_TEST_STORE_ACTOR"

var sitePlace = Place{Registry: "reg.example:5000", Project: "lab"}

// act prints what came of it.
func act(script string) int {
	words := strings.Fields(script)
	owner, _ := strconv.Atoi(words[2])
	place := Place{Registry: sitePlace.Registry, Project: words[3]}
	d := digest.Digest(words[4])
	var warning error
	s, err := Open(words[1], Options{SiteOwner: owner, Warn: func(err error) { warning = err }})
	if err != nil {
		fmt.Println("open:", err)
		return 0
	}
	o, err := s.Find(place, d)
	switch {
	case errors.Is(err, ErrNotFound):
		fmt.Print("not found")
	case err != nil:
		fmt.Print("error: ", err)
	case o.Site:
		b, err := os.ReadFile(o.Path)
		fmt.Print("site: ", string(b), err)
	default:
		fmt.Print("own")
	}
	if warning != nil {
		fmt.Print("; warning: ", warning)
	}
	switch words[0] {
	case "use":
		f, err := s.OpenFile(o)
		if err == nil {
			_, err = s.Lease(o, f, "7.pbs")
		}
		fmt.Print("; lease: ", err)
		names, err := os.ReadDir(s.site.leases())
		fmt.Print("; sees ", len(names), " leases: ", errors.Is(err, fs.ErrPermission))
		time.Sleep(time.Hour)
	case "tell":
		err := s.Tell([]byte("a report of " + strconv.Itoa(os.Getuid())))
		_, listErr := os.ReadDir(s.site.reports())
		fmt.Print("; told: ", err, "; may list: ", listErr == nil)
	case "publish":
		site, err := OpenSite(words[1], place)
		if err != nil {
			fmt.Print("; ", err)
			return 0
		}
		_, err = site.Create(nil, d, nil) //nolint:staticcheck // must fail before it waits
		fmt.Print("; ", err)
	}
	return 0
}

// siteStore is a store with a site's part of the service account 2001, in which
// the project lab has one object. Only root can make one for a test.
func siteStore(t *testing.T) (root string, service *Store, o Object) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can act as several accounts")
	}
	dir, err := os.MkdirTemp("", "jrun-site-test") // t.TempDir is closed to others
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	root = filepath.Join(dir, "store")
	check(t, os.Mkdir(root, 0o755))
	check(t, os.Chmod(root, 0o777|os.ModeSticky))
	check(t, InitSite(root))
	check(t, InitSite(root)) // again is fine
	service, err = OpenSite(root, sitePlace)
	check(t, err)
	o = put(t, service, digest.FromString("m"), "content")
	check(t, filepath.WalkDir(filepath.Join(root, "site"), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 2001, 2001))
	}))
	service.own.owner = 2001 // root goes on in its name
	binary, err := os.ReadFile(os.Args[0])
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "test"), binary, 0o755)) //nolint:gosec // other users run it
	return root, service, o
}

// actor runs one act as uid, with the group gid as a supplementary one.
func actor(t *testing.T, uid, gid int, thing, root, project string, d digest.Digest) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(root), "test"))
	cmd.Env = []string{asActor + "=" + strings.Join([]string{thing, root, "2001", project, d.String()}, " ")}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: []uint32{uint32(gid)}}, Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

func acted(t *testing.T, uid, gid int, thing, root, project string, d digest.Digest) string {
	t.Helper()
	out, err := actor(t, uid, gid, thing, root, project, d).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestSiteObjectsAreForMembers(t *testing.T) {
	root, service, o := siteStore(t)
	const alice, bob, carol, students = 2101, 2102, 2103, 2200
	share := func(m Members) {
		t.Helper()
		check(t, service.Share(m))
	}
	want := func(who int, project string, text string) {
		t.Helper()
		if got := acted(t, who, students, "find", root, project, o.Digest); got != text {
			t.Errorf("uid %d: %q, want %q", who, got, text)
		}
	}
	const there, nothing = "site: content<nil>", "not found"
	want(alice, "lab", nothing) // nobody, before it is shared
	share(Members{UIDs: []int{alice, bob}})
	want(alice, "lab", there)
	want(bob, "lab", there)
	want(carol, "lab", nothing)
	want(alice, "other", nothing) // the digest alone opens nothing
	share(Members{UIDs: []int{alice}})
	want(alice, "lab", there)
	want(bob, "lab", nothing) // no member any more
	share(Members{GIDs: []int{students}})
	want(carol, "lab", there)
	share(Members{GIDs: []int{2201}})
	want(carol, "lab", nothing)
	share(Members{Everybody: true})
	want(carol, "lab", there)
	share(Members{})
	want(carol, "lab", nothing)

	// A digest that is there and one that is not look the same to a stranger.
	actual := filepath.Join(service.objectsDir(), "sha256-"+o.Digest.Encoded()+imageSuffix)
	absent := filepath.Join(service.objectsDir(), "sha256-"+digest.FromString("x").Encoded()+imageSuffix)
	for _, path := range []string{actual, absent} {
		cmd := exec.CommandContext(t.Context(), "stat", "-c", "there", path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: carol, Gid: carol}}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
			t.Errorf("a stranger's stat of %s: %v, %s", path, err, out)
		}
	}
}

func TestSiteIsRefusedWhenOthersCouldWriteIt(t *testing.T) {
	const alice = 2101
	for name, tamper := range map[string]func(t *testing.T, root string, o Object){
		"an object of another owner":   func(t *testing.T, _ string, o Object) { check(t, os.Chown(o.Path, alice, alice)) },
		"an object that others write":  func(t *testing.T, _ string, o Object) { check(t, os.Chmod(o.Path, 0o646)) },
		"a directory of another owner": func(t *testing.T, _ string, o Object) { check(t, os.Chown(filepath.Dir(o.Path), alice, alice)) },
		"a directory that others write": func(t *testing.T, _ string, o Object) {
			check(t, os.Chmod(filepath.Dir(o.Path), 0o777))
		},
		"a project of another owner": func(t *testing.T, _ string, o Object) {
			check(t, os.Chown(filepath.Dir(filepath.Dir(o.Path)), alice, alice))
		},
		"the site of another owner": func(t *testing.T, root string, _ Object) {
			check(t, os.Chown(filepath.Join(root, "site"), alice, alice))
		},
		"a root that others write": func(t *testing.T, root string, _ Object) { check(t, os.Chmod(root, 0o777)) },
		"a root of another owner":  func(t *testing.T, root string, _ Object) { check(t, os.Chown(root, alice, alice)) },
		"a list that lets another write": func(t *testing.T, _ string, o Object) {
			check(t, exec.Command("setfacl", "-m", "u:2102:rw", o.Path).Run())
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "a list") {
				if _, err := exec.LookPath("setfacl"); err != nil {
					t.Skip("there is no setfacl here (package acl)")
				}
			}
			root, service, o := siteStore(t)
			check(t, service.Share(Members{Everybody: true}))
			tamper(t, root, o)
			got := acted(t, 2102, 2102, "find", root, "lab", o.Digest)
			if !strings.HasPrefix(got, "not found; warning: refusing ") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestSiteIsWrittenByItsOwnerOnly: a user can neither publish there nor make a
// site of their own that others would trust.
func TestSiteIsWrittenByItsOwnerOnly(t *testing.T) {
	root, _, o := siteStore(t)
	if got := acted(t, 2101, 2101, "publish", root, "mine", o.Digest); !strings.Contains(got, "only the service account may change") {
		t.Errorf("got %q", got)
	}
}

// TestSiteLeases: the service account's collection sees the users' leases, which
// they do not see of each other.
func TestSiteLeases(t *testing.T) {
	root, service, o := siteStore(t)
	check(t, service.Share(Members{Everybody: true}))
	old := time.Now().Add(-100 * 24 * time.Hour)
	check(t, os.Chtimes(o.Path, old, old))
	user := actor(t, 2101, 2101, "use", root, "lab", o.Digest)
	out, err := user.StdoutPipe()
	check(t, err)
	check(t, user.Start())
	said := make([]byte, 0, 200)
	for b := make([]byte, 200); !strings.Contains(string(said), "leases: "); {
		n, err := out.Read(b)
		check(t, err)
		said = append(said, b[:n]...)
	}
	if got := string(said); !strings.HasPrefix(got, "site: content<nil>; lease: <nil>; sees 0 leases: true") {
		t.Errorf("got %q", got)
	}
	policy := Policy{UnusedFor: 24 * time.Hour}
	collect := func() []digest.Digest {
		t.Helper()
		r, err := Collect(t.Context(), []*Store{service}, policy)
		check(t, err)
		return removedBy(r)
	}
	if got := collect(); got != nil {
		t.Errorf("removed %v, which is in use", got)
	}
	check(t, user.Process.Kill())
	_ = user.Wait()
	if got := collect(); got != nil {
		t.Errorf("removed %v, which was in use just now", got)
	}
	leases, used, err := service.leases()
	check(t, err)
	if len(leases) != 0 || len(used) != 1 {
		t.Errorf("left: %v, %v", leases, used)
	}
	marks, err := filepath.Glob(filepath.Join(root, "site", "*", "*"+usedSuffix))
	check(t, err)
	for _, m := range marks {
		check(t, os.Chtimes(m, old, old))
	}
	if got := collect(); len(got) != 1 {
		t.Errorf("removed %v, want the one that nobody uses", got)
	}
}

// What users put into the drop box must neither stop the service account's
// collection nor make it touch anything elsewhere, nor count for more than a use.
func TestDropBoxGarbage(t *testing.T) {
	root, service, o := siteStore(t)
	stem, err := fileStem(o.Digest)
	check(t, err)
	box, outside := service.dropBox, filepath.Join(filepath.Dir(root), "outside")
	path := func(name string) string { return filepath.Join(box, name) }
	old, future := time.Now().Add(-48*time.Hour), time.Now().Add(1000*time.Hour)
	write := func(name, text string, at time.Time) {
		t.Helper()
		check(t, os.WriteFile(path(name), []byte(text), 0o600))
		check(t, os.Chtimes(path(name), at, at))
	}
	check(t, syscall.Mkfifo(path(stem+"@PIPE.use"), 0o644))
	check(t, os.Symlink(outside, path(stem+usedSuffix)))
	check(t, os.Symlink(outside, path("evil.used")))
	check(t, os.Mkdir(path("full"), 0o700))
	check(t, os.WriteFile(path("full/file"), nil, 0o600))
	write(stem+"@ENDED.use", `{"ended":true}`, time.Now())
	write("evil@ENDED.use", `{"ended":true}`, time.Now())
	write(stem+"@FUTURE.use", `{"machine":"elsewhere"}`, future)
	write(stem+".7.used", "", future)
	write("garbage", "", old)
	write("x.use", "", old)
	write("new", "", time.Now())
	check(t, os.Chtimes(o.Path, old, old))

	done := make(chan error, 1)
	go func() {
		_, err := Collect(t.Context(), []*Store{service}, Policy{})
		done <- err
	}()
	select {
	case err := <-done:
		check(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("collection waits for a pipe")
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("a file was made where a symbolic link led")
	}
	for name, want := range map[string]bool{
		stem + "@ENDED.use": false, "evil@ENDED.use": false, stem + "@FUTURE.use": false, stem + ".7.used": false,
		"garbage": false, "x.use": false, "new": true, "full": true, stem + "@PIPE.use": true,
	} {
		if _, err := os.Lstat(path(name)); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", name, err == nil, want)
		}
	}
	folded, err := os.ReadDir(service.usedDir())
	check(t, err)
	if len(folded) != 1 || folded[0].Name() != stem+usedSuffix {
		t.Errorf("kept the uses %v, want one of %s", folded, stem)
	}
	all, err := service.candidates()
	check(t, err)
	if len(all) != 1 || time.Since(all[0].LastUsed) > time.Hour || time.Until(all[0].LastUsed) > 0 {
		t.Errorf("got %+v, want one that was used just now", all)
	}
}

// Nor can one user lead another's mark of a use elsewhere.
func TestDropBoxLinks(t *testing.T) {
	dir := t.TempDir()
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	check(t, os.Symlink(filepath.Join(dir, "target"), link))
	check(t, syscall.Mkfifo(pipe, 0o666))
	for _, path := range []string{link, pipe} {
		if touch(path, 0o644) == nil {
			t.Errorf("%s was marked", path)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); err == nil {
		t.Error("the link was followed")
	}
}
