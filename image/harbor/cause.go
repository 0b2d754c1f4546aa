package harbor

import "fmt"

// Cause is why Harbor refused.
type Cause int

// Causes. Each says what Harbor's behaviour proves, and no more.
const (
	// Unknown is none of the others, or could not be found out: Diagnosis.Err.
	Unknown Cause = iota

	// WrongPassword is a wrong password or an unknown user; Harbor does not say
	// which.
	WrongPassword
	// LoginLocked is a right password, refused because somebody tried a wrong
	// one for the same account in the 1.5 seconds before.
	LoginLocked
	// DirectoryDown is a login that Harbor cannot check: LDAP does not answer, or
	// does not accept the password that Harbor itself searches with. Two other
	// things look the same, and are rarer: a job that tries a wrong password all
	// the time, and an account that Harbor cannot take in because its mail address
	// belongs to another.
	DirectoryDown
	// RobotRefused is a robot that is expired, disabled or deleted, or whose
	// secret has been replaced. Its own credential cannot tell which.
	RobotRefused
	// LoginNeeded is a project that is not public, asked for by nobody.
	LoginNeeded
	// NotMember is a right password without the right to the project (or, for a
	// push, to push into it).
	NotMember

	// NoProject is a project that does not exist. Harbor looks for it before the
	// password, so that this says nothing about the password.
	NoProject
	// NoRepository is a repository that does not exist in the project.
	NoRepository
	// NoTag is a tag or digest that does not exist in the repository.
	NoTag
	// BadName is a repository that cannot exist: upper case, for instance.
	BadName
	// Lost is an artifact that Harbor knows, and whose manifest its storage does
	// not have.
	Lost

	// Vulnerable is an image with vulnerabilities that the project forbids.
	Vulnerable
	// NotScanned is an image that must be scanned before it is pulled.
	NotScanned
	// ScanPending is the same, and the scan is under way.
	ScanPending
	// ScanFailed is the same, and the scan broke off: it must be started again.
	ScanFailed
	// NotSigned is an image without the signature that the project demands.
	NotSigned

	// QuotaExceeded is a push for which the project has no room.
	QuotaExceeded
	// ReadOnly is a push while the administrator allows none.
	ReadOnly
	// ImmutableTag is a push to a tag that must not move.
	ImmutableTag

	// BackendDown is a Harbor whose storage registry does not answer.
	BackendDown
	// CoreDown is nginx without Harbor behind it.
	CoreDown
	// DatabaseDown is a Harbor without its database.
	DatabaseDown
	// RedisDown is a Harbor without its redis. It works, but so slowly that a
	// refused password cannot be told from one that it could not check.
	RedisDown
	// TooMany is too many requests.
	TooMany
	// NotHarbor is another registry.
	NotHarbor
	// Passing was refused a moment ago and is allowed now: an account that was
	// locked, a first login among several at once, a token that had expired.
	Passing
)

var causes = [...]string{
	Unknown: "unknown", WrongPassword: "wrong password", LoginLocked: "login locked", DirectoryDown: "directory down",
	RobotRefused: "robot refused", LoginNeeded: "login needed", NotMember: "not a member",
	NoProject: "no such project", NoRepository: "no such repository", NoTag: "no such tag", BadName: "bad name", Lost: "lost",
	Vulnerable: "vulnerable", NotScanned: "not scanned", ScanPending: "scan pending", ScanFailed: "scan failed", NotSigned: "not signed",
	QuotaExceeded: "quota exceeded", ReadOnly: "read only", ImmutableTag: "immutable tag",
	BackendDown: "backend down", CoreDown: "core down", DatabaseDown: "database down", RedisDown: "redis down", TooMany: "too many requests",
	NotHarbor: "not a Harbor", Passing: "passing",
}

// String names a cause for logs; people are told in sentences, by the caller.
func (c Cause) String() string {
	if c < 0 || int(c) >= len(causes) {
		return fmt.Sprintf("cause %d", int(c))
	}
	return causes[c]
}
