package check

import (
	"io/fs"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/identity"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// localeRule: a locale that the image names must be there, and there should be one that
// knows UTF-8, for texts of the user's language.
type localeRule struct{ unvisited }

func (localeRule) judge(x *examination) ([]Finding, error) {
	for _, name := range []string{"LC_ALL", "LANG"} {
		wanted, ok := x.variable(name)
		if !ok || wanted == "" || wanted == "POSIX" {
			continue
		}
		if identity.Locale(x.Files, wanted) != wanted {
			return []Finding{finding("locale", Warns, message.Of("check.locale", wanted, name), append(makeLocale(x.packages, wanted), message.Of("check.locale.next", name))...)}, nil
		}
		return nil, nil
	}
	if identity.Locale(x.Files, "") == "C" {
		return []Finding{finding("utf8", Advises, message.Of("check.utf8"), makeLocale(x.packages, "en_US.UTF-8")...)}, nil
	}
	return nil, nil
}

// makeLocale is what to type for a locale to be there.
func makeLocale(p packageManager, name string) []message.Text {
	if !strings.HasSuffix(strings.ToLower(strings.ReplaceAll(name, "-", "")), ".utf8") {
		return nil
	}
	language, _, _ := strings.Cut(name, ".")
	short, _, _ := strings.Cut(language, "_")
	switch p {
	case apt:
		return []message.Text{message.Plain("apt-get update && apt-get install -y locales && localedef -i " + shellword.Quote(language) + " -f UTF-8 " + shellword.Quote(name))}
	case dnf, yum:
		return p.install("", "glibc-langpack-"+shellword.Quote(short), "")
	case zypper:
		return p.install("", "glibc-locale", "")
	}
	return nil
}

// certificatesRule: who downloads from a job needs to know whom to trust.
type certificatesRule struct{ unvisited }

var (
	certificates = []string{"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem", "etc/ssl/ca-bundle.pem", "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"}
	downloaders  = []string{"usr/bin/curl", "usr/bin/wget", "usr/bin/git"}
)

func (certificatesRule) judge(x *examination) ([]Finding, error) {
	has := func(names []string) string {
		for _, name := range names {
			if _, err := fs.Stat(x.Files, name); err == nil {
				return name
			}
		}
		return ""
	}
	program := has(downloaders)
	if program == "" || has(certificates) != "" {
		return nil, nil
	}
	return []Finding{finding("certificates", Advises, message.Of("check.certificates", "/"+program), x.packages.install("ca-certificates", "ca-certificates", "ca-certificates")...)}, nil
}
