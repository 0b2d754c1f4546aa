// Package vm is the template of a user's own virtual machine, in which images are made:
// one definition, from which everything is rendered that a hypervisor or a portal wants.
//
// # What is where
//
//	site.toml      every value that a site must set, with comments: the only file to edit
//	machine/       the machine itself, which is the same everywhere: packages, files, setup.sh
//	image.sh       machine/ as a disk image, from Debian's packages (make vm-image)
//	../cloud-init  the site's and the user's part, for the first start
//	../packer      machine/ brought up to date inside vSphere or QEMU
//	../aria        the catalogue item of a portal, and its lease
//	tool           the program that renders, makes seeds and OVA files
//
// # Invariants
//
//   - An image holds nothing of a site and no secret: no password, no key, no machine-id,
//     no ssh host key. So one image serves all sites, and may lie about.
//   - What a site sets is in site.toml only, and is checked before anything is written: the
//     machine that starts with a wrong value starts in somebody else's hands.
//   - No root daemon is ours: the page and the report are units of the user's own systemd.
//
// docs/vm.md is for those who run it.
package vm
