package gpu

import (
	"cmp"
	"debug/elf"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/runtime/hostlib"
)

// nvidiaLibraryClasses are the driver's libraries, by the beginnings of their names,
// as NVIDIA's libnvidia-container has them (src/nvc_info.c), and newer ones.
var nvidiaLibraryClasses = []struct {
	capability, why string
	prefixes        []string
}{
	{"compute", "CUDA and OpenCL", []string{
		"libcuda.so.", "libcudadebugger.so.", "libnvidia-opencl.so.", "libnvidia-gpucomp.so.", "libnvidia-ptxjitcompiler.so.",
		"libnvidia-fatbinaryloader.so.", "libnvidia-allocator.so.", "libnvidia-compiler.so.", "libnvidia-nvvm.so.", "libnvidia-nvvm70.so.",
		"libnvidia-pkcs11.so.", "libnvidia-pkcs11-openssl3.so.", "libnvidia-tileiras.so.",
	}},
	{"utility", "asking the driver (NVML)", []string{"libnvidia-ml.so.", "libnvidia-cfg.so.", "libnvidia-nscq.so.", "libnvidia-sandboxutils.so."}},
	{"video", "coding video", []string{"libvdpau_nvidia.so.", "libnvidia-encode.so.", "libnvidia-opticalflow.so.", "libnvcuvid.so."}},
	{"graphics", "OpenGL, EGL, Vulkan and ray tracing", []string{
		"libGLX_nvidia.so.", "libEGL_nvidia.so.", "libGLESv2_nvidia.so.", "libGLESv1_CM_nvidia.so.", "libnvidia-eglcore.so.", "libnvidia-glcore.so.",
		"libnvidia-tls.so.", "libnvidia-glsi.so.", "libnvidia-fbc.so.", "libnvidia-ifr.so.", "libnvidia-rtcore.so.", "libnvoptix.so.",
		"libnvidia-glvkspirv.so.", "libnvidia-cbl.so.", "libnvidia-gpucomp.so.", "libnvidia-egl-gbm.so.", "libnvidia-egl-wayland.so.",
		"libnvidia-egl-xcb.so.", "libnvidia-egl-xlib.so.", "libnvidia-vulkan-producer.so.", "libnvidia-present.so.",
	}},
	{"ngx", "NGX", []string{"libnvidia-ngx.so."}},
}

// nvidiaFileClasses are programs, sockets and descriptions of drivers for loaders of
// OpenCL, Vulkan and EGL. Each place may lack them.
var nvidiaFileClasses = []struct {
	capability, why string
	writable        bool // a socket is written to
	paths           []string
}{
	{"utility", "program of the driver", false, []string{"/usr/bin/nvidia-smi", "/usr/bin/nvidia-debugdump"}},
	{"utility", "keeps GPUs awake between programs", true, []string{"/run/nvidia-persistenced/socket"}},
	{"utility", "NVSwitch's fabric manager", true, []string{"/run/nvidia-fabricmanager/socket"}},
	{"compute", "shares a GPU between processes (MPS)", false, []string{"/usr/bin/nvidia-cuda-mps-control", "/usr/bin/nvidia-cuda-mps-server"}},
	{"compute", "says to OpenCL's loader which driver there is", false, []string{"/etc/OpenCL/vendors/nvidia.icd"}},
	{"graphics", "says to Vulkan's loader which driver there is", false, []string{
		"/etc/vulkan/icd.d/nvidia_icd.json", "/usr/share/vulkan/icd.d/nvidia_icd.json", "/usr/share/vulkan/icd.d/nvidia_icd.x86_64.json",
		"/etc/vulkan/implicit_layer.d/nvidia_layers.json", "/usr/share/vulkan/implicit_layer.d/nvidia_layers.json",
	}},
	{"graphics", "says to EGL's loader which driver there is", false, []string{
		"/usr/share/glvnd/egl_vendor.d/10_nvidia.json", "/usr/share/egl/egl_external_platform.d/10_nvidia_wayland.json",
		"/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json", "/usr/share/egl/egl_external_platform.d/20_nvidia_xcb.json",
		"/usr/share/egl/egl_external_platform.d/20_nvidia_xlib.json",
	}},
	{"graphics", "data of OptiX", false, []string{"/usr/share/nvidia/nvoptix.bin"}},
}

