package gpu

import (
	"path"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/inject"
	cdi "tags.cncf.io/container-device-interface/specs-go"
)

// hookCall is a hook's command and its flags, --name value or --name=value.
type hookCall struct {
	program, command string
	flags            map[string][]string
}

// parseHook reads the arguments of nvidia-ctk (nvidia-ctk hook COMMAND …, until 1.14)
// and of nvidia-cdi-hook (nvidia-cdi-hook COMMAND …, since then).
func parseHook(h *cdi.Hook) hookCall {
	call := hookCall{program: path.Base(h.Path), flags: map[string][]string{}}
	args := h.Args
	if len(args) > 0 {
		args = args[1:] // the program's own name
	}
	if len(args) > 0 && args[0] == "hook" {
		args = args[1:]
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return call
	}
	call.command = args[0]
	for args = args[1:]; len(args) > 0; {
		name, value, inline := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
		args = args[1:]
		if !inline && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			value, args = args[0], args[1:]
		}
		call.flags[name] = append(call.flags[name], value)
	}
	return call
}

// libraryFolders are the folders that hooks would tell ldconfig(8) of.
func libraryFolders(hooks []*cdi.Hook) (folders []string) {
	for _, h := range hooks {
		if call := parseHook(h); call.command == "update-ldcache" {
			for _, dir := range slices.Concat(call.flags["folder"], call.flags["folders"]) {
				for d := range strings.SplitSeq(dir, ",") {
					folders = append(folders, path.Clean(d))
				}
			}
		}
	}
	return folders
}

// hook does what a hook would do.
func (p *planner) hook(h *cdi.Hook, folders []string, rule string) {
	call := parseHook(h)
	switch call.command {
	case "update-ldcache":
		p.judge(Granted, "hook update-ldcache", "", "the image is read-only, so its libraries' directory is last in LD_LIBRARY_PATH instead")
		p.searchFolders(folders)
	case "create-symlinks":
		for _, link := range slices.Concat(call.flags["link"], call.flags["links"]) {
			p.hookLink(link, folders, rule)
		}
	case "create-soname-symlinks":
		p.judge(Granted, "hook create-soname-symlinks", "", "libraries are shown under their SONAMEs anyway")
	case "enable-cuda-compat":
		driver := p.machine.driverVersion()
		if given := call.flags["host-driver-version"]; len(given) > 0 {
			driver = given[0]
		}
		p.useCompat(driver)
	case "chmod":
		p.judge(Ignored, "hook chmod "+strings.Join(call.flags["path"], " "), "", "nodes are the host's, with the host's modes, and directories are open to all")
	case "disable-device-node-modification", "update-nvidia-params":
		p.judge(Ignored, "hook "+call.command, "", "it keeps tools from making device nodes; jobs cannot make any")
	default:
		name := strings.TrimSpace(call.program + " " + call.command)
		p.judge(Ignored, "hook "+name, "if the device does not work without it, ask for a specification without this hook",
			"%s runs it at %s, as root in a container that can be written to; jrun has neither", rule, h.HookName)
	}
}

// searchFolders adds folders that hold mounts of the specification which are not
// shown in LibraryDir. A folder that the image has, too, stays where the image's own
// loader finds it.
func (p *planner) searchFolders(folders []string) {
	for _, dir := range folders {
		holds := slices.ContainsFunc(p.Items, func(i inject.Item) bool {
			return i.Kind == inject.File && path.Dir(i.Inside) == dir && strings.Contains(path.Base(i.Inside), ".so")
		})
		if holds && !p.image.has(dir) && !slices.Contains(p.search, dir) {
			p.search = append(p.search, dir)
		}
	}
}

// hookLink makes a symbolic link, TARGET::LINK: another mount of what it leads to.
func (p *planner) hookLink(text string, folders []string, rule string) {
	target, link, ok := strings.Cut(text, "::")
	if !ok || !path.IsAbs(link) {
		p.judge(Ignored, "hook create-symlinks", "", "%q is not TARGET::LINK", text)
		return
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(link), target)
	}
	if slices.Contains(folders, path.Dir(target)) {
		if at := slices.IndexFunc(p.libraries, func(l wanted) bool { return slices.Contains(l.names, path.Base(target)) }); at >= 0 {
			l := &p.libraries[at]
			if slices.Contains(folders, path.Dir(link)) {
				if !slices.Contains(l.names, path.Base(link)) {
					l.names = append(l.names, path.Base(link))
				}
				return
			}
			p.add(inject.Item{Kind: inject.File, Host: l.Path, Inside: link, Why: "another name of " + l.names[0], Rule: rule})
			return
		}
	}
	item, ok := p.shown(target)
	if ofSystem(link) && item.Kind != inject.Device {
		p.judge(Ignored, link, "", "only devices can be shown there")
		return
	}
	if ok && (item.Kind != inject.Device || strings.HasPrefix(link, "/dev/")) {
		item.Inside, item.Why = link, "another name of "+target
		p.add(item)
		return
	}
	for _, item := range p.Items {
		if rest, ok := strings.CutPrefix(target, item.Inside+"/"); ok && item.Kind == inject.Directory && p.machine.exists(path.Join(item.Host, rest)) {
			kind := inject.File
			if p.machine.isDir(path.Join(item.Host, rest)) {
				kind = inject.Directory
			}
			p.add(inject.Item{Kind: kind, Host: path.Join(item.Host, rest), Inside: link, Writable: item.Writable, Why: "another name of " + target, Rule: rule})
			return
		}
	}
	p.judge(Ignored, link, "", "it is to lead to %s, which nothing brings", target)
}
