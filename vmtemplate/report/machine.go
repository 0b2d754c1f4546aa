package report

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// machineFiles hold a number that a machine was given when it was installed, or when it
// was cloned (machine-id(5)).
var machineFiles = []string{"/etc/machine-id", "/var/lib/dbus/machine-id"}

// application keeps the number from being the one that other programs make of the same
// file.
const application = "github.com/jrun-hpc/jrun/vmtemplate/report"

// thisMachine is what the machine calls itself, and a number that stays the same when it
// is called otherwise.
func thisMachine() (host, machine string, err error) {
	if host, err = os.Hostname(); err != nil {
		return "", "", fmt.Errorf("finding the name of this machine: %w", err)
	}
	id := "host " + host // of a machine that was given none
	for _, file := range machineFiles {
		if content, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(content)) != "" {
			id = strings.TrimSpace(string(content))
			break
		}
	}
	return host, numberOf(id), nil
}

func numberOf(id string) string {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte(application))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
