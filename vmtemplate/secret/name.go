package secret

import (
	"math"
	"strings"
)

// keyWords make a name a secret's, if they are one of the words of it, or its end.
var keyWords = map[string]bool{
	"token": true, "secret": true, "password": true, "passwd": true, "passphrase": true, "pass": true, "pw": true, "pat": true,
	"apikey": true, "secretkey": true, "accesskey": true, "privatekey": true, "authkey": true, "credential": true, "credentials": true,
	"pgpassword": true, "sshpass": true, "authtoken": true, "userpass": true, "auth": true, "authorization": true, "bearer": true,
}

// keyPairs make a name a secret's together: api_key, but neither api nor key alone.
var keyPairs = map[string]bool{
	"api key": true, "access key": true, "secret key": true, "private key": true, "auth key": true, "account key": true, "encryption key": true,
	"license key": true, "master key": true, "signing key": true, "mysql pwd": true, "access id": false,
}

// notSecret are words that make a name say something about a secret, not the secret.
var notSecret = map[string]bool{
	"file": true, "path": true, "dir": true, "stdin": true, "length": true, "type": true, "url": true, "uri": true, "name": true, "env": true, "fd": true,
	"method": true, "mode": true, "policy": true, "expire": true, "expires": true, "expiry": true, "ttl": true, "timeout": true, "command": true,
	"cmd": true, "hash": true, "min": true, "max": true, "count": true, "limit": true, "field": true, "prompt": true, "endpoint": true, "manager": true,
	"helper": true, "store": true, "provider": true, "required": true, "enabled": true, "authentication": true, "sock": true, "scope": true, "id": true,
}

var camel = form(`([a-z0-9])([A-Z])`)

// namesSecret reports whether a variable, an option or a key of a file is called like
// something that must not be told: GITHUB_TOKEN, --api-key, dbPassword.
func namesSecret(name string) bool {
	name = strings.ToLower(camel().ReplaceAllString(name, "${1}_$2"))
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ' ' || r == '/' || r == ':' })
	if len(words) == 0 || notSecret[words[len(words)-1]] || words[0] == "no" {
		return false
	}
	for i, w := range words {
		if keyWords[w] || i > 0 && keyPairs[words[i-1]+" "+w] {
			return true
		}
		for _, end := range []string{"password", "passwd", "passphrase", "apikey", "authtoken"} {
			if strings.HasSuffix(w, end) {
				return true
			}
		}
	}
	return false
}

var (
	reference = form(`^(?:\$[A-Za-z_{(]|%[A-Za-z_(]|\{\{|<[A-Za-z_ -]+>?$|\$\$)`)
	aPath     = form(`^(?:\.{0,2}|~)/[A-Za-z0-9._/-]+$`)
	plain     = form(`(?i)^(?:true|false|yes|no|on|off|none|null|nil|undef|optional|required|empty|auto|default|default_value|x+|\*+|\.+|-+|[0-9]{1,3}|str|string|bytes|int|bool|self|any|prompt|basic|bearer|digest|token|password|passwd|secret|md5|sha(1|256|512)|pass|passphrase|login|-)$`)
)

// hides reports whether a value is a secret and not the mention of one: a variable, a
// file, a switch.
func hides(value string) bool {
	value = strings.Trim(value, `"'`)
	switch {
	case len(value) < 3, reference().MatchString(value), plain().MatchString(value):
		return false
	case aPath().MatchString(value):
		// A key of AWS may begin with a slash, too; words have less entropy.
		return strings.Count(value, "/") == 1 && len(value) >= 30 && entropy(value) > 4.2
	}
	return true
}

// entropy is Shannon's, in bits for a byte.
func entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}
