package notice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	gomail "github.com/wneessen/go-mail"
)

// smtpWay hands letters to a mail server (RFC 6409).
type smtpWay struct{ s settings.Mail }

func (w *smtpWay) describe() string { return "by " + w.s.SMTP }

func (w *smtpWay) send(ctx context.Context, m message) error {
	client, err := w.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.s.Timeout)
	defer cancel()
	msg := m.compose(gomail.EncodingQP)
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // the server has it, and then said something else
		return nil
	}
	var refused *gomail.SendError
	if errors.As(err, &refused) && refused.ErrorCode() >= 500 && !refused.IsTemp() {
		return fmt.Errorf("%w (%w)", ErrRefused, err)
	}
	return err
}

func (w *smtpWay) client() (*gomail.Client, error) {
	server := w.s.Server()
	config := &tls.Config{ServerName: server.Hostname(), MinVersion: tls.VersionTLS12}
	if w.s.CAFile != "" {
		pem, err := os.ReadFile(w.s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading mail.ca_file: %w", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("there is no certificate in PEM in mail.ca_file %s", w.s.CAFile)
		}
	}
	options := []gomail.Option{gomail.WithTimeout(w.s.Timeout), gomail.WithTLSConfig(config)}
	port := gomail.DefaultPortTLS
	switch {
	case server.Scheme == "smtps":
		port = gomail.DefaultPortSSL
		options = append(options, gomail.WithSSL())
	case w.s.Encrypted():
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		port = gomail.DefaultPort
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if p, err := strconv.Atoi(server.Port()); err == nil {
		port = p
	}
	options = append(options, gomail.WithPort(port))
	if w.s.User != "" {
		password, err := settings.ReadSecret(w.s.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(w.s.User), gomail.WithPassword(password))
	}
	return gomail.NewClient(server.Hostname(), options...)
}
