package fakeharbor

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// User is somebody who can log in.
type User struct {
	Name, Password string
	RealName       string
	// Email of two users of the directory may be the same by mistake: Harbor
	// takes in the first of them only.
	Email  string
	Groups []string // DNs
	Admin  bool
	// Local accounts are in Harbor's database, not in the directory.
	Local bool
}

type user struct {
	User
	id       int64 // 0 until Harbor knows a user of the directory
	created  time.Time
	arriving bool // the first login is under way
}

// group is one of the directory.
type group struct {
	dn string
	id int64 // 0 until Harbor knows it
}

// AddUser adds somebody to the directory, or to the database if Local.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user(u.Name) != nil {
		misuse("user %s exists", u.Name)
	}
	added := &user{User: u, created: time.Now()}
	if u.Local || s.o.AuthMode == "db_auth" {
		added.Local, added.id = true, s.id()
	}
	s.users = append(s.users, added)
	for _, dn := range u.Groups {
		s.addGroup(dn)
	}
}

// AddGroup adds a group to the directory; AddUser does it too.
func (s *Server) AddGroup(dn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addGroup(dn)
}

func (s *Server) addGroup(dn string) {
	if s.group(dn) == nil {
		s.groups = append(s.groups, &group{dn: dn})
	}
}

// SetPassword changes a password, in the directory or the database.
func (s *Server) SetPassword(name, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	if u == nil {
		misuse("there is no user %s", name)
	}
	u.Password = password
}

// user looks a name up as a directory does, without regard to case.
func (s *Server) user(name string) *user {
	return find(s.users, func(u *user) bool { return strings.EqualFold(u.Name, name) })
}

func (s *Server) group(dn string) *group {
	return find(s.groups, func(g *group) bool { return strings.EqualFold(g.dn, dn) })
}

// identity is who asks. The zero value is nobody.
type identity struct {
	user  *user
	robot *robot
	// token has the rights of when it was given out, by project.
	token   map[string][]string
	expires time.Time
	// formRefused says that a login at the portal came without its token.
	formRefused bool
}

func (w *identity) name() string {
	switch {
	case w.user != nil:
		return w.user.Name
	case w.robot != nil:
		return w.robot.full
	}
	return ""
}

func (w *identity) known() bool { return w.user != nil || w.robot != nil }

// whoever finds out who asks: nobody, if the credential is not right. The state
// is not locked, because it may take time.
func (s *Server) whoever(r *http.Request) *identity {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && strings.HasPrefix(r.URL.Path, "/v2/") {
		return s.bearer(token)
	}
	if r.URL.Path == "/c/login" && r.Method == http.MethodPost {
		u, sound := s.portalLogin(r)
		return &identity{user: u, formRefused: !sound}
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &identity{user: s.ofSession(r)}
	}
	s.mu.Lock()
	bot := s.robotLogin(name, password)
	s.mu.Unlock()
	if bot != nil {
		return &identity{robot: bot}
	}
	u, pause := s.login(name, password)
	sleep(r, pause)
	if u == nil {
		return &identity{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u.arriving = false
	return &identity{user: u}
}

// sleep lets a request wait, unless its client goes.
func sleep(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// lock refuses all logins of a name for a while, whether anybody is called so
// or not. It goes by the string: Alice is not locked with alice, though both are
// the same person to the directory.
func (s *Server) lock(name string) { s.locks[name] = time.Now().Add(s.o.LoginDelay) }

// noAnswer is how long Harbor waits for a directory that hangs. Nginx's patience
// with /v2 is 900 seconds; nobody's is longer than that.
const noAnswer = 900 * time.Second

// login is core/auth/authenticator.go: the locked are refused at once; wrong
// passwords lock, and are refused late; all other failures are refused at once.
// Without the database Harbor has no accounts of its own, so that these are
// looked for in the directory, and are wrong; people of the directory are found
// to be right, and then there is nothing to know them by.
func (s *Server) login(name, password string) (*user, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	if time.Now().Before(s.locks[name]) {
		return nil, 0
	}
	noDatabase := s.switches.databaseDown.on
	if s.o.AuthMode == "ldap_auth" && (u == nil || !u.Local || noDatabase) {
		switch s.switches.directory {
		case DirectoryDown:
			return nil, 0
		case DirectoryUnreachable:
			return nil, s.o.DirectoryTimeout
		case DirectoryHanging:
			return nil, noAnswer
		}
	}
	wrong := u == nil || u.Password != password || u.Local && noDatabase
	if wrong && s.o.AuthMode == "oidc_auth" && (u == nil || !u.Local) {
		return nil, 0 // a CLI secret is neither delayed nor locked
	}
	if wrong {
		s.lock(name)
		return nil, s.o.LoginDelay
	}
	if noDatabase {
		return nil, 0
	}
	if u.id != 0 {
		return u, 0
	}
	// The first login takes the account in, and does not go well several times
	// at once.
	if u.arriving || s.takeIn(u) != nil {
		return nil, 0
	}
	u.arriving = true
	return u, s.o.LoginDelay / 50
}

// errMailTaken is why an account cannot be taken in.
var errMailTaken = errors.New("the mail address belongs to another account")

// takeIn makes somebody of the directory known to Harbor.
func (s *Server) takeIn(u *user) error {
	if u.id != 0 {
		return nil
	}
	if u.Email != "" && find(s.users, func(other *user) bool { return other != u && other.id != 0 && other.Email == u.Email }) != nil {
		return errMailTaken
	}
	u.id, u.created = s.id(), time.Now()
	return nil
}
