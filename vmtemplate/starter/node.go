package starter

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// nodeApp is where packages of npm go.
const nodeApp = "/opt/app"

// node installs what package.json asks for. Its scripts are left out: they are for the
// project's sources, which are not in the image.
func (p *planner) node(text []byte) error {
	var file map[string]any
	if err := json.Unmarshal(text, &file); err != nil {
		return jsonError(p.Name, text, err)
	}
	dependencies, _ := file["dependencies"].(map[string]any)
	if len(dependencies) == 0 {
		return message.Fail(message.Of("starter.empty", p.Name), nil, message.Of("starter.node.empty.next"))
	}
	packages, local := []string{"ca-certificates"}, false
	for _, name := range slices.Sorted(maps.Keys(dependencies)) {
		from, ok := dependencies[name].(string)
		switch {
		case !ok:
			return message.Fail(message.Of("starter.node.dependency", p.Name, name), nil, message.Of("starter.line.next", p.Name))
		case hasPassword(from):
			return message.Fail(message.Of("starter.node.dependency", p.Name, name), &message.Error{What: message.Of("starter.pip.password")}, message.Of("starter.line.next", p.Name))
		case strings.HasPrefix(from, "file:") || strings.HasPrefix(from, "link:") || strings.HasPrefix(from, "workspace:"):
			delete(dependencies, name)
			local = true
			p.note(message.Of("starter.node.local", name, from))
		case strings.HasPrefix(from, "git") || strings.Contains(from, "/") && !strings.Contains(from, ":"):
			packages = append(packages, "git")
		}
	}
	base, err := p.choose(nodeImage, nil, "")
	if err != nil {
		return err
	}
	if engines, ok := file["engines"].(map[string]any); ok && engines["node"] != nil {
		if wanted, ok := engines["node"].(string); ok {
			p.note(message.Of("starter.node.engines", wanted, p.plan.Base))
		}
	}
	if err := p.nodeFiles(file); err != nil {
		return err
	}
	if base.family != nodeImage {
		packages = append(packages, "nodejs", "npm")
		slices.Sort(packages)
		p.install(message.Of("starter.step.packages"), slices.Compact(packages)...)
	} else if slices.Contains(packages, "git") {
		p.install(message.Of("starter.step.packages"), "git")
	}
	command := "install"
	if len(p.plan.Files) > 1 && !local { // ci insists on a lock of the very same dependencies
		command = "ci"
	}
	p.step(message.Of("starter.step.npm"), `export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}}"; [ -n "$NODE_EXTRA_CA_CERTS" ] || unset NODE_EXTRA_CA_CERTS; cd `+nodeApp+" && npm_config_cache=/tmp/jbuild-npm npm "+command+
		" --omit=dev --no-audit --no-fund --no-update-notifier && rm -rf /tmp/jbuild-npm")
	p.plan.Env = append(p.plan.Env, "NODE_PATH="+nodeApp+"/node_modules", "PATH="+nodeApp+"/node_modules/.bin:${PATH}")
	return nil
}

func (p *planner) nodeFiles(file map[string]any) error {
	delete(file, "scripts")
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file); err != nil {
		return err
	}
	p.plan.Files = append(p.plan.Files, File{Path: nodeApp + "/package.json", Content: text.Bytes()})
	for _, lock := range []string{"package-lock.json", "npm-shrinkwrap.json"} {
		f, err := p.Dir.Open(lock)
		if err != nil {
			continue
		}
		f.Close()
		text, err := readFile(p.Dir, lock)
		if err != nil {
			return err
		}
		p.plan.Files = append(p.plan.Files, File{Path: nodeApp + "/" + lock, Content: text})
		return nil
	}
	p.note(message.Of("starter.node.no-lock"))
	return nil
}

// jsonError names the line of a mistake.
func jsonError(name string, text []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return message.Fail(message.Of("starter.line", name, line), err, message.Of("starter.line.next", name))
	}
	return message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.line.next", name))
}
