package vm

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed jbuild.ovf.tmpl
var ovfTemplate string

// Names in an OVA file. The descriptor comes first, DSP0243 2.1.1, section 5.3.
const (
	ovfName  = "jbuild.ovf"
	mfName   = "jbuild.mf"
	vmdkName = "jbuild-disk1.vmdk"
)

// OVA makes an OVA file, which vSphere imports, from a disk image: the disk as a
// streamOptimized VMDK, a descriptor and their checksums. The machine is of the site's
// first size; its user-data is given at the import. It needs qemu-img.
func (s *Site) OVA(ctx context.Context, image, output string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(output), ".ova-")
	if err != nil {
		return fmt.Errorf("making an OVA file: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	vmdk := filepath.Join(dir, vmdkName)
	// lsilogic is the format's word for all SCSI; the descriptor says which it is.
	if out, err := exec.CommandContext(ctx, "qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic", image, vmdk).CombinedOutput(); err != nil {
		return fmt.Errorf("converting %s: %w: %s", image, err, out)
	}
	capacity, err := virtualSize(ctx, vmdk)
	if err != nil {
		return err
	}
	info, err := os.Stat(vmdk)
	if err != nil {
		return fmt.Errorf("making an OVA file: %w", err)
	}
	descriptor, err := fill("jbuild.ovf.tmpl", ovfTemplate, "[[", "]]", ovf{
		Size: s.Sizes[0], VMDK: vmdkName, Bytes: info.Size(), Capacity: capacity, Network: s.VSphere.Network,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ovfName), []byte(descriptor), 0o644); err != nil {
		return fmt.Errorf("making an OVA file: %w", err)
	}
	var sums string
	for _, name := range []string{ovfName, vmdkName} {
		sum, err := checksum(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		sums += fmt.Sprintf("SHA256(%s)= %s\n", name, sum)
	}
	if err := os.WriteFile(filepath.Join(dir, mfName), []byte(sums), 0o644); err != nil {
		return fmt.Errorf("making an OVA file: %w", err)
	}
	file := filepath.Join(dir, "ova")
	if err := writeTar(file, dir, ovfName, mfName, vmdkName); err != nil {
		return err
	}
	if err := os.Rename(file, output); err != nil {
		return fmt.Errorf("making an OVA file: %w", err)
	}
	return nil
}

// ovf is what the descriptor's template sees.
type ovf struct {
	Size     Size
	VMDK     string
	Bytes    int64 // of the VMDK file
	Capacity int64 // of the disk in it
	Network  string
}

// virtualSize is the size of the disk in an image, in bytes.
func virtualSize(ctx context.Context, image string) (int64, error) {
	out, err := exec.CommandContext(ctx, "qemu-img", "info", "--output=json", image).Output()
	if err != nil {
		return 0, fmt.Errorf("looking into %s: %w", image, err)
	}
	var info struct {
		Bytes int64 `json:"virtual-size"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return 0, fmt.Errorf("looking into %s: %w", image, err)
	}
	return info.Bytes, nil
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("checksumming: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("checksumming %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeTar writes files of dir as a tar, in their order, that says nothing of who made it.
func writeTar(output, dir string, names ...string) (err error) {
	f, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("writing an OVA file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	for _, name := range names {
		if err := addFile(w, filepath.Join(dir, name), name); err != nil {
			return fmt.Errorf("writing an OVA file: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("writing an OVA file: %w", err)
	}
	return nil
}

func addFile(w *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Format: tar.FormatUSTAR, Name: name, Mode: 0o644, Size: info.Size(), ModTime: imageTime()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// imageTime is SOURCE_DATE_EPOCH, or the beginning of time.
func imageTime() time.Time {
	seconds, _ := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	return time.Unix(seconds, 0)
}
