package identity

import (
	"fmt"
	"strconv"
	"strings"
)

// Passwd returns the image's passwd(5) with the person's line in front. Lines
// with the same name or uid are left out, so that each lookup has one answer.
func Passwd(image []byte, p Person) []byte {
	line := fmt.Sprintf("%s:x:%d:%d:%s:%s:%s", sanitize(p.Name), p.UID, p.GID, sanitize(p.FullName), sanitize(p.Home), sanitize(p.Shell))
	return withLines(image, []string{line}, map[string]bool{p.Name: true}, map[string]bool{strconv.Itoa(p.UID): true})
}

// GroupFile returns the image's group(5) with the person's groups in front. The
// kernel shows the gids of all but the first as the overflow gid inside; the
// lines are there for programs that ask by name.
func GroupFile(image []byte, p Person) []byte {
	var lines []string
	names, ids := map[string]bool{}, map[string]bool{}
	for _, g := range p.Groups {
		lines = append(lines, fmt.Sprintf("%s:x:%d:%s", sanitize(g.Name), g.GID, sanitize(p.Name)))
		names[g.Name], ids[strconv.Itoa(g.GID)] = true, true
	}
	return withLines(image, lines, names, ids)
}

// withLines puts lines before those of text that clash with none of them.
func withLines(text []byte, lines []string, names, ids map[string]bool) []byte {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		fields := strings.Split(line, ":")
		if len(fields) < 3 || names[fields[0]] || ids[fields[2]] {
			continue
		}
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}
