// Package change is what a session did to a file system, path by path, and which of it
// belongs into an image.
package change

import (
	"strings"
	"time"
)

// Kind is what happened to a path.
type Kind string

// The kinds.
const (
	Added    Kind = "added"
	Modified Kind = "modified"
	Deleted  Kind = "deleted"
)

// Change is one path that differs from the base image.
type Change struct {
	Kind  Kind
	Path  string    // absolute, inside
	Bytes int64     // of a regular file as it is now
	Dir   bool      // it is a directory
	At    time.Time // when it or its metadata last changed (ctime); zero for a deleted path
	Left  Reason    // why it stays out of the image; empty if it goes in
}

// Reason is why a path stays out of images.
type Reason string

// The reasons.
const (
	Cache   Reason = "cache"   // can be fetched again
	History Reason = "history" // what was typed and where from
	Secret  Reason = "secret"  // a login, a key
	Ours    Reason = "ours"    // jbuild's own, for the time of a session
)

// caches are directories whose contents can be fetched again. The directories
// themselves stay, with their modes: package managers expect them.
var caches = []string{
	"/var/cache/apt", "/var/lib/apt/lists", "/var/cache/dnf", "/var/cache/yum", "/var/cache/zypp", "/var/cache/apk",
	"/var/cache/debconf", "/root/.cache", "/root/.conda/pkgs", "/opt/conda/pkgs", "/opt/miniconda3/pkgs", "/opt/miniforge3/pkgs",
	"/root/.npm", "/usr/local/share/.cache", "/root/.julia/logs", "/root/.julia/registries",
	"/root/.cpan/build", "/root/.cargo/registry", "/root/go/pkg/mod/cache", "/tmp", "/var/tmp", "/var/log/apt",
}

// histories are files that tell what somebody did.
var histories = map[string]bool{
	".bash_history": true, ".zsh_history": true, ".ash_history": true, ".python_history": true, ".Rhistory": true, ".lesshst": true,
	".zhistory": true, "fish_history": true, ".wget-hsts": true, ".viminfo": true, ".node_repl_history": true, ".sqlite_history": true, ".mysql_history": true, ".psql_history": true,
}

// secrets are files, by their last parts, that hold logins or private keys.
var secrets = []string{
	"/.netrc", "/.git-credentials", "/.docker/config.json", "/.config/containers/auth.json", "/.aws/credentials", "/.aws/config",
	"/.pypirc", "/.npmrc", "/.kaggle/kaggle.json", "/.huggingface/token", "/.cache/huggingface/token", "/.pgpass", "/.my.cnf",
	"/.config/gh/hosts.yml", "/.config/gcloud/credentials.db", "/.config/gcloud/application_default_credentials.json",
	"/.cargo/credentials", "/.cargo/credentials.toml", "/.gem/credentials", "/.terraform.d/credentials.tfrc.json", "/.s3cfg", "/.boto", "/.passwd-s3fs", "/.smbcredentials",
	"/.config/hub", "/.config/rstudio/secure-cookie-key", "/.mylogin.cnf", "/.azure/service_principal_entries.json", "/.singularity/docker-config.json",
	"/.apptainer/docker-config.json", "/.singularity/remote.yaml", "/.apptainer/remote.yaml", "/.config/pypoetry/auth.toml", "/.config/wandb/settings", "/.local/share/keyrings/login.keyring",
	"/.azure/accessTokens.json", "/.azure/msal_token_cache.json", "/.config/rclone/rclone.conf", "/.Renviron", "/.vault-token", "/.kube/config",
}

// keys are files of a system that make it that system: its identity towards others.
var keys = map[string]bool{"/etc/munge/munge.key": true, "/etc/krb5.keytab": true}

// isHostKey: of sshd, made when openssh-server was installed. Whoever has the image
// would have the key of all machines made from it.
func isHostKey(path string) bool {
	return strings.HasPrefix(path, "/etc/ssh/ssh_host_") && strings.HasSuffix(path, "_key")
}

// Uploading begins the names of files that a page sends and that are not whole yet.
const Uploading = ".jbuild-upload-"

// Filter says why a path stays out of images; empty if it goes in. The path is
// absolute or relative to the root.
func Filter(path string) Reason {
	path = "/" + strings.Trim(path, "/")
	if strings.HasPrefix(path, "/dev/.jbuild") || strings.HasPrefix(path, "/run/jbuild") || strings.Contains(path, "/"+Uploading) {
		return Ours
	}
	if inHome(path) {
		if histories[path[strings.LastIndexByte(path, '/')+1:]] {
			return History
		}
		if isSecret(path) {
			return Secret
		}
	}
	if keys[path] || isHostKey(path) || strings.HasPrefix(path, "/run/secrets/") {
		return Secret
	}
	for _, dir := range caches {
		if strings.HasPrefix(path, dir+"/") {
			return Cache
		}
	}
	if path == "/var/cache/ldconfig/aux-cache" {
		return Cache
	}
	return ""
}

func inHome(path string) bool {
	return strings.HasPrefix(path, "/root/") || strings.HasPrefix(path, "/home/")
}

func isSecret(path string) bool {
	if in := strings.Index(path, "/.ssh/"); in >= 0 {
		file := path[in+len("/.ssh/"):]
		return file != "known_hosts" && file != "config"
	}
	if strings.Contains(path, "/.gnupg/") {
		return true
	}
	for _, end := range secrets {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}
