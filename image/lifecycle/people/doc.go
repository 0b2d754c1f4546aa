// Package people answers who there is, who belongs to which group, and whose account
// has ended, from the site's directory (LDAP) or from a CSV file.
//
//	directory, err := people.Open(&settings.People)
//	p, err := directory.Person(ctx, "20260001")
//	switch {
//	case errors.Is(err, people.ErrUnknown): … // there is nobody
//	case err != nil: …                        // the directory cannot say
//	case p.Ended(now): …
//	}
//
// # Unknown is not down
//
// People who are gone lose what they have, so nobody may look gone because a server
// is. An error wraps ErrUnknown only when the directory was asked, answered, and knows
// nobody of the name. A refused password, a base that is not there, an answer that
// broke off, a limit of the server's: each is another error. People ends with an error
// when it finds nobody at all, since then the filter or the rights are wrong.
//
// # LDAP
//
// Over TLS, unless the server is on this machine. One connection, made when it is
// needed and again after the server was away; questions have time-outs and come in
// pages. Names are the ones of settings.LDAP. An account is over
//
//   - from the day of shadowExpire on (RFC 2307; 0 and less mean never, as to sssd),
//     from pwdEndTime, krbPrincipalExpiration, or accountExpires of Active Directory;
//   - while userAccountControl has its second bit (ACCOUNTDISABLE), nsAccountLock is
//     true, or pwdAccountLockedTime is the year 0, which is an administrator's lock:
//     other times are locks after wrong passwords, and pass;
//   - with settings.LDAP.NoLoginIsEnded and a shell of nologin, or when
//     settings.LDAP.EndedFilter finds it.
//
// Somebody is in the groups that name their DN (member, uniqueMember) or ID
// (memberUid), in those that their own memberOf names, in the posixGroup with their
// gidNumber, and in the groups that these are members of, up to maxDepth of them and
// in circles, too. Active Directory gives at most 1,500 members with a group, so there
// members are looked for by their memberOf.
//
// # CSV
//
// A file in UTF-8, with or without a byte order mark, with a header:
//
//	id,name,mail,language,uid,gid,groups,supervisor,disabled,expires
//	20260001,山田 花子,20260001@example.ac.jp,ja,20001,5000,cfd;students,suzuki,,2028-03-31
//
// Only id must be there; the columns may be in any order. Groups are separated by
// semicolons. disabled is true, yes, 1, or nothing, false, no, 0. expires is the last
// day of the account, by the machine's time, or a time as in RFC 3339. The file is read
// again when it has changed.
//
// # What is hostile
//
// All that comes out of a directory. Filters and DNs are made with the library's
// escaping. Names have no control characters and are bounded; a mail address that is
// none is left out. IDs are as the directory has them.
package people
