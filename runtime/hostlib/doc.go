// Package hostlib answers what a shared library of the host needs, and whether an
// image has it. It is for bringing drivers (package gpu) and MPI libraries of the
// host into images that were made elsewhere, perhaps years ago.
//
// # What is read
//
// An ELF file is read as ld.so(8) reads it: the program headers and the dynamic
// section, not the sections' headers, which may be stripped. Package debug/elf has
// the names and the structures, but reads everything at once and into memory, and a
// file of an image may be hostile; here every count and length has a limit.
//
// Of the host, [Host] reads /etc/ld.so.cache, and without one the directories of
// ld.so.conf. So a library is found where the host's own programs find it, in the
// right ELF class, without running ldconfig(8).
//
// # What fits
//
// A library that was linked on a system needs symbol versions of that system's C
// library: GLIBC_2.38, say. They are written in the library (.gnu.version_r), and
// the versions that a C library has are written in it (.gnu.version_d). Compared
// are these, never the numbers of releases alone: a library may be younger than the
// image and yet need only old versions, as drivers do, which are linked so on purpose.
//
// The C library and its family (libm, libpthread, the loader …) always are the
// image's. Its parts know each other's inner structures, so two of them cannot be
// mixed, and the loader is named in every program. The compiler's libraries
// (libstdc++, libgcc_s …) are the image's if they have what is needed, and otherwise
// the host's, which then are newer and have what the image's had.
//
// # What it does not do
//
// It does not look for symbols, only for their versions, as the loader does at a
// program's start. Libraries that are loaded by dlopen(3) are not named in a file;
// who brings a library must know them.
package hostlib
