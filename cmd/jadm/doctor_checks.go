package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/quantity"
)

// checks are those of jadm doctor behind the configuration, in the order in which one
// sets things up.
func (p *program) checks() []check {
	return []check{
		{name: "account", try: p.checkAccount},
		{name: "state", try: p.checkState},
		{name: "Harbor", try: p.checkHarbor, asksHarbor: true},
		{name: "administrator", try: p.checkAdministrator, asksHarbor: true},
		{name: "clock", try: p.checkClock, asksHarbor: true},
		{name: "people", try: p.checkPeople},
		{name: "store", try: p.checkStore},
		{name: "webhook", try: p.checkWebhook},
		{name: "letters", try: p.checkLetters},
		{name: "bundles", try: p.checkBundles},
		{name: "audit log", try: p.checkAudit},
		{name: "jadm serve", try: p.checkServe},
	}
}

func (p *program) checkConfiguration(context.Context) (string, error) {
	s, err := p.settings()
	if err != nil {
		return "", err
	}
	file, err := p.desired()
	if err != nil {
		return "", err
	}
	if file == nil {
		return "", warning{fault.Newf(errors.New("jadm plan and apply have nothing to compare with"), "write one: docs/desired.toml.md", "there is no %s", s.Desired)}
	}
	return fmt.Sprintf("%s and %s", s.File(), s.Desired), nil
}

func (p *program) checkAccount(context.Context) (string, error) {
	if os.Getuid() == 0 {
		return "", fault.New("jadm runs as root", errors.New("files that it makes as root cannot be read by its account, and jrun takes no images that belong to root for the site's"), "use the service account: sudo -u jadm jadm doctor")
	}
	return actor(), nil
}

// checkState tries whether the directory can be written and is closed to others.
func (p *program) checkState(context.Context) (string, error) {
	s := p.loaded
	if err := writableDir(s.State); err != nil {
		return "", fault.Newf(err, "make it, for the account that runs jadm: sudo install -d -m 700 -o "+actor()+" "+s.State, "jadm cannot remember anything in %s", s.State)
	}
	info, err := os.Stat(s.State)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return "", warning{fault.Newf(fmt.Errorf("its mode is %#o; logins of robots are in it", info.Mode().Perm()), "chmod 700 "+s.State, "others can look into the state directory %s", s.State)}
	}
	return s.State, err
}

