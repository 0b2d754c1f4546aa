// Package vmtemplate is the builder's part of the house: what runs in a user's own
// virtual machine, where images are made. The packages below it are:
//
//	message     every text a person reads, in English and Japanese
//	site        jbuild.toml
//	change      what a session did to a file system
//	rootless    becoming root of a user namespace, with or without subordinate ids
//	inside      running a program as root of a mounted file system
//	workspace   images being made: they persist, one directory of storage for each user
//	inventory   which packages a file system has
//	recipe      a session as a Dockerfile and a lock
//	secret      what must not get into an image
//	dockerfile  Dockerfiles
//	starter     requirements.txt, environment.yml and the like, as the beginning of an image
//	registry    speaking to a registry: logins, pauses, refusals in words
//	upload      images to a registry
//	bases       images to begin with
//	trial       an image as jrun will run it
//	check       will it run under jrun
//	workshop    what one does with workspaces: all of the above together
//	jobscript   the script for the batch system
//	guide       the same for the guided session
//	flow        the guided session, whatever shows it
//	terminal    the guided session on a terminal
//	doctor      can images be made on this machine
//	vm          the virtual machine: a site's values, and what is rendered from them
//	cloud-init  templates for its first start
//	packer      templates for building it inside a hypervisor
//	aria        templates for a portal
//	web         the guided session as a page in a browser
package vmtemplate
