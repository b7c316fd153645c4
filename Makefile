# What a person types here; every target sets up what it needs by itself.
PREFIX ?= $(HOME)/.local
STAGE := .build/stage
HUTCH := $(STAGE)/bin/hutch
export HUTCH_STORE ?= $(CURDIR)/cache

.PHONY: all setup build demo test lint format install uninstall bench clean

all: build

setup:
	@scripts/setup

# bin, libexec and share, laid out as they are once installed.
build: setup
	@scripts/build $(STAGE)

demo: build
	@scripts/demo $(HUTCH)

test: build
	@scripts/test $(HUTCH)

lint:
	swift format lint --strict -r Package.swift Sources Tests
	swift build --explicit-target-dependency-import-check error

format:
	swift format -i -r Package.swift Sources Tests

install: build
	@scripts/install $(STAGE) "$(DESTDIR)$(PREFIX)"

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/bin/hutch" "$(DESTDIR)$(PREFIX)/libexec/hutch" \
	  "$(DESTDIR)$(PREFIX)/share/hutch"

bench: build
	@Benchmarks/run $(HUTCH)

clean:
	rm -rf .build .build-guest
