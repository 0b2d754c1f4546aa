package workspace

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
)

// Machine is what of this machine a session or a RUN needs, and what must not get into
// the image: name servers, certificates, proxies, package managers' settings.
type Machine struct {
	Files map[string][]byte // name below the directory -> content
	Binds []inside.Bind
	Env   []string
}

// passedOn are variables about the network and the terminal. No others of the login get
// inside: they may hold tokens.
var passedOn = []string{
	"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY",
	"PIP_INDEX_URL", "GOPROXY", "NPM_CONFIG_REGISTRY", "npm_config_registry",
	"TERM", "COLORTERM", "NO_COLOR", "TZ",
}

// certificates are variables by which programs find a file with the authorities they
// trust.
var certificates = []string{
	"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "CONDA_SSL_VERIFY",
}

// ThisMachine gathers what a run in a file system needs. dir is where the files will be
// seen inside; hostname is the run's own.
func ThisMachine(ids rootless.IDs, dir, hostname string) Machine {
	m := Machine{Files: map[string][]byte{}}
	if file, err := filepath.EvalSymlinks("/etc/resolv.conf"); err == nil {
		m.Binds = append(m.Binds, inside.Bind{Source: file, Target: "/etc/resolv.conf"})
	}
	m.Files["hosts"] = hosts(hostname)
	m.Binds = append(m.Binds, inside.Bind{File: "hosts", Target: "/etc/hosts"})
	apt := aptSettings()
	if ids == rootless.Single {
		// apt becomes the user _apt and then looks whether it has.
		apt += "APT::Sandbox::User \"root\";\n"
	}
	if bundle, err := os.ReadFile(bundleFile()); err == nil {
		m.Files["ca.crt"] = bundle
		file := dir + "/ca.crt"
		apt += "Acquire::https::CAInfo \"" + file + "\";\n"
		for _, name := range certificates {
			m.Env = append(m.Env, name+"="+file)
		}
	}
	m.Files["apt.conf"] = []byte(apt)
	m.Env = append(m.Env, "APT_CONFIG="+dir+"/apt.conf", "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8")
	for _, name := range passedOn {
		if value := os.Getenv(name); value != "" && !hasPassword(value) {
			m.Env = append(m.Env, name+"="+value)
		}
	}
	return m
}

// hasPassword reports whether an address names a user: those of proxies and mirrors
// may, and everything inside could read it.
func hasPassword(value string) bool {
	_, rest, ok := strings.Cut(value, "://")
	host, _, _ := strings.Cut(rest, "/")
	return ok && strings.Contains(host, "@")
}

// hosts is the machine's list of names, with the run's own.
func hosts(hostname string) []byte {
	file, err := os.ReadFile("/etc/hosts")
	if err != nil {
		file = []byte("127.0.0.1 localhost\n::1 localhost\n")
	}
	return append(file, []byte("\n127.0.1.1 "+hostname+"\n")...)
}

// aptSettings are the machine's own about fetching: proxies, mirrors' time limits.
// Downloaded packages are not kept.
func aptSettings() string {
	var out strings.Builder
	files, _ := filepath.Glob("/etc/apt/apt.conf.d/*")
	for _, file := range append(files, "/etc/apt/apt.conf") {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			complete := strings.HasPrefix(line, "Acquire::") && strings.HasSuffix(line, ";") && !strings.ContainsAny(line, "{}")
			_, value, _ := strings.Cut(line, "\"")
			if complete && !hasPassword(value) {
				out.WriteString(line + "\n")
			}
		}
	}
	out.WriteString("Binary::apt::APT::Keep-Downloaded-Packages \"false\";\n")
	return out.String()
}

// bundleFile is the machine's file of authorities: Debian's and SUSE's, Red Hat's, or
// what the user has settled.
func bundleFile() string {
	for _, file := range []string{
		os.Getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	} {
		if _, err := os.Stat(file); file != "" && err == nil {
			return file
		}
	}
	return ""
}
