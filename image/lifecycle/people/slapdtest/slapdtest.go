package slapdtest

import (
	"bytes"
	_ "embed" // a schema
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What every server has.
const (
	Base          = "dc=example,dc=ac,dc=jp"
	AdminDN       = "cn=admin," + Base
	AdminPassword = "slapd-admin-password"
)

// Options of a server. The zero value is an empty directory that everybody may read.
type Options struct {
	// LDIF are the entries below Base, which is there. Operational attributes such as memberOf and
	// pwdAccountLockedTime may be among them.
	LDIF string
	// Config are lines of slapd.conf for the database, such as "sizelimit 5".
	Config string
	// Private lets nobody read without AdminDN's password.
	Private bool
}

// Server is a running slapd.
type Server struct {
	URL    string // ldap://127.0.0.1:PORT, with StartTLS
	LDAPS  string // ldaps://127.0.0.1:PORT
	CAFile string // PEM, of who signed its certificate

	t       testing.TB
	dir     string
	program string
	process *exec.Cmd
	ended   chan struct{} // closed when process has ended
	log     bytes.Buffer
}

const (
	program = "/usr/sbin/slapd"
	schemas = "/etc/ldap/schema"
	modules = "/usr/lib/ldap"
)

//go:embed active.schema
var activeSchema []byte

// Installed is why there can be no server here; nil when there can.
func Installed() error {
	for _, path := range []string{program, "/usr/sbin/slapadd", schemas + "/nis.schema", modules} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("slapd is not installed (integration/setup.sh test): %w", err)
		}
	}
	return nil
}

// Start starts a server for a test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if err := Installed(); err != nil {
		t.Skip(err)
	}
	s := &Server{t: t, dir: t.TempDir(), program: program}
	s.CAFile = filepath.Join(s.dir, "ca.pem")
	s.copyProgram()
	s.writeCertificates()
	s.configure(o)
	s.load(o.LDIF)
	const attempts = 5 // a port may be taken between the asking and the using
	for i := 0; ; i++ {
		s.URL, s.LDAPS = "ldap://"+freePort(t), "ldaps://"+freePort(t)
		err := s.run()
		if err == nil {
			break
		}
		if i == attempts {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Stop)
	return s
}

// copyProgram makes a copy of slapd where AppArmor (of Ubuntu) confines the one in
// /usr/sbin to the machine's own directory.
func (s *Server) copyProgram() {
	s.t.Helper()
	if _, err := os.Stat("/etc/apparmor.d/usr.sbin.slapd"); err != nil {
		return
	}
	content, err := os.ReadFile(program)
	s.check(err)
	s.program = filepath.Join(s.dir, "slapd")
	s.check(os.WriteFile(s.program, content, 0o700)) //nolint:gosec // it is a program
}

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) configure(o Options) {
	s.t.Helper()
	access := "access to * by * read"
	if o.Private {
		access = "access to * by * auth"
	}
	var b strings.Builder
	for _, schema := range []string{"core", "cosine", "nis", "inetorgperson"} {
		fmt.Fprintf(&b, "include %s/%s.schema\n", schemas, schema)
	}
	s.check(os.WriteFile(s.path("active.schema"), activeSchema, 0o600))
	fmt.Fprintf(&b, `include %s
modulepath %s
moduleload back_mdb
moduleload ppolicy
pidfile %s
argsfile %s
TLSCACertificateFile %s
TLSCertificateFile %s
TLSCertificateKeyFile %s
database mdb
suffix %q
rootdn %q
rootpw %q
directory %s
maxsize 67108864
dbnosync
index objectClass,uid,member eq
overlay ppolicy
%s
%s
`, s.path("active.schema"), modules, s.path("slapd.pid"), s.path("slapd.args"), s.CAFile, s.path("server.pem"), s.path("server.key"), Base, AdminDN, AdminPassword, s.path("data"), access, o.Config)
	s.check(os.WriteFile(s.path("slapd.conf"), []byte(b.String()), 0o600))
	s.check(os.Mkdir(s.path("data"), 0o700))
}

// load puts entries in, past the rules for what may be changed.
func (s *Server) load(ldif string) {
	s.t.Helper()
	head := fmt.Sprintf("dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: 例大学\n\n", Base)
	add := exec.CommandContext(s.t.Context(), s.program, "-Tadd", "-f", s.path("slapd.conf"))
	add.Stdin = strings.NewReader(head + ldif)
	if out, err := add.CombinedOutput(); err != nil {
		s.t.Fatalf("slapadd: %v\n%s", err, out)
	}
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	s.log.Reset()
	s.process = exec.Command(s.program, "-f", s.path("slapd.conf"), "-h", s.URL+"/ "+s.LDAPS+"/", "-d", "0") //nolint:noctx // Stop ends it
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		return err
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	var end error
	go func() {
		end = process.Wait()
		close(ended)
	}()
	for range 1000 {
		conn, err := ldap.DialURL(s.URL)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("slapd ended: %w\n%s", end, s.log.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	_ = process.Process.Kill()
	<-ended
	return fmt.Errorf("slapd does not answer at %s\n%s", s.URL, s.log.String())
}

// Stop ends the process, at once; connections break.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
	s.process = nil
}

// Restart starts the process again after Stop, with the same data and ports.
func (s *Server) Restart() {
	s.t.Helper()
	s.check(s.run())
}

// Connect is a connection as AdminDN, for changing the directory.
func (s *Server) Connect() *ldap.Conn {
	s.t.Helper()
	conn, err := ldap.DialURL(s.URL)
	s.check(err)
	s.t.Cleanup(func() { _ = conn.Close() })
	s.check(conn.Bind(AdminDN, AdminPassword))
	return conn
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only asked
	return l.Addr().String()
}
