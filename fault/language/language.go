package language

import (
	_ "embed"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
)

//go:embed ja.po
var japanese string

//go:embed stages.ja.po
var stages string

// Japanese is 日本語.
var Japanese = fault.Language{Words: words, System: system}

// Of is the language of an environment; English for all that we do not have.
func Of(getenv func(string) string) fault.Language {
	if IsJapanese(Locale(getenv)) {
		return Japanese
	}
	return fault.English
}

// Locale is what an environment says about messages: LC_ALL before LC_MESSAGES before
// LANG, of which the first that is not empty counts (POSIX, 8.2). In a job of PBS whose
// environment says nothing it is what qsub was called with.
func Locale(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG", "PBS_O_LANG"} {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// IsJapanese reports whether a locale is, such as ja or ja_JP.UTF-8.
func IsJapanese(locale string) bool {
	name, _, _ := strings.Cut(locale, "@")
	name, _, _ = strings.Cut(name, ".")
	return name == "ja" || strings.HasPrefix(name, "ja_") || strings.HasPrefix(name, "ja-")
}

var catalogue = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, e := range append(parse(japanese), parse(stages)...) {
		all[e.english] = e.other
	}
	return all
})

func words(english string) string {
	if own, ok := catalogue()[english]; ok {
		return own
	}
	return english
}

// StageWords are the words of a locale for sandbox.Command: each English text and what
// it is in the other language. They are nil for English.
func StageWords(locale string) (pairs []string) {
	if !IsJapanese(locale) {
		return nil
	}
	for _, e := range parse(stages) {
		pairs = append(pairs, e.english, e.other)
	}
	return pairs
}

// system is what the machine says most often when something fails.
func system(err error) fault.Text {
	var name *net.DNSError
	if errors.As(err, &name) {
		return fault.Say("there is no host %s, or no network", name.Name)
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return fault.Lines(meanings[number])
	}
	return nil
}

var meanings = map[syscall.Errno]string{
	syscall.ENOENT:       "there is no such file or directory",
	syscall.EACCES:       "it is not permitted",
	syscall.EPERM:        "it is not permitted",
	syscall.ENOSPC:       "the disk is full",
	syscall.EDQUOT:       "your share of the disk is used up",
	syscall.EROFS:        "the file system is read-only",
	syscall.EEXIST:       "it exists already",
	syscall.EISDIR:       "it is a directory",
	syscall.ENOTDIR:      "a part of the path is no directory",
	syscall.EBUSY:        "it is in use",
	syscall.ETXTBSY:      "it is in use",
	syscall.EIO:          "the disk or its connection is broken",
	syscall.ECONNREFUSED: "nothing answers there",
	syscall.ETIMEDOUT:    "it cannot be reached",
	syscall.EHOSTUNREACH: "it cannot be reached",
	syscall.ENETUNREACH:  "it cannot be reached",
	syscall.ECONNRESET:   "the connection was cut",
	syscall.EPIPE:        "the connection was cut",
}
