package secret

import "regexp"

// Kind is what something looks like.
type Kind string

// The kinds.
const (
	PrivateKey Kind = "private-key" // PEM, OpenSSH, PGP, age
	Token      Kind = "token"       // of a service that is known by its shape
	Password   Kind = "password"    // the value of a name that says so
	URL        Kind = "url"         // with a password in it
	Login      Kind = "login"       // a file of logins: .netrc and the like
	KeyFile    Kind = "key-file"    // a file that is a key: munge's, a keytab, a keystore
)

// shape is a token that its issuer made recognisable.
type shape struct {
	issuer string
	anchor string // occurs in all of them: looking for it is fast
	match  func() *regexp.Regexp
}

// shapes are from the issuers' documentation. Where the shape alone is weak, the
// length is part of it.
var shapes = []shape{
	{"AWS", "AKIA", word(`AKIA[A-Z2-7]{16}`)},
	{"AWS", "ASIA", word(`ASIA[A-Z2-7]{16}`)},
	{"GitHub", "ghp_", word(`ghp_[A-Za-z0-9]{36}`)},
	{"GitHub", "gho_", word(`gho_[A-Za-z0-9]{36}`)},
	{"GitHub", "ghu_", word(`ghu_[A-Za-z0-9]{36}`)},
	{"GitHub", "ghs_", word(`ghs_[A-Za-z0-9]{36}`)},
	{"GitHub", "ghr_", word(`ghr_[A-Za-z0-9]{36,}`)},
	{"GitHub", "github_pat_", word(`github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}`)},
	{"GitLab", "glpat-", word(`glpat-[A-Za-z0-9_-]{20,}`)},
	{"GitLab", "gldt-", word(`gldt-[A-Za-z0-9_-]{20,}`)},
	{"GitLab", "glrt-", word(`glrt-[A-Za-z0-9_-]{20,}`)},
	{"Slack", "xox", word(`xox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}`)},
	{"Slack", "hooks.slack.com/services/T", word(`hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}`)},
	{"Hugging Face", "hf_", word(`hf_[A-Za-z]{34}`)},
	{"Google", "AIza", word(`AIza[A-Za-z0-9_-]{35}`)},
	{"Google", "GOCSPX-", word(`GOCSPX-[A-Za-z0-9_-]{28}`)},
	{"Google", "ya29.", word(`ya29\.[A-Za-z0-9_-]{30,}`)},
	{"Azure", "AccountKey=", word(`AccountKey=[A-Za-z0-9+/]{86}==`)},
	{"Azure", "SharedAccessKey=", word(`SharedAccessKey=[A-Za-z0-9+/]{43}=`)},
	{"Azure", "sig=", word(`[?&]s[a-z]=[^\s"']{1,200}&sig=[A-Za-z0-9%+/]{40,}`)},
	{"JWT", "eyJ", word(`eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}`)},
	{"PyPI", "pypi-AgE", word(`pypi-AgE[A-Za-z0-9_-]{50,}`)},
	{"npm", "npm_", word(`npm_[A-Za-z0-9]{36}`)},
	{"Anthropic", "sk-ant-", word(`sk-ant-[A-Za-z0-9_-]{32,}`)},
	{"OpenAI", "T3BlbkFJ", word(`sk-[A-Za-z0-9_-]{10,}T3BlbkFJ[A-Za-z0-9_-]{10,}`)},
	{"OpenAI", "sk-proj-", word(`sk-proj-[A-Za-z0-9_-]{40,}`)},
	{"OpenAI", "sk-svcacct-", word(`sk-svcacct-[A-Za-z0-9_-]{40,}`)},
	{"Stripe", "_live_", word(`[sr]k_live_[A-Za-z0-9]{24,}`)},
	{"Docker", "dckr_pat_", word(`dckr_pat_[A-Za-z0-9_-]{27}`)},
	{"DigitalOcean", "dop_v1_", word(`dop_v1_[a-f0-9]{64}`)},
	{"Vault", "hvs.", word(`hvs\.[A-Za-z0-9_-]{24,}`)},
	{"age", "AGE-SECRET-KEY-1", word(`AGE-SECRET-KEY-1[A-Z0-9]{58}`)},
	{"Telegram", ":AA", word(`[0-9]{8,10}:AA[A-Za-z0-9_-]{33}`)},
	{"SendGrid", "SG.", word(`SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}`)},
	{"Weights & Biases", "wandb_v1_", word(`wandb_v1_[A-Za-z0-9_]{40,}`)},
	{"conda", "/t/", word(`https?://[^\s/"']{3,100}/t/[a-z]{2}-[0-9a-f-]{36}`)},
}

// word is a pattern that stands alone, not inside of a longer word. The token is the
// first group.
func word(pattern string) func() *regexp.Regexp {
	return form(`(?:^|[^A-Za-z0-9_+-])(` + pattern + `)(?:$|[^A-Za-z0-9_/+-])`)
}

// privateKey is the first line of a PEM block (RFC 7468, section 11 and older forms;
// OpenSSH; PGP) and what follows of the key itself: documentation shows the first line
// alone, or with dots.
var privateKey = form(`-----BEGIN ((?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?)-----(?:\\n|[\s"'+,\\])*(?:[A-Za-z-]{3,20}: [^\n]{0,200}\n|\s)*([A-Za-z0-9+/=]{40,})`)

// privateKeyBlock is all of it, to be taken out of a command.
var privateKeyBlock = form(`(?s)-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,60}-----|$)`)
