//go:build e2e

package web

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// TestSecrets: neither the invitation, nor the session's two halves, nor the registry's
// password stand in command lines, environments, files, addresses or what the page keeps
// beside the proof.
func TestSecrets(t *testing.T) {
	const password = "himitsu-7"
	harbor, link := program(t)
	_, invitation, _ := strings.Cut(link, "#invitation=")
	p := newTab(t, nil, look{lang: "en"})
	p.do(chromedp.Navigate(link))
	p.asked("flow.login.user", harbor.Host)
	p.fill(field, "taro")
	p.next()
	p.asked("flow.login.password", "taro")
	p.fill(field, password)
	p.next()
	p.asked("flow.what")
	proof := eval[string](p, "localStorage.getItem('jbuild.session')")
	if len(proof) < 20 || len(invitation) < 20 {
		t.Fatalf("the proof is %q, the invitation %q", proof, invitation)
	}
	for name, script := range map[string]string{
		"addresses": `[location.href, document.referrer, document.URL, ...performance.getEntriesByType("resource").map((e) => e.name)].join()`,
		"cookies":   "document.cookie",
		"page":      "document.documentElement.outerHTML",
		"storage":   "JSON.stringify({...localStorage, ...sessionStorage, 'jbuild.session': ''})",
	} {
		text := eval[string](p, script)
		for what, secret := range map[string]string{"invitation": invitation, "proof": proof, "password": password} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s of the page have the %s", name, what)
			}
		}
		if name == "cookies" && text != "" {
			t.Errorf("scripts read the cookie %q", text)
		}
	}
	seen := 0
	look := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			return // a process may have ended
		}
		seen++
		for what, secret := range map[string]string{"invitation": invitation, "proof": proof, "password": password} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has the %s", path, what)
			}
		}
	}
	homes := map[string]bool{}
	for _, process := range ofUser(t) {
		look(filepath.Join(process, "cmdline"))
		look(filepath.Join(process, "environ"))
		if home, err := os.Readlink(filepath.Join(process, "cwd")); err == nil && strings.HasPrefix(home, "/var/tmp/jbuild-web-") {
			homes[home] = true
		}
	}
	if seen == 0 || len(homes) != 1 {
		t.Fatalf("%d files of processes were read, the homes are %v: this was no test", seen, homes)
	}
	for home := range homes {
		_ = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error { // what comes and goes does not matter
			if err == nil && d.Type().IsRegular() && !strings.Contains(path, "/storage/") {
				look(path)
			}
			return nil
		})
	}
}

// ofUser are the directories in /proc of the processes of the user who runs jbuild.
func ofUser(t *testing.T) (found []string) {
	t.Helper()
	user, err := ordinary.Current(cmp.Or(os.Getenv("JBUILD_TEST_USER2"), "jbuild-test2"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		status, _ := os.ReadFile(filepath.Join(process, "status"))
		if bytes.Contains(status, []byte("\nUid:\t"+strconv.Itoa(user.UID)+"\t")) {
			found = append(found, process)
		}
	}
	return found
}
