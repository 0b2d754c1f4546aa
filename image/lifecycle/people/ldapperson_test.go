package people

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExpires(t *testing.T) {
	for name, tt := range map[string]struct {
		attributes map[string]string
		want       string
	}{
		"none":            {nil, ""},
		"shadow":          {map[string]string{"shadowExpire": "20544"}, "2026-04-01T00:00:00Z"},
		"Behera":          {map[string]string{"pwdEndTime": "20260401123000Z"}, "2026-04-01T12:30:00Z"},
		"FreeIPA":         {map[string]string{"krbPrincipalExpiration": "20260401000000+0900"}, "2026-03-31T15:00:00Z"},
		"AD":              {map[string]string{"accountExpires": "134194752000000000"}, "2026-04-01T00:00:00Z"},
		"AD never":        {map[string]string{"accountExpires": "9223372036854775807"}, ""},
		"AD never, too":   {map[string]string{"accountExpires": "0"}, ""},
		"the first":       {map[string]string{"shadowExpire": "20544", "pwdEndTime": "20250101000000Z"}, "2025-01-01T00:00:00Z"},
		"what it is not":  {map[string]string{"shadowExpire": "soon", "pwdEndTime": "later", "accountExpires": "-5"}, ""},
		"too far":         {map[string]string{"shadowExpire": "9223372036854775807"}, ""},
		"one is readable": {map[string]string{"shadowExpire": "20544", "pwdEndTime": "x"}, "2026-04-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if at := expires(func(name string) string { return tt.attributes[name] }); !at.IsZero() {
				got = at.Format(time.RFC3339)
			}
			if got != tt.want {
				t.Errorf("it ends %q, not %q", got, tt.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	got := []string{
		line(" a\r\nBcc: x\x1b[31m\t日本\u202e "), line("\xff\xfe"), address("Hanako <h@example.jp>"), address("h@example.jp\r\nBcc: x@example.jp"), address("x"),
		language("ja-JP"), language("de, en-US;q=0.5"), language("JA_jp.UTF-8"), language("xx"),
	}
	want := []string{"a  Bcc: x[31m 日本", "��", "h@example.jp", "", "", "ja", "en", "ja", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
