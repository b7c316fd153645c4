# What a person types here; every target sets up what it needs by itself.
PREFIX ?= $(HOME)/.local
STAGE := .build/stage
HUTCH := $(STAGE)/bin/hutch
export HUTCH_STORE ?= $(CURDIR)/cache

.PHONY: all setup build demo test lint format install uninstall recipes bench clean

all: build

setup:
	@scripts/setup

# bin, libexec and share, laid out as they are once installed.
build: setup
	@scripts/build $(STAGE)

# From recipes to a program that ran in a VM.
demo: build
	@scripts/demo $(HUTCH)

test: build
	@scripts/test $(HUTCH)

lint: setup
	@scripts/lint

format:
	swift format -i -r Package.swift Sources Tests

install: build
	@scripts/install $(STAGE) "$(DESTDIR)$(PREFIX)"

uninstall:
	rm -rf "$(DESTDIR)$(PREFIX)/bin/hutch" "$(DESTDIR)$(PREFIX)/libexec/hutch" \
	  "$(DESTDIR)$(PREFIX)/share/hutch"

# Builds and tries every recipe, and prints the table of docs/recipes.md.
recipes: build
	@scripts/recipes $(HUTCH)

# Tables of ratios, each against the tool that a person would use instead.
bench: build
	@Benchmarks/run $(HUTCH)

# Everything that was built; the store stays (`hutch gc`, or remove what is in cache).
clean:
	rm -rf .build
