# `make` prints the targets. Everything here works from a clean checkout.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=

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
.PHONY: help build test e2e lint bench demo soak fmt install man clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/jrun, bin/jbuild and bin/jadm, one static binary each
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o cmd/jrun/jrun-stages ./cmd/jrun-stages
	CGO_ENABLED=1 $(GO) build -trimpath -tags=$(TAGS),stages -ldflags '$(LDFLAGS)' -o bin/jrun ./cmd/jrun
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jbuild ./cmd/jbuild
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/jadm ./cmd/jadm

test: ## install what the tests need and run them all
	integration/setup.sh test
	$(MAKE) build
	$(GO) vet -tags=$(TAGS),e2e ./...
	$(GO) test ./...
	$(GO) test -tags=$(TAGS),e2e -timeout 40m -count 1 -p 1 ./integration ./integration/builder ./integration/admin

e2e: build ## run only the end-to-end tests, against what is built
	$(GO) test -tags=$(TAGS),e2e -timeout 40m -count 1 -p 1 -v ./integration ./integration/builder ./integration/admin

# The linter's cache does not tell two checkouts apart.
lint: export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/lint-cache
lint: ## check style and common mistakes
	integration/setup.sh lint
	PATH="$$($(GO) env GOPATH)/bin:$$PATH" golangci-lint run ./...
	shellcheck integration/*.sh integration/images/*.sh .ci/run

bench: ## measure against other tools and print the tables of docs/benchmarks.md
	integration/setup.sh bench
	$(MAKE) build
	$(GO) run ./integration/bench

demo: ## a registry, an image and a command run inside it, all on this machine
	integration/setup.sh demo
	$(MAKE) build
	$(GO) run ./integration/demo

soak: ## fuzz every parser for ten minutes each, then the long fault campaigns
	integration/soak.sh

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
