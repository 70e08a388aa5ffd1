# Short front for Meson: every target people type, and nothing else.
BUILD ?= build
PREFIX ?= /usr/local
MESON ?= meson

.PHONY: all deps run test bench fuzz lint deb install uninstall clean test-vm

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja: | deps
	@for source in grammar llhttp; do tools/fetch-source $$source >/dev/null || exit 1; done
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

# A Debian package in build-deb/.
deb:
	@tools/install-deps deb
	@for source in grammar llhttp; do tools/fetch-source $$source >/dev/null || exit 1; done
	@test -f build-deb/tree/build.ninja || $(MESON) setup build-deb/tree --buildtype=release --prefix=/usr >/dev/null
	@ninja -C build-deb/tree
	@packaging/make-deb build-deb/tree build-deb

install: all
	@mkdir -p "$(DESTDIR)$(PREFIX)" 2>/dev/null && test -w "$(DESTDIR)$(PREFIX)" || \
	  { echo "make: cannot write $(DESTDIR)$(PREFIX): use sudo, PREFIX= or DESTDIR=" >&2; exit 1; }
	@$(MESON) configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD) --quiet
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi
	@echo "Installed below $(DESTDIR)$(PREFIX)"

# What the last `make install` from this tree wrote.
uninstall:
	@ninja -C $(BUILD) uninstall | tail -4 | \
	    sed -n 's/^Deleted: \(.*\)/files removed: \1/p; s/^Failed: \([1-9].*\)/files left: \1/p'

clean:
	@rm -rf $(BUILD) build-*