// writableDir tries to write into a directory that must be there.
func writableDir(dir string) error {
	f, err := os.CreateTemp(dir, ".check-")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

func (p *program) checkHarbor(ctx context.Context) (string, error) {
	client, err := p.harbor()
	if err != nil {
		return "", err
	}
	health, err := client.Health(ctx)
	if err != nil {
		return "", fault.Newf(err, "open "+p.loaded.Harbor.URL+"/api/v2.0/health in a browser; correct harbor.url, or harbor.ca_file, in jadm.toml", "Harbor does not answer at %s", p.loaded.Harbor.URL)
	}
	var ill []string
	for _, c := range health.Components {
		if c.Status != "healthy" && c.Name != "portal" {
			ill = append(ill, c.Name+": "+c.Error)
		}
	}
	if len(ill) > 0 {
		return "", warning{fault.New("Harbor says that parts of it are ill", errors.New(strings.Join(ill, "; ")), "ask Harbor's administrator")}
	}
	return p.loaded.Harbor.URL + " answers", nil
}

// checkAdministrator asks who jadm is to Harbor, and what Harbor is.
func (p *program) checkAdministrator(ctx context.Context) (string, error) {
	client, err := p.harbor()
	if err != nil {
		return "", err
	}
	user, err := client.CurrentUser(ctx)
	if err != nil {
		next := "try harbor.user and the password in harbor.password_file in a browser"
		if harbor.Status(err) != http.StatusUnauthorized {
			next = "ask Harbor's administrator"
		}
		return "", fault.Newf(err, next, "Harbor does not take %s's login", p.loaded.Harbor.User)
	}
	if !user.Admin && !user.AdminByGroup {
		return "", fault.Newf(errors.New("jadm makes projects and robots for others"), "as an administrator, in Harbor: Administration, Users, "+p.loaded.Harbor.User+", Set as Admin", "%s is no administrator of Harbor", p.loaded.Harbor.User)
	}
	info, err := client.SystemInfo(ctx)
	switch {
	case err != nil:
		return "", err
	case info.ReadOnly:
		return "", warning{fault.New("Harbor is read-only", errors.New("nothing can be pushed or changed"), "in Harbor: Administration, Configuration, System Settings, Repository Read Only")}
	case info.AuthMode != "ldap_auth" && p.loaded.People.LDAP.URL != "":
		return "", warning{fault.Newf(fmt.Errorf("its mode is %s", info.AuthMode), "in Harbor: Administration, Configuration, Authentication", "people come from LDAP, and Harbor does not know them from there")}
	}
	return fmt.Sprintf("%s, of Harbor %s (%s)", p.loaded.Harbor.User, info.Version, info.AuthMode), nil
}

// Differences between this machine's clock and Harbor's.
const (
	noticedSkew = time.Minute
	wrongSkew   = time.Hour // jadm retain removes nothing from here on
)

func (p *program) checkClock(ctx context.Context) (string, error) {
	client, err := p.harbor()
	if err != nil {
		return "", err
	}
	theirs, err := client.Clock(ctx)
	if err != nil {
		return "", err
	}
	skew := time.Since(theirs).Abs().Round(time.Second)
	problem := fault.Newf(fmt.Errorf("they differ by %s", skew), "set them by NTP: chronyc tracking", "the clocks of this machine and of Harbor do not agree")
	switch {
	case skew >= wrongSkew:
		return "", problem
	case skew >= noticedSkew:
		return "", warning{problem}
	}
	return "as Harbor's, to a minute", nil
}

// checkPeople reads the whole directory, as jadm apply does.
func (p *program) checkPeople(ctx context.Context) (string, error) {
	if p.loaded.People.CSV == "" && p.loaded.People.LDAP.URL == "" {
		return "jadm.toml names no directory of people", errSkipped
	}
	directory, err := p.directory()
	if err != nil {
		return "", err
	}
	var all, ended, noMail, noUID int
	for person, err := range directory.People(ctx) {
		if err != nil {
			return "", err
		}
		all++
		switch {
		case person.Ended(clock()):
			ended++
		default:
			if person.Mail == "" {
				noMail++
			}
			if person.UID < 0 {
				noUID++
			}
		}
	}
	detail := fmt.Sprintf("%d, of whom %d have ended", all, ended)
	if noMail > 0 || noUID > 0 {
		return "", warning{fault.Newf(fmt.Errorf("there are %s; %d have no mail address, and get no letters; %d have no uid, and cannot read the site's images", detail, noMail, noUID),
			"see who: jadm user list\nif the attributes are called otherwise: [people.ldap.attributes] in jadm.toml", "not everything is known of all people")}
	}
	return detail, nil
}

func (p *program) checkStore(context.Context) (string, error) {
	root := p.loaded.Store.Path
	if root == "" {
		return "jadm.toml names no store: nothing is converted before jobs do it", errSkipped
	}
	u, err := store.SiteUsable(root)
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%s, on %s, %s free", root, u.FileSystem, quantity.Size(u.FreeBytes))
	switch {
	case u.FreeBytes < int64(p.loaded.Serve.MinFree):
		return "", warning{fault.Newf(errors.New(detail), "see what takes room: jadm report\nor lower serve.min_free in jadm.toml, which is "+quantity.Size(int64(p.loaded.Serve.MinFree)), "the store has so little room that nothing is converted")}
	case !u.Exists:
		return detail + "; jadm serve makes the site's part", nil
	case !u.ACL:
		return "", warning{fault.Newf(errors.New(detail), "choose another file system, or projects whose members are one group: docs/store.md", "the store's file system has no access control lists: images of a project with members of several groups are left to the jobs")}
	}
	return detail + ", with access control lists", nil
}

// checkWebhook compares what Harbor is to send with what jadm serve takes.
func (p *program) checkWebhook(context.Context) (string, error) {
	s := p.loaded
	if s.Store.Path == "" {
		return "nothing is converted", errSkipped
	}
	poll := "new images are found every " + (&s.Serve.PollEvery).String() + " only"
	file, err := p.desired()
	if err != nil {
		return "", err
	}
	if s.Serve.WebhookSecretFile == "" || file == nil || len(file.Webhooks) == 0 {
		return "", warning{fault.New("Harbor tells jadm serve of nothing", errors.New(poll), "write [webhook.jadm] into desired.toml, and serve.webhook_secret_file into jadm.toml: jadm init --dry-run; docs/admin.md")}
	}
	ours, err := settings.ReadSecret(s.Serve.WebhookSecretFile)
	if err != nil {
		return "", err
	}
	for name, w := range file.Webhooks {
		at, err := url.Parse(w.Address)
		if err != nil || at.Path != service.WebhookPath {
			continue
		}
		secret := w.SecretFile
		if secret != "" && !filepath.IsAbs(secret) {
			secret = filepath.Join(filepath.Dir(s.Desired), secret)
		}
		theirs, err := settings.ReadSecret(secret)
		switch {
		case err != nil:
			return "", err
		case theirs != ours:
			return "", fault.Newf(errors.New(poll), "name the same file in both: webhook."+name+".secret_file in desired.toml, serve.webhook_secret_file in jadm.toml", "jadm serve would refuse what Harbor sends: the secrets differ")
		}
		return "Harbor is to tell " + w.Address, nil
	}
	return "", warning{fault.Newf(errors.New(poll), "correct it: https://THIS-MACHINE:PORT"+service.WebhookPath, "no webhook in desired.toml has the address of jadm serve")}
}

func (p *program) checkLetters(ctx context.Context) (string, error) {
	post, err := p.post()
	if err != nil {
		return "", err
	}
	if err := post.Check(ctx); err != nil {
		return "", err
	}
	if m := p.loaded.Mail; m.SMTP == "" && len(m.Command) == 0 {
		return "", warning{fault.New("letters reach nobody", errors.New("they go "+post.Way()), "write [mail] into jadm.toml: docs/people.md")}
	}
	return "they go " + post.Way(), nil
}

// checkBundles tries where the images of leavers go.
func (p *program) checkBundles(context.Context) (string, error) {
	rules := p.leavingRules()
	for _, dir := range []string{rules.BundleDir, rules.ArchiveDir} {
		if within(dir, p.loaded.State) {
			continue // it is made when it is needed
		}
		if err := writableDir(dir); err != nil {
			return "", fault.Newf(err, "make it, for the account that runs jadm; or correct leaving in jadm.toml", "images of leavers cannot be kept in %s", dir)
		}
	}
	return fmt.Sprintf("made in %s, kept in %s", rules.BundleDir, rules.ArchiveDir), nil
}

func (p *program) checkAudit(context.Context) (string, error) {
	r, err := audit.VerifyFiles(auditFile(p.loaded))
	if err != nil {
		return "", err
	}
	if !r.OK() {
		return "", fault.New("the audit log is not as it was written", errors.New(r.Problems[0].String()), "see all of it: jadm audit verify")
	}
	return fmt.Sprintf("%d entries, as they were written", r.Entries), nil
}

func (p *program) checkServe(ctx context.Context) (string, error) {
	if p.loaded.Store.Path == "" {
		return "not needed without a store", errSkipped
	}
	r, err := service.Ask(ctx, service.SocketIn(p.loaded.State))
	if err != nil {
		return "", warning{err}
	}
	if len(r.Health) > 0 {
		return "", warning{fault.New("jadm serve is not well", errors.New(strings.Join(r.Health, "; ")), "see what it does: jadm queue")}
	}
	return fmt.Sprintf("it runs: %d waiting, %d failed", r.ToConvert, len(r.Failures)), nil
}
