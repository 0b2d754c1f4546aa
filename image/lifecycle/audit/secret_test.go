package audit

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecrets: what is called a secret is refused before anything is done.
func TestSecrets(t *testing.T) {
	for key, refused := range map[string]bool{
		"password": true, "Password": true, "smtp_password": true, "robot-secret": true, "webhook_token": true, "tokens": true,
		"api_key": true, "Authorization": true, "credential": true,
		"password_file": false, "token_expires": false, "quota": false, "secretary": false,
	} {
		ran := false
		err := Open(filepath.Join(t.TempDir(), "log"), "jadm").Do(Act{Action: "a", Details: map[string]string{key: "geheim"}}, func() error { ran = true; return nil })
		if refused != (err != nil) || ran == refused || err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: ran %v, %v", key, ran, err)
		}
	}
}

// TestMasked: logins in addresses and headers do not get into the log, and text that is
// not UTF-8 can be verified.
func TestMasked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	log := Open(file, "jadm\xff")
	act := Act{
		Action: "a", Subject: "https://u:geheim@harbor.example/x", Reason: "basic authentication\x80",
		Details: map[string]string{"url": "smtp://me:geheim@mail", "header": "Authorization: Basic geheimgeheim=="},
	}
	failure := errors.New("GET: sent Bearer geheim.geheim.geheim, got \xc3\x28")
	if err := log.Do(act, func() error { return failure }); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	text := string(read(t, file))
	if strings.Contains(text, "geheim") || !strings.Contains(text, "basic authentication") || !strings.Contains(text, "harbor.example/x") {
		t.Errorf("the log is %s", text)
	}
	if r := verified(t, file); !r.OK() {
		t.Errorf("report is %+v", r)
	}
}
