package inventory

import (
	"bytes"
	"strings"
)

// paragraphs calls each with the fields that are asked for of each paragraph of a file
// in the format of Debian's control files (deb822(5)), also that of Python's metadata
// and R's DESCRIPTION. Continued lines are left out.
func paragraphs(data []byte, fields []string, each func(values []string)) {
	values := make([]string, len(fields))
	some := false
	flush := func() {
		if some {
			each(values)
		}
		values, some = make([]string, len(fields)), false
	}
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			flush()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' || line[0] == '#' {
			continue
		}
		for i, f := range fields {
			if len(line) > len(f) && line[len(f)] == ':' && strings.EqualFold(string(line[:len(f)]), f) {
				if values[i] == "" {
					values[i] = string(bytes.TrimSpace(line[len(f)+1:]))
				}
				some = true
			}
		}
	}
	flush()
}

// dpkg reads /var/lib/dpkg/status, and status.d, where images without a package
// manager have one file for each package.
func (r *reader) dpkg() {
	const dir = "/var/lib/dpkg"
	native := ""
	type pkg struct{ name, version, arch string }
	var all []pkg
	take := func(data []byte, always bool) {
		paragraphs(data, []string{"Package", "Version", "Architecture", "Status"}, func(v []string) {
			if !always && !strings.HasSuffix(v[3], " installed") {
				return
			}
			if v[0] == "dpkg" {
				native = v[2]
			}
			all = append(all, pkg{v[0], v[1], v[2]})
		})
	}
	if data, ok := r.file(dir+"/status", mostFile); ok {
		take(data, false)
	}
	for _, e := range r.list(dir + "/status.d") {
		if strings.HasSuffix(e.Name(), ".md5sums") {
			continue
		}
		if data, ok := r.file(dir+"/status.d/"+e.Name(), mostHead); ok {
			take(data, true)
		}
	}
	for _, p := range all {
		if native != "" && p.arch != native && p.arch != "all" {
			p.name += ":" + p.arch // as dpkg writes it
		}
		r.add(Dpkg, p.name, p.version, dir)
	}
}

// apk reads Alpine's list of installed packages: lines of one letter, a colon and a
// value, with an empty line after each package (apk-installed(5)).
func (r *reader) apk() {
	for _, file := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		data, ok := r.file(file, mostFile)
		if !ok {
			continue
		}
		paragraphs(data, []string{"P", "V"}, func(v []string) { r.add(APK, v[0], v[1], "/lib/apk/db") })
		return
	}
}
