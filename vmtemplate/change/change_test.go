package change

import "testing"

func TestFilter(t *testing.T) {
	for path, want := range map[string]Reason{
		"/usr/bin/python3":                     "",
		"usr/bin/python3":                      "",
		"/var/lib/apt/lists":                   "",
		"/var/lib/apt/lists/deb.gz":            Cache,
		"var/cache/apt/archives/x.deb":         Cache,
		"/tmp/x":                               Cache,
		"/tmp":                                 "",
		"/var/cache/ldconfig/aux-cache":        Cache,
		"/root/.bash_history":                  History,
		"/home/me/.python_history":             History,
		"/srv/.bash_history":                   "",
		"/root/.ssh/id_ed25519":                Secret,
		"/root/.ssh/known_hosts":               "",
		"/root/.ssh":                           "",
		"/root/.netrc":                         Secret,
		"/home/a/.config/rclone/rclone.conf":   Secret,
		"/usr/share/doc/.netrc":                "",
		"/root/.gnupg/private-keys-v1.d/x":     Secret,
		"/etc/ssh/ssh_host_rsa_key":            Secret,
		"/etc/ssh/ssh_host_rsa_key.pub":        "",
		"/etc/munge/munge.key":                 Secret,
		"/etc/krb5.keytab":                     Secret,
		"/etc/krb5.conf":                       "",
		"/run/secrets/TOKEN":                   Secret,
		"/root/.cargo/credentials.toml":        Secret,
		"/root/.local/share/fish/fish_history": History,
		"/dev/.jbuild/rc":                      Ours,
		"/tmpfiles/x":                          "",
	} {
		if got := Filter(path); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}