func (p *planner) nvidiaFiles(capabilities []string) {
	for _, class := range nvidiaFileClasses {
		if !slices.Contains(capabilities, class.capability) {
			continue
		}
		for _, name := range class.paths {
			rule := nvidiaRule + ": class " + class.capability
			if path.Dir(name) == "/usr/bin" {
				p.program(name, class.why, rule)
			} else {
				p.file(name, class.why, rule, class.writable)
			}
		}
	}
}

// native is the kind of library that this machine's programs use.
func native() (elf.Class, elf.Machine) {
	return elf.ELFCLASS64, map[string]elf.Machine{
		"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV,
	}[runtime.GOARCH]
}

func (p *planner) nvidiaLibraries(capabilities []string) error {
	host, err := p.machine.Libraries()
	if err != nil {
		return err
	}
	class, machine := native()
	for _, c := range nvidiaLibraryClasses {
		if !slices.Contains(capabilities, c.capability) {
			continue
		}
		for _, prefix := range c.prefixes {
			for _, name := range host.Names(prefix, class, machine) {
				if l, ok := host.Find(name, class, machine); ok {
					p.library(l, name, c.why, nvidiaRule+": class "+c.capability)
				}
			}
		}
	}
	if slices.Contains(capabilities, "video") {
		p.nvidiaVDPAU(host)
	}
	return p.nvidiaDependencies(host)
}

// nvidiaVDPAU brings the library that is in a folder of its own beside the others,
// where ldconfig(8) does not look.
func (p *planner) nvidiaVDPAU(host *hostlib.Host) {
	for _, dir := range hostlib.Directories(p.machine.Root) {
		for _, name := range p.machine.list(path.Join(dir, "vdpau"), "libvdpau_nvidia.so.*") {
			if l, err := host.Open(path.Join(dir, "vdpau", name)); err == nil {
				p.library(l, name, "coding video", nvidiaRule+": class video")
			}
		}
	}
}

// nvidiaDependencies brings what the driver's libraries need of the driver; the rest
// (X11 and the like) is the image's.
func (p *planner) nvidiaDependencies(host *hostlib.Host) error {
	var named []hostlib.Library
	for _, w := range p.libraries {
		named = append(named, w.Library)
	}
	all, _, err := host.Closure(named...)
	if err != nil {
		return err
	}
	for _, l := range all[len(named):] {
		if strings.HasPrefix(l.Name(), "libnvidia-") {
			p.library(l, l.Name(), "another library of the driver needs it", nvidiaRule)
		}
	}
	return nil
}

// nvidiaExplain compares versions, and looks at what the image has of its own.
func (p *planner) nvidiaExplain() {
	version := p.machine.driverVersion()
	if version == "" {
		p.judge(Noted, "NVIDIA's driver", "", "its version cannot be told: /proc/driver/nvidia/version is missing")
	}
	cuda := slices.IndexFunc(p.libraries, func(w wanted) bool { return w.Name() == "libcuda.so.1" })
	if cuda >= 0 && version != "" {
		_, of, _ := strings.Cut(path.Base(p.libraries[cuda].Path), ".so.")
		if strings.Contains(of, ".") && of != version {
			p.judge(Refused, p.libraries[cuda].Path, "ask the administrator to restart this node, or to load the matching module",
				"is of driver %s, and the kernel's module of %s; they must be the same", of, version)
		}
	}
	search, _ := p.image.variable("LD_LIBRARY_PATH")
	for dir := range strings.SplitSeq(search, ":") {
		if name := path.Join(dir, "libcuda.so.1"); p.image.has(name) && !strings.Contains(dir, "compat") {
			p.judge(Refused, name, "remove it from the image, or the directory from its LD_LIBRARY_PATH",
				"the image's own driver library comes before the host's; it must be of the version of the kernel's module, %s", cmp.Or(version, "which is not known"))
		}
	}
	p.nvidiaRequirements(version)
}
