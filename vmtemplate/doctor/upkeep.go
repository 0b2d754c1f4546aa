package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// updates: how many, and of them of the distribution's security team.
func (m *Machine) updates(ctx context.Context) Finding {
	const check = "updates"
	plan, err := m.Run(ctx, "apt-get", "--simulate", "--quiet=2", "-o", "Debug::NoLocking=1", "upgrade")
	if err != nil {
		return skipped(check, message.Of("doctor.updates.unknown"))
	}
	if lists, err := fs.Glob(m.Files, "var/lib/apt/lists/*Packages*"); err != nil || len(lists) == 0 {
		return skipped(check, message.Of("doctor.updates.never"))
	}
	all, security := 0, 0
	for line := range strings.Lines(plan) {
		if strings.HasPrefix(line, "Inst ") {
			all++
			if strings.Contains(line, "-Security") || strings.Contains(line, "-security") {
				security++
			}
		}
	}
	if security > 0 {
		return warn(check, message.Of("doctor.updates.security", security), message.Of("doctor.updates.next"))
	}
	return ok(check, message.Of("doctor.updates.ok", all))
}

func (m *Machine) restart() Finding {
	const check = "restart"
	_, err := fs.Stat(m.Files, "run/reboot-required")
	if errors.Is(err, fs.ErrNotExist) {
		return ok(check, message.Of("doctor.restart.ok"))
	}
	return warn(check, message.Of("doctor.restart.wanted"), message.Of("doctor.restart.next"))
}

// firewalls are the services that set one up.
var firewalls = []string{"nftables", "firewalld", "ufw"}

func (m *Machine) firewall(ctx context.Context) Finding {
	const check = "firewall"
	out, err := m.Run(ctx, "systemctl", append([]string{"is-active"}, firewalls...)...)
	for i, state := range strings.Fields(out) {
		if state == "active" && i < len(firewalls) {
			return ok(check, message.Of("doctor.firewall.ok", firewalls[i]))
		}
	}
	if err != nil && out == "" {
		return skipped(check, message.Of("doctor.firewall.unknown"))
	}
	return warn(check, message.Of("doctor.firewall.none"), message.Of("doctor.ask-admin"))
}

// usualPage is where jbuild web listens if jbuild.toml does not say.
const usualPage = "127.0.0.1:8787"

func (m *Machine) page(ctx context.Context) Finding {
	const check = "page"
	address := m.Config.Web.Listen
	if address == "" {
		address = usualPage
	}
	if err := m.Dial(ctx, address); err != nil {
		f := warn(check, message.Of("doctor.page.none", address), message.Of("doctor.page.start"), message.Of("doctor.page.log"))
		f.Why = err
		return f
	}
	return ok(check, message.Of("doctor.page.ok", address))
}
