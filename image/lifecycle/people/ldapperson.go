package people

import (
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Attributes that say whether an account is over.
const (
	shadowExpire         = "shadowExpire"           // RFC 2307: days since 1970
	loginShell           = "loginShell"             // RFC 2307
	pwdEndTime           = "pwdEndTime"             // draft-behera-ldap-password-policy-10
	pwdAccountLockedTime = "pwdAccountLockedTime"   // the same
	krbExpiration        = "krbPrincipalExpiration" // FreeIPA
	nsAccountLock        = "nsAccountLock"          // 389 Directory Server, FreeIPA
	userAccountControl   = "userAccountControl"     // Active Directory: bits
	accountExpires       = "accountExpires"         // Active Directory: 100 ns since 1601
	commonName           = "cn"                     // where displayName is missing
	accountDisable       = 2                        // a bit of userAccountControl
	neverExpires         = math.MaxInt64            // as accountExpires; 0 as well
	fileTimeEpoch        = -11644473600             // 1601-01-01, in seconds since 1970
	fileTimeTick         = 100 * time.Nanosecond    // of accountExpires
	lockedByAdmin        = "0000"                   // how pwdAccountLockedTime begins then
	fileTimesPerSecond   = int64(time.Second / fileTimeTick)
)

// personAttributes are all that a Person is made of. Operational ones must be named.
func (l *LDAP) personAttributes() []string {
	a := l.s.Attributes
	return []string{
		a.ID, a.Name, commonName, a.Mail, a.Language, a.UID, a.GID, a.Supervisor, a.MemberOf,
		shadowExpire, loginShell, pwdEndTime, pwdAccountLockedTime, krbExpiration, nsAccountLock, userAccountControl, accountExpires,
	}
}

// person is what an entry says by itself. A Supervisor who is named by DN is left out.
func (l *LDAP) person(e *ldap.Entry) Person {
	get, a := e.GetEqualFoldAttributeValue, l.s.Attributes
	p := Person{
		ID: get(a.ID), Name: line(get(a.Name)), Mail: address(get(a.Mail)), Language: language(get(a.Language)),
		UID: accountNumber(get(a.UID)), GID: accountNumber(get(a.GID)), Expires: expires(get),
	}
	if p.Name == "" {
		p.Name = line(get(commonName))
	}
	if p.Name == "" {
		p.Name = line(p.ID)
	}
	if boss := get(a.Supervisor); !isDN(boss) {
		p.Supervisor = line(boss)
	}
	p.Disabled = disabled(get) || l.s.NoLoginIsEnded && noLogin(get(loginShell))
	return p
}

// accountNumber is a number of an account; -1 for none.
func accountNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

func disabled(get func(string) string) bool {
	control, err := strconv.ParseInt(get(userAccountControl), 10, 64)
	return err == nil && control&accountDisable != 0 || strings.EqualFold(get(nsAccountLock), "true") ||
		strings.HasPrefix(get(pwdAccountLockedTime), lockedByAdmin)
}

func noLogin(shell string) bool {
	name := path.Base(shell)
	return name == "nologin" || name == "false"
}

// expires is the earliest end; zero for none. What cannot be read is none: an account
// is not over because of an odd value.
func expires(get func(string) string) time.Time {
	var first time.Time
	earlier := func(at time.Time) {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	const mostDays = 1 << 22 // the year 13,453
	if days, err := strconv.ParseInt(get(shadowExpire), 10, 64); err == nil && days > 0 && days < mostDays {
		earlier(time.Unix(0, 0).UTC().AddDate(0, 0, int(days)))
	}
	for _, name := range []string{pwdEndTime, krbExpiration} {
		if value := get(name); value != "" {
			if at, err := ber.ParseGeneralizedTime([]byte(value)); err == nil {
				earlier(at.UTC())
			}
		}
	}
	if ticks, err := strconv.ParseInt(get(accountExpires), 10, 64); err == nil && ticks > 0 && ticks != neverExpires {
		earlier(time.Unix(ticks/fileTimesPerSecond+fileTimeEpoch, 0).UTC())
	}
	return first
}
