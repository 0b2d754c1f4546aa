// Package builder tests jbuild as its users meet it: the program that `make build` has
// made, run by ordinary users, with a registry, base images of the distribution's own
// packages, and a repository of packages. The tests need the build tag e2e.
//
// As root they run as jbuild-test, who has no subordinate ids, and jbuild-test2, who
// has; integration/setup.sh makes both.
package builder
