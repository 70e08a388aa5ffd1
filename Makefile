# Short front for Meson: every target people type, and nothing else.
BUILD ?= build
PREFIX ?= /usr/local
MESON ?= meson

.PHONY: all deps run test bench fuzz lint install clean test-vm escape

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja: | deps
	@$(MESON) setup $(BUILD) --buildtype=release --prefix=$(PREFIX) >/dev/null

# Installs what the build needs, if anything is missing.
deps:
	@tools/install-deps build

run: all
	@tools/install-deps run
	@tools/tour $(BUILD)/belljar

test:
	@tools/install-deps test
	@tests/run-all

bench:
	@tools/install-deps bench
	@bench/run

fuzz:
	@tools/install-deps fuzz
	@fuzz/run

lint:
	@tools/install-deps lint
	@tools/lint

test-vm: all
	@tools/install-deps vm
	@tests/vm/run

install: all
	@DESTDIR=$(DESTDIR) $(MESON) configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD) --quiet

clean:
	@rm -rf $(BUILD) build-*
