package settings

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// Mail says how letters are sent: by SMTP, or a command, or only written to a
// directory, which is "outbox" below Settings.State when nothing is set.
type Mail struct {
	From    string `toml:"from"`     // "HPC registry <registry@example.ac.jp>"
	ReplyTo string `toml:"reply_to"` // where answers go; as From

	SMTP         string `toml:"smtp"`          // smtp://mail.example.ac.jp:587 with STARTTLS, or smtps://
	User         string `toml:"user"`          // empty: the server knows this machine
	PasswordFile string `toml:"password_file"` // of User; 0600; its first line
	CAFile       string `toml:"ca_file"`       // PEM, if the system does not know who signed the server's certificate

	Command   []string `toml:"command"`   // reads a letter with its header: ["/usr/sbin/sendmail", "-t", "-oi"]
	Directory string   `toml:"directory"` // each letter becomes a file of it

	Languages string        `toml:"languages"` // own: each person's (the default); both: English and Japanese in each letter
	Templates string        `toml:"templates"` // directory of a site's own texts: welcome.ja.txt, …
	Site      string        `toml:"site"`      // what the service is called, in letters
	Help      string        `toml:"help"`      // whom to ask: an address or a page
	Timeout   time.Duration `toml:"timeout"`   // of one letter; 1m

	server *url.URL
}

// Server is SMTP, parsed; nil without it.
func (m *Mail) Server() *url.URL { return m.server }

// Encrypted reports whether the letters' way must be encrypted: always, but to this
// machine.
func (m *Mail) Encrypted() bool {
	return m.server != nil && (m.server.Scheme == "smtps" || m.CAFile != "" || !IsLoopback(m.server.Hostname()))
}

// Both reports whether each letter is in both languages.
func (m *Mail) Both() bool { return m.Languages == "both" }

func (m *Mail) complete(abs func(string) string) error {
	m.PasswordFile, m.CAFile, m.Directory, m.Templates = abs(m.PasswordFile), abs(m.CAFile), abs(m.Directory), abs(m.Templates)
	ways := 0
	for _, set := range []bool{m.SMTP != "", len(m.Command) > 0, m.Directory != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return errors.New("of mail.smtp, mail.command and mail.directory only one can be set: it is how letters are sent")
	}
	if m.From == "" && (m.SMTP != "" || len(m.Command) > 0) {
		return errors.New("mail.from is missing: it is who letters are from, like HPC registry <registry@example.ac.jp>")
	}
	for key, value := range map[string]string{"from": m.From, "reply_to": m.ReplyTo} {
		if _, err := mail.ParseAddress(value); err != nil && value != "" {
			return fmt.Errorf("mail.%s is %q: %w", key, value, err)
		}
	}
	switch m.Languages {
	case "":
		m.Languages = "own"
	case "own", "both":
	default:
		return fmt.Errorf("mail.languages is %q, not own or both", m.Languages)
	}
	if m.Timeout < 0 {
		return fmt.Errorf("mail.timeout is %v", m.Timeout)
	}
	if m.Timeout == 0 {
		m.Timeout = time.Minute
	}
	if strings.ContainsAny(m.Site+m.Help, "\r\n") {
		return errors.New("mail.site and mail.help are one line each")
	}
	return m.parseServer()
}

func (m *Mail) parseServer() error {
	if (m.User == "") != (m.PasswordFile == "") {
		return errors.New("of mail.user and mail.password_file only one is set")
	}
	if m.SMTP == "" {
		return nil
	}
	server, err := url.Parse(m.SMTP)
	switch {
	case err != nil:
		return fmt.Errorf("mail.smtp: %w", err)
	case server.Host == "" || server.User != nil || server.Path != "" || server.Scheme != "smtp" && server.Scheme != "smtps":
		return fmt.Errorf("mail.smtp is %q, not like smtp://mail.example.ac.jp:587", server.Redacted())
	}
	m.server = server
	return nil
}
