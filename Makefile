# `make` prints the targets. Everything here works from a clean checkout.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
# The site's values for the virtual machine.
SITE    ?= vmtemplate/vm/site.toml

# image/v5 and libcontainer have parts that need C libraries or daemons; these
# tags leave them out. netgo and osusergo keep the C library's resolver out of a
# static program.
TAGS    := containers_image_openpgp,exclude_graphdriver_btrfs,netgo,osusergo
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.buildVersion=$(VERSION) -linkmode external -extldflags "-static"
# Most of a conversion is spent in libzstd.
export CGO_CFLAGS := -O3
export GOFLAGS := -buildvcs=false -tags=$(TAGS)

.DEFAULT_GOAL := help
.PHONY: help build test e2e lint bench demo soak vm-image vm-test fmt install man clean web screenshots

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/jrun, bin/jbuild and bin/jadm, one static binary each
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o cmd/jrun/jrun-stages ./cmd/jrun-stages
	CGO_ENABLED=1 $(GO) build -trimpath -tags=$(TAGS),stages -ldflags '$(LDFLAGS)' -o bin/jrun ./cmd/jrun
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jbuild ./cmd/jbuild
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jadm ./cmd/jadm

test: ## install what the tests need and run them all
	integration/setup.sh test
	$(MAKE) build
	$(GO) vet -tags=$(TAGS),e2e,vm ./...
	$(GO) test -timeout 30m ./...
	$(GO) test -tags=$(TAGS),e2e -timeout 40m -count 1 -p 1 ./integration ./integration/builder ./integration/admin ./integration/web

e2e: build ## run only the end-to-end tests, against what is built
	$(GO) test -tags=$(TAGS),e2e -timeout 40m -count 1 -p 1 -v ./integration ./integration/builder ./integration/admin ./integration/web

# The linter's cache does not tell two checkouts apart.
lint: export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/lint-cache
lint: ## check style and common mistakes
	integration/setup.sh lint
	PATH="$$($(GO) env GOPATH)/bin:$$PATH" golangci-lint run ./...
	shellcheck integration/*.sh integration/images/*.sh vmtemplate/vm/*.sh vmtemplate/vm/machine/*.sh vmtemplate/vm/machine/files/usr/local/sbin/* .ci/run

bench: ## measure against other tools and print the tables of docs/benchmarks.md
	integration/setup.sh bench
	$(MAKE) build
	$(GO) run ./integration/bench
	$(GO) test -tags=$(TAGS),e2e -count 1 -run '^$$' -bench . -benchtime 20x ./integration/web

demo: ## a registry, an image and a command run inside it, all on this machine
	integration/setup.sh demo
	$(MAKE) build
	$(GO) run ./integration/demo

web: ## build the page of jbuild web from its sources (needs npm)
	cd vmtemplate/web/page && npm ci --no-audit --no-fund && node build.mjs
	cp vmtemplate/web/page/node_modules/axe-core/axe.min.js integration/web/testdata/

screenshots: ## look at every view of the page: docs/screenshots (needs Chromium)
	rm -rf docs/screenshots
	$(GO) test -tags=$(TAGS),e2e -timeout 20m -count 1 ./integration/web -args -screenshots $(CURDIR)/docs/screenshots

soak: ## fuzz every parser for ten minutes each, then the long fault campaigns
	integration/soak.sh

# Its files have many owners, so that root must make it.
vm-image: build ## build bin/vm/jbuild.qcow2 and .ova, the users' virtual machine, from Debian's packages (as root)
	integration/setup.sh vm
	vmtemplate/vm/image.sh bin/vm/jbuild.qcow2
	$(GO) run ./vmtemplate/vm/tool ova --site $(SITE) bin/vm/jbuild.qcow2 bin/vm/jbuild.ova

vm-test: ## start what make vm-image has built in QEMU and make an image in it
	integration/setup.sh vm
	$(GO) test -tags=$(TAGS),vm -timeout 40m -count 1 -v ./integration/vm

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

man: ## write manual pages and shell completions to bin/share
	$(GO) run -tags=$(TAGS),docs ./cmd/jrun man bin/share/man/man1
	$(GO) run -tags=$(TAGS),docs ./cmd/jbuild man bin/share/man/man1
	$(GO) run -tags=$(TAGS),docs ./cmd/jadm man bin/share/man/man1
	mkdir -p bin/share/bash-completion/completions bin/share/zsh/site-functions bin/share/fish/vendor_completions.d
	for program in jrun jbuild jadm; do \
	  bin/$$program completion bash > bin/share/bash-completion/completions/$$program && \
	  bin/$$program completion zsh > bin/share/zsh/site-functions/_$$program && \
	  bin/$$program completion fish > bin/share/fish/vendor_completions.d/$$program.fish || exit; \
	done

install: build man ## install under $(PREFIX)
	install -D -m 0755 bin/jrun $(DESTDIR)$(PREFIX)/bin/jrun
	install -D -m 0755 bin/jbuild $(DESTDIR)$(PREFIX)/bin/jbuild
	install -D -m 0755 bin/jadm $(DESTDIR)$(PREFIX)/bin/jadm
	mkdir -p $(DESTDIR)$(PREFIX)/share
	cp -R bin/share/. $(DESTDIR)$(PREFIX)/share/

clean: ## remove what was built
	rm -rf bin
