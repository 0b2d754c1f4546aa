// Package vm starts the users' virtual machine, which make vm-image has built, in QEMU, and
// makes an image in it as its user would: over ssh, against a registry on this side of
// QEMU's network, with a certificate that only cloud-init makes the machine trust. Then jrun
// runs the image out here. The tests need the build tag vm; make vm-test gives it.
//
//	VM_IMAGE     another image than bin/vm/jbuild.qcow2
//	VM_FIRMWARE  bios or uefi; both if it is empty, and everything but a start on bios only
//	VM_ACCEL     kvm or tcg; what works if it is empty
package vm
