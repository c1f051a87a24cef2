# residue: `make help` lists the targets.

CC ?= gcc
CXX ?= g++
BUILD ?= build
PREFIX ?= /usr/local
WARNINGS = -Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes $(if $(CI),-Werror)
CFLAGS ?= -O2 -g
COMMON = -std=gnu11 -D_GNU_SOURCE -Iinclude -MMD -MP $(WARNINGS) $(CFLAGS)

ANALYZER_SRC = $(shell find analyzer -name '*.c' | sort)
PRELOAD_SRC = $(shell find preload -name '*.c' | sort)
UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT_HELPERS = $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
PROGRAM_C = $(wildcard tests/programs/*.c)
PROGRAM_CC = $(wildcard tests/programs/*.cc)

ANALYZER_OBJ = $(ANALYZER_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/profile.pb-c.o
PRELOAD_OBJ = $(PRELOAD_SRC:%.c=$(BUILD)/obj/%.o)
UNIT_OBJ = $(UNIT_SRC:%.c=$(BUILD)/obj/%.o) $(UNIT_HELPERS:%.c=$(BUILD)/obj/%.o)
ADDONS = $(BUILD)/addons/origins.node $(BUILD)/addons/origins-dlsym.node
PROGRAMS = $(PROGRAM_C:tests/programs/%.c=$(BUILD)/programs/%) $(PROGRAM_CC:tests/programs/%.cc=$(BUILD)/programs/%)

ANALYZER_LIBS = -lm -lzstd -ldw -lelf -liberty -ljansson -lprotobuf-c
# zstd is linked in and hidden: node 22 and later export a zstd of their own, which would take its place.
PRELOAD_LIBS = -l:libzstd.a -Wl,--exclude-libs,ALL -lZydis -ldl -lpthread

.PHONY: all demo test prove mutate bench asan tsan fuzz install dist npm help clean setup programs unit format corpus sanitized
.DEFAULT_GOAL = all

# The first thing that would be missed.
ifneq ($(filter all install dist npm,$(or $(MAKECMDGOALS),all)),)
ifeq ($(wildcard analyzer/web/node_modules),)
$(error `make setup` comes first: it installs libraries from Debian, as root or by sudo, and npm packages into this folder)
endif
endif

# One short line a step; `make V=1` shows the commands.
Q = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1) $@")

all: $(BUILD)/residue $(BUILD)/libresidue.so ## build build/residue and build/libresidue.so (the default)

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: ## install what the build needs, from Debian as root or by sudo, and from npm
	@scripts/setup build

demo: ## set up, build, trace a leaking worker that uses sharp, print the report
	@scripts/setup build
	@$(MAKE) --no-print-directory all
	@scripts/demo

test: ## set up, build, run every test in its short form
	@scripts/setup test
	@$(MAKE) --no-print-directory all programs unit sanitized
	@scripts/test

prove: ## the long forms of the tests: 500 kills, 10 million blocks, arming, soaks
	@scripts/setup prove
	@$(MAKE) --no-print-directory all programs unit sanitized
	@RESIDUE_PROVE=1 scripts/test
	@scripts/mutate

mutate: ## take each protection out of the recorder and see its tests fail (10 minutes)
	@scripts/setup test
	@$(MAKE) --no-print-directory all programs unit corpus
	@scripts/mutate

bench: ## cost beside heaptrack, jemalloc and no tracer, into tests/bench/RESULTS.md (15 minutes)
	@scripts/setup bench
	@$(MAKE) --no-print-directory all programs
	@scripts/bench

# What scripts/test runs under sanitizers: quietly, and only what has changed since.
SANITIZED = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ASAN = BUILD=build/asan CFLAGS="$(SANITIZED)"
TSAN = BUILD=build/tsan CFLAGS="-O1 -g -fsanitize=thread -Wno-tsan" # it says that it cannot follow fences

asan: ## unit tests, fuzz corpus and analyzer under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup test
	@$(MAKE) --no-print-directory all programs sanitized
	@build/asan/unit
	@scripts/test sanitizers

tsan: ## the recording protocol and the analyzer's threads under ThreadSanitizer
	@scripts/setup test
	@$(MAKE) --no-print-directory all programs sanitized
	@scripts/test sanitizers

sanitized: corpus
	@$(MAKE) --no-print-directory $(ASAN) build/asan/unit build/asan/corpus build/asan/residue
	@$(MAKE) --no-print-directory $(TSAN) build/tsan/protocol build/tsan/residue

# Built apart: libFuzzer's needs clang, AFL++'s its own compiler. FUZZ_ENGINE=afl chooses the second.
fuzz: ## fuzz each target for FUZZ_SECONDS (60) seconds; FUZZ_ENGINE=afl does so by AFL++
	@scripts/setup $(if $(filter afl,$(FUZZ_ENGINE)),fuzz,test)
	@$(MAKE) --no-print-directory $(FUZZ_BUILD_$(or $(FUZZ_ENGINE),libfuzzer))
	@scripts/fuzz

FUZZ_BUILD_libfuzzer = CC=clang BUILD=build/libfuzzer CFLAGS="$(SANITIZED) -fsanitize=fuzzer-no-link" build/libfuzzer/fuzz
FUZZ_BUILD_afl = CC=afl-clang-fast BUILD=build/afl CFLAGS="$(SANITIZED)" build/afl/fuzz

install: all $(BUILD)/residue.1 ## install to PREFIX (default /usr/local): commands, man page, completion
	install -D -m 755 $(BUILD)/residue $(DESTDIR)$(PREFIX)/bin/residue
	install -D -m 644 $(BUILD)/libresidue.so $(DESTDIR)$(PREFIX)/lib/residue/libresidue.so
	install -D -m 644 $(BUILD)/residue.1 $(DESTDIR)$(PREFIX)/share/man/man1/residue.1
	install -D -m 644 scripts/completion/residue.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/residue
	install -D -m 644 scripts/completion/_residue $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_residue

dist: all $(BUILD)/residue.1 $(BUILD)/made/residue ## one folder with all that residue needs but libc, to copy into a container
	@scripts/dist $(BUILD)

npm: all $(BUILD)/residue.1 $(BUILD)/made/residue ## that folder as a package for npm install
	@scripts/npm-package $$(scripts/dist $(BUILD)) $(BUILD)

format: ## run clang-format over the C sources
	@find analyzer preload include tests -name '*.[ch]' -not -path '*/node_modules/*' | xargs clang-format -i

clean: ## remove what was built
	rm -rf $(BUILD)

$(BUILD)/residue.1: $(BUILD)/residue scripts/man
	$(call say,GEN)
	$(Q)scripts/man $(BUILD)/residue > $@

programs: $(PROGRAMS) $(ADDONS)
unit: $(BUILD)/unit

$(BUILD)/residue: $(ANALYZER_OBJ)
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(ANALYZER_LIBS)

# For `make dist`: finds its libraries beside the recorder, and so do they theirs, which is what the older tag is for.
$(BUILD)/made/residue: $(ANALYZER_OBJ)
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(ANALYZER_LIBS) -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib/residue'

$(BUILD)/libresidue.so: $(PRELOAD_OBJ) $(BUILD)/exports.map
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -shared -Wl,--version-script=$(BUILD)/exports.map -Wl,-z,now -Wl,-rpath,'$$ORIGIN' -o $@ $(PRELOAD_OBJ) $(PRELOAD_LIBS)

$(BUILD)/exports.map: preload/exports.map.in preload/hooks.def
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) -E -P -x c -o $@ $<

# Of the recorder, what stands on its own: the writer, the unwinder, and the reader of V8's objects.
UNIT_PRELOAD = $(filter $(BUILD)/obj/preload/unwind/% $(BUILD)/obj/preload/js/%,$(PRELOAD_OBJ)) $(patsubst %,$(BUILD)/obj/preload/%.o,log frame nursery late sys clock)

$(BUILD)/unit: $(UNIT_OBJ) $(filter-out %/main.o,$(ANALYZER_OBJ)) $(UNIT_PRELOAD) $(BUILD)/obj/preload/stacks.o
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(ANALYZER_LIBS) -l:libzstd.a -lZydis -lcriterion -ldl

# The fuzz targets (tests/fuzz): `corpus` runs what is kept, `fuzz` is the same under libFuzzer or AFL++ (scripts/fuzz).
FUZZ_SRC = $(filter-out %/driver.c %/libfuzzer.c %/protocol.c,$(wildcard tests/fuzz/*.c))
FUZZ_OBJ = $(FUZZ_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/tests/unit/trace_writer.o $(UNIT_PRELOAD) \
           $(patsubst %,$(BUILD)/obj/preload/%.o,record sample addresses say sealer) $(filter-out %/main.o,$(ANALYZER_OBJ))
FUZZ_LIBS = $(ANALYZER_LIBS) -l:libzstd.a -lZydis -ldl

corpus: $(BUILD)/corpus

$(BUILD)/corpus: $(BUILD)/obj/tests/fuzz/driver.o $(FUZZ_OBJ)
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(FUZZ_LIBS)

# The recording protocol with threads, made for ThreadSanitizer.
PROTOCOL_OBJ = $(patsubst %,$(BUILD)/obj/tests/fuzz/%.o,protocol recorder_parts ledger) \
               $(patsubst %,$(BUILD)/obj/preload/%.o,record sample addresses say sealer nursery late log frame sys clock) $(filter-out %/main.o,$(ANALYZER_OBJ))
$(BUILD)/protocol: $(PROTOCOL_OBJ)
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(FUZZ_LIBS)

$(BUILD)/fuzz: $(BUILD)/obj/tests/fuzz/libfuzzer.o $(FUZZ_OBJ)
	$(call say,LD )
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

$(BUILD)/obj/analyzer/%.o: analyzer/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) $(COMMON) -Ianalyzer -I$(BUILD)/made -Wa,-I$(BUILD)/made -c -o $@ $<

$(BUILD)/made/profile.pb-c.c $(BUILD)/made/profile.pb-c.h &: analyzer/export/profile.proto
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)protoc-c --proto_path=analyzer/export --c_out=$(BUILD)/made profile.proto

$(BUILD)/obj/profile.pb-c.o: $(BUILD)/made/profile.pb-c.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) -O2 -c -o $@ $<

$(BUILD)/obj/analyzer/export/pprof.o: $(BUILD)/made/profile.pb-c.h

# The page of `residue html`, bundled from analyzer/web and put into the analyzer as it is.
$(BUILD)/made/page.html: analyzer/web/build.js analyzer/web/package-lock.json $(wildcard analyzer/web/src/*)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)node analyzer/web/build.js $@

$(BUILD)/obj/analyzer/report/html.o: $(BUILD)/made/page.html

$(BUILD)/obj/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) $(COMMON) -Ipreload -fPIC -fvisibility=hidden -fno-omit-frame-pointer -ftls-model=initial-exec -c -o $@ $<

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) $(COMMON) -Ianalyzer -Ipreload -Itests/unit -DSOURCE_DIR='"$(CURDIR)"' -c -o $@ $<

# A program that needs more to link says so in its first line: // link: -lfoo
$(BUILD)/programs/%: tests/programs/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -g -pthread -o $@ $< $$(sed -n '1s,^// link: ,,p' $<) -ldl

$(BUILD)/programs/%: tests/programs/%.cc
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) -std=c++17 -Wall -Wextra -O1 -g -pthread -o $@ $< $$(sed -n '1s,^// link: ,,p' $<) -ldl

# An addon is lazily bound and imports node's functions; its twin is bound at once and looks them up.
$(BUILD)/addons/%.node: tests/addons/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -g -pthread -shared -fPIC -Wl,-z,lazy -o $@ $<

$(BUILD)/addons/%-dlsym.node: tests/addons/%.c
	@mkdir -p $(@D)
	$(call say,CC )
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -O1 -g -pthread -shared -fPIC -Wl,-z,now -DLOOK_UP -o $@ $< -ldl

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
