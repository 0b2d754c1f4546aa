// Package starter begins an image with a list of software that a person has anyway:
// requirements.txt, pyproject.toml, environment.yml, an R DESCRIPTION, a Julia
// Project.toml, package.json, or apt.txt.
//
// # Use
//
//	plan, err := starter.Make(starter.Ask{Dir: os.DirFS(dir), Name: "requirements.txt", Bases: names})
//
// A Plan is only data: the base, files to copy, commands to run as root in the
// workspace one after the other, and variables for the image. Make reads files and does
// nothing else; the same files and bases give the same plan.
//
// # The base
//
// Images are known by the last part of their names, as Docker Hub has them (python,
// miniforge3, micromamba, r-ver, julia, node, debian, ubuntu …), and their version by
// the tag. An image made for the purpose is preferred to a distribution that can install
// what is needed, the newest version that fits to older ones. What the file wants of
// Python, R or Julia (requires-python, Depends, compat) is compared where the version is
// known: of a distribution's own software, too. Alpine's images are passed over, since
// ready-made packages do not run in them.
//
// # Where things go
//
// Not into a home, which jobs have their own of: Python packages into /opt/venv, conda's
// into /opt/env, Julia's into /opt/julia, npm's into /opt/app, R's into the site's
// library. PATH and a few variables of the image lead there. The lists themselves are
// kept in /usr/local/share/jbuild, or where their tools want them.
//
// # How commands are written
//
// They ask nothing, leave no caches, and fail when something is missing (R only warns,
// so a second step checks). Proxies and certificates come by the usual variables
// (https_proxy, SSL_CERT_FILE) and are handed on under the names that each tool knows;
// mirrors likewise (PIP_INDEX_URL, CONDA_CHANNEL_ALIAS, CRAN, JULIA_PKG_SERVER,
// npm_config_registry). Nothing of the machine is written into the image.
//
// # Reading
//
// YAML, TOML and JSON are read by libraries. For requirements files, apt.txt and R's
// control format there is none in Go that says lines; they are small, and read here by
// their documentation, and fuzzed. What cannot be understood is an error with its line
// and never guessed. Passwords and tokens in addresses are refused: they would be in the
// image.
//
// # What it does not do
//
// It copies no packages from the machine (./mypackage, file:): such lines are left out
// and said. It knows which libraries of the distribution well-known packages need, and
// not those of all. It does not resolve: versions are chosen by the tools.
package starter
