package gpu

import (
	"errors"
	"regexp"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

// Selection is what --gpu asks for.
type Selection struct {
	None  bool
	All   bool     // and it is an error if there is nothing
	Names []string // indices, UUIDs, MIG UUIDs, and CDI names
}

// deviceName is made when the first list is parsed, since few jobs have one.
func deviceName(name string) bool {
	return regexp.MustCompile(`^([0-9]{1,4}(:[0-9]{1,4})?|(GPU|MIG)-[0-9A-Za-z/-]+)$`).MatchString(name) || isCDIName(name)
}

// ParseSelection reads the value of --gpu; empty is auto. A fault says what is wrong.
func ParseSelection(text string) (Selection, error) {
	switch text {
	case "", "auto":
		return Selection{}, nil
	case "none":
		return Selection{None: true}, nil
	case "all":
		return Selection{All: true}, nil
	}
	var s Selection
	for name := range strings.SplitSeq(text, ",") {
		if !deviceName(name) {
			return s, fault.Newf(fault.Because("a GPU is a number, a UUID (GPU-… or MIG-…), or a CDI name such as nvidia.com/gpu=0"),
				"write --gpu=auto, none, all, or a list such as --gpu=0,1", "cannot understand --gpu %q: %q names no GPU", text, name)
		}
		s.Names = append(s.Names, name)
	}
	return s, nil
}

// isCDIName reports whether name is a device's full name, vendor.com/class=name.
func isCDIName(name string) bool {
	maker, class, device := parser.ParseDevice(name)
	return device != "" && checkKind(maker, class) == nil && parser.ValidateDeviceName(device) == nil
}

// checkKind checks the two parts of a kind. CDI's parser (v1.1.0) panics on parts of
// one letter.
func checkKind(maker, class string) error {
	if len(maker) < 2 || len(class) < 2 {
		return errors.New("a kind of device is named like vendor.com/class")
	}
	return errors.Join(parser.ValidateVendorName(maker), parser.ValidateClassName(class))
}

// auto reports whether what the batch system gave is taken as it is.
func (s *Selection) auto() bool { return !s.None && !s.All && len(s.Names) == 0 }

// split parts CDI names from names of devices.
func (s *Selection) split() (cdiNames, devices []string) {
	for _, name := range s.Names {
		if isCDIName(name) {
			cdiNames = append(cdiNames, name)
		} else {
			devices = append(devices, name)
		}
	}
	return cdiNames, devices
}

// Variables are those of the host's environment, and of what the user sets for the
// inside, on which [Plan] depends. Processes with different ones do not share a sandbox.
func Variables(host, set []string) []string {
	var found []string
	add := func(env []string, names ...string) {
		for _, name := range names {
			if value, ok := variable(env, name); ok {
				found = append(found, name+"="+value)
			}
		}
	}
	add(host, cudaVisible, rocrVisible, hipVisible, ordinal, nvidiaVisible, nvidiaCapabilities, nvidiaImex)
	add(set, nvidiaVisible, nvidiaCapabilities, nvidiaImex)
	return found
}

const (
	cudaVisible        = "CUDA_VISIBLE_DEVICES"
	rocrVisible        = "ROCR_VISIBLE_DEVICES"
	hipVisible         = "HIP_VISIBLE_DEVICES"
	ordinal            = "GPU_DEVICE_ORDINAL"
	nvidiaVisible      = "NVIDIA_VISIBLE_DEVICES"
	nvidiaCapabilities = "NVIDIA_DRIVER_CAPABILITIES"
	nvidiaImex         = "NVIDIA_IMEX_CHANNELS"
	nvidiaRequire      = "NVIDIA_REQUIRE_"
	nvidiaNoRequire    = "NVIDIA_DISABLE_REQUIRE"
)
