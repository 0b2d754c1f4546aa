package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
)

// site is the part of the store that a service account writes for everybody:
//
//	STORE/site/                      0711: nobody can list it
//	  leases/                        1733: users leave leases and cannot see others'
//	  used/                          0700: when objects were last used
//	  reports/                       1733: what jobs tell the service account; see Tell
//	  <registry>/<project>/          0700 and an access control list: see Share
//	    objects/ …                   as in a user's realm
type site struct {
	dir     string
	owner   int
	warn    func(error)
	refused bool
}

func (t *site) leases() string { return filepath.Join(t.dir, "leases") }

// siteUsed is the directory, in the site's part, of the times of last uses.
const siteUsed = "used"

// isOfSite reports whether a name in the site's part is no registry's.
func isOfSite(name string) bool {
	return name == "leases" || name == siteUsed || name == siteReports
}

// Place says which project of which registry an image belongs to. The zero
// value is for images that are in no registry.
type Place struct {
	Registry string // host, with a port if the name has one
	Project  string // the first part of the repository's path
}

// projectRealm is a project's realm; ok is false for names that cannot be
// directories.
func (t *site) projectRealm(p Place) (r realm, ok bool) {
	for _, word := range []string{p.Registry, p.Project} {
		if word == "" || word == "." || word == ".." || strings.ContainsAny(word, "/\x00") {
			return realm{}, false
		}
	}
	if isOfSite(p.Registry) {
		return realm{}, false
	}
	return realm{dir: filepath.Join(t.dir, p.Registry, p.Project), owner: t.owner, mode: 0o755}, true
}

// Find returns the object of d for an image that is in place: the site's, whose
// pages all jobs of a node share, or this user's own. The site's part is passed
// over when the user has no right to that project, and with a warning when
// somebody else could have written it. Errors are those of Get.
func (s *Store) Find(place Place, d digest.Digest) (Object, error) {
	if o, ok := s.site.find(place, d); ok {
		return o, nil
	}
	return s.Get(d)
}

func (t *site) find(place Place, d digest.Digest) (Object, bool) {
	if t == nil {
		return Object{}, false
	}
	r, ok := t.projectRealm(place)
	if !ok {
		return Object{}, false
	}
	o, err := r.get(d)
	if err == nil {
		err = t.checkTrust(&r)
	}
	if errors.Is(err, ErrUntrusted) && !t.refused && t.warn != nil {
		t.refused = true
		t.warn(err)
	}
	o.Site = true
	return o, err == nil
}

// list returns the objects of a project that this user may read.
func (t *site) list(place Place) []Object {
	if t == nil {
		return nil
	}
	r, ok := t.projectRealm(place)
	if !ok || t.checkTrust(&r) != nil {
		return nil
	}
	objects, _ := r.list() // what cannot be read is not there
	for i := range objects {
		objects[i].Site = true
	}
	return objects
}

// checkTrust makes sure that nobody but the service account, or root, can have
// put other files in the place of a project's.
func (t *site) checkTrust(r *realm) error {
	root := filepath.Dir(t.dir)
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner != 0 && owner != t.owner {
		return fault.Newf(fault.Because("%w: it belongs to uid %d, the service account is uid %d", ErrUntrusted, owner, t.owner),
			fault.Say("tell the administrator: chown root %s", root), "refusing the site's part of the store %s", root)
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&os.ModeSticky == 0 {
		return fault.Newf(fault.Because("%w: its mode is %#o", ErrUntrusted, mode.Perm()),
			fault.Say("tell the administrator: chmod +t %s", root), "refusing the site's part of the store %s", root)
	}
	for _, dir := range []string{t.dir, filepath.Dir(r.dir), r.dir, r.objects()} {
		if err := r.checkDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// OpenSite returns the service account's view of a project in the site's part of
// the store, in which it publishes images for the project's members.
func OpenSite(root string, place Place) (*Store, error) {
	s, err := Open(root, Options{})
	if err != nil {
		return nil, err
	}
	t := &site{dir: filepath.Join(s.root, "site"), owner: os.Getuid()}
	r, ok := t.projectRealm(place)
	if !ok {
		return nil, fault.Newf(fault.Because("the registry is %q and the project %q", place.Registry, place.Project),
			"name an image of a registry: registry/project/repository:tag", "only images of a registry's project can be the site's")
	}
	if err := t.checkInit(); err != nil {
		return nil, err
	}
	s.own, s.site, s.dropBox = r, nil, t.leases()
	s.prepare = func() error { return t.makeProject(r) }
	return s, s.checkRealm()
}

// checkInit makes sure that the site's part was made by this account.
func (t *site) checkInit() error {
	info, err := os.Lstat(t.dir)
	if err == nil && info.IsDir() && ownerOf(info) != t.owner {
		return fault.Newf(fault.Because("%s belongs to the account with uid %d, you are uid %d", t.dir, ownerOf(info), t.owner),
			fault.Say("become that account: sudo -u '#%d' jrun …", ownerOf(info)).And("or leave --site out, for your own part"), "only the service account may change the site's part of the store")
	}
	r := realm{owner: t.owner}
	err = r.checkDir(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Newf(err, "make it, as the service account: jrun store init --site", "the store %s has no part for the site", filepath.Dir(t.dir))
	}
	return err
}

// makeProject makes a project's directory, which nobody can enter before Share.
func (t *site) makeProject(r realm) error {
	registry := filepath.Dir(r.dir)
	for _, dir := range []struct {
		path string
		mode fs.FileMode
	}{{registry, 0o711}, {r.dir, 0o700}, {filepath.Join(t.dir, siteUsed), 0o700}} {
		if err := os.Mkdir(dir.path, dir.mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// A umask must not close what the project's gate has let through.
	for _, dir := range r.dirs()[1:] {
		err := os.Mkdir(dir, r.mode)
		if err == nil {
			err = os.Chmod(dir, r.mode)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return os.Chmod(registry, 0o711)
}

// InitSite makes the site's part of the store under root, for the calling
// account, which publishes from then on. It may be called again.
func InitSite(root string) error {
	s, err := Open(root, Options{})
	if err != nil {
		return err
	}
	t := &site{dir: filepath.Join(s.root, "site"), owner: os.Getuid()}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return s.accessFault(s.root, err)
	}
	for dir, mode := range map[string]fs.FileMode{t.dir: 0o711, t.leases(): 0o733 | os.ModeSticky} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return s.accessFault(dir, err)
		}
		if err := t.checkInit(); err != nil {
			return err
		}
		if err := os.Chmod(dir, mode); err != nil {
			return s.accessFault(dir, err)
		}
	}
	return nil
}

// SiteProjects lists the projects that the site's part of the store has, for the
// service account: nobody else can.
func SiteProjects(root string) ([]Place, error) {
	t := &site{dir: filepath.Join(root, "site"), owner: os.Getuid()}
	if err := t.checkInit(); err != nil {
		return nil, err
	}
	return siteProjects(t.dir)
}

func siteProjects(dir string) ([]Place, error) {
	registries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the site's registries: %w", err)
	}
	var places []Place
	for _, registry := range registries {
		if isOfSite(registry.Name()) || !registry.IsDir() {
			continue
		}
		projects, err := os.ReadDir(filepath.Join(dir, registry.Name()))
		if err != nil {
			return nil, fmt.Errorf("listing the site's projects: %w", err)
		}
		for _, project := range projects {
			if _, err := os.Lstat(filepath.Join(dir, registry.Name(), project.Name(), "objects")); err == nil {
				places = append(places, Place{Registry: registry.Name(), Project: project.Name()})
			}
		}
	}
	return places, nil
}
