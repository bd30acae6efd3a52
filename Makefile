# tacit: `make` builds build/tacit and build/libtacit.{a,so}; `make help` lists the rest.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

CC      ?= cc
ifeq ($(origin CC),default)
CC      := gcc
endif
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
OPT     ?= -O2 -g
WERROR  ?= -Werror
SAN     ?=
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.1.0)

PKGS    := jansson yaml-0.1 libpcre2-8 libutf8proc sqlite3
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wformat=2 -Wdouble-promotion $(WERROR)
# pkg-config is asked when a recipe runs, after tools/deps.sh has installed it.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))
CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE -DTACIT_VERSION='"$(VERSION)"' -DTACIT_PREFIX='"$(PREFIX)"'
CFLAGS_ALL = -std=c11 $(OPT) -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fopenmp \
             $(WARN) $(SAN) $(PKG_CFLAGS) $(CFLAGS)
LIBS       = $(PKG_LIBS) -lunistring -lpthread -lm -ldl

# Sources compiled more than once: the kernels for each instruction set, the reference for two precisions.
KERN    := $(wildcard src/backend/kern_*.c)
REF     := src/backend/ref.c
LIB_SRC := $(filter-out $(KERN) $(REF),$(wildcard src/base/*.c src/format/*.c src/stats/*.c \
           src/backend/*.c src/tokenizer/*.c src/model/*.c src/tune/*.c src/task/*.c src/run/*.c \
           src/train/*.c src/interpret/*.c src/report/*.c src/api/*.c src/study/*.c))
CLI_SRC := $(wildcard src/cli/*.c)
OBJ     := $(LIB_SRC:src/%.c=$(BUILD)/obj/%.o)
ARCH    := $(shell uname -m)
KERN_ISA := portable $(if $(filter x86_64,$(ARCH)),avx2 avx512)
FLAGS_portable :=
FLAGS_avx2     := -mavx2 -mfma -mf16c
FLAGS_avx512   := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c -mprefer-vector-width=512
OBJ     += $(foreach isa,$(KERN_ISA),$(KERN:src/%.c=$(BUILD)/obj/%.$(isa).o))
ifneq ($(wildcard $(REF)),)
OBJ     += $(BUILD)/obj/backend/ref_f32.o $(BUILD)/obj/backend/ref_f64.o
endif
CLI_OBJ := $(CLI_SRC:src/%.c=$(BUILD)/obj/%.o)
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))

.PHONY: all deps demo model check bench build-tests bench-peers bench-scaling bench-venv install uninstall format lint layers asan valgrind mutants interop clean help
all: $(BUILD)/tacit $(BUILD)/libtacit.a $(BUILD)/libtacit.so

help:
	@echo 'make            build $(BUILD)/tacit and the library (installs missing packages first)'
	@echo 'make demo       train, evaluate and read a soft prompt of the model inside the program'
	@echo 'make model      pretrain that model again, from nothing'
	@echo 'make check      build and run every test'
	@echo 'make bench      matrix products beside OpenBLAS, passes through a model, memory'
	@echo 'make bench-peers MODEL=DIR DATA=DIR   beside PEFT and TRL, into docs/PERFORMANCE.md (network, hours; goes on)'
	@echo 'make bench-scaling   what a step costs against batch, prompt, text, model, threads, into docs/performance/'
	@echo 'make install    PREFIX=$(PREFIX), DESTDIR=$(DESTDIR)'
	@echo 'make format     clang-format in place;  make lint: static checks'
	@echo 'make asan       the tests under AddressSanitizer and UBSan;  make valgrind: under valgrind'
	@echo 'make interop    adapters of every method to PEFT and back, with the newest packages (network)'
	@echo 'make mutants    spoils a copy of the sources line by line: the tests must notice (ten minutes)'

# One stamp a build folder: the packages are looked for once, before anything is compiled.
$(BUILD)/deps.ok: tools/deps.sh
	@mkdir -p $(@D)
	@tools/deps.sh
	@touch $@
deps: $(BUILD)/deps.ok

# The model inside the program, where there is one (src/base/embedded.h).
EMBED_DIR := demo/model
ifneq ($(wildcard $(EMBED_DIR)/model.safetensors),)
$(BUILD)/obj/base/embedded.o: CPPFLAGS += -DTAC_EMBED_DIR='"$(EMBED_DIR)"'
$(BUILD)/obj/base/embedded.o: $(wildcard $(EMBED_DIR)/*)
endif

$(BUILD)/obj/study/store.o: src/study/schema.sql
# The report's page holds D3 and its own style and script.
D3 ?= /usr/share/nodejs/d3/dist/d3.min.js
export D3
$(D3): | $(BUILD)/deps.ok ;
$(BUILD)/obj/report/page.o: CPPFLAGS += -DTAC_D3='"$(D3)"'
$(BUILD)/obj/report/page.o: src/report/page.css src/report/page.js src/report/d3.txt $(D3)
$(BUILD)/obj/report/figures.o: src/report/figure.css

COMPILE = @mkdir -p $(@D) && echo '  CC $@' && $(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP

define KERN_RULE
$(BUILD)/obj/%.$(1).o: src/%.c | $(BUILD)/deps.ok
	$$(COMPILE) -O3 $(FLAGS_$(1)) -DTAC_ISA=$(1) -DTAC_ISA_$(1) -c $$< -o $$@
endef
$(foreach isa,$(KERN_ISA),$(eval $(call KERN_RULE,$(isa))))
$(BUILD)/obj/backend/ref_f32.o: $(REF) | $(BUILD)/deps.ok
	$(COMPILE) -DTAC_REAL=float -c $< -o $@
$(BUILD)/obj/backend/ref_f64.o: $(REF) | $(BUILD)/deps.ok
	$(COMPILE) -DTAC_REAL=double -DTAC_REAL_F64 -c $< -o $@
$(BUILD)/obj/%.o: src/%.c | $(BUILD)/deps.ok
	$(COMPILE) -c $< -o $@

$(BUILD)/libtacit.a: $(OBJ)
	@rm -f $@ && ar rcs $@ $(OBJ) && echo '  AR $@'
$(BUILD)/libtacit.so: $(OBJ)
	@$(CC) -shared $(SAN) -fopenmp -Wl,-soname,libtacit.so.0 -o $@ $(OBJ) $(LIBS) $(LDFLAGS) && echo '  LD $@'
$(BUILD)/tacit: $(CLI_OBJ) $(BUILD)/libtacit.a
	@$(CC) $(SAN) -fopenmp -o $@ $(CLI_OBJ) $(BUILD)/libtacit.a $(LIBS) $(LDFLAGS) && echo '  LD $@'

$(BUILD)/tests/%: tests/%.c $(BUILD)/libtacit.a | $(BUILD)/deps.ok
	$(COMPILE) -Itests -o $@ $< $(BUILD)/libtacit.a $(LIBS) $$(pkg-config --cflags --libs cmocka) $(LDFLAGS)
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(BUILD)/libtacit.a | $(BUILD)/deps.ok
	$(COMPILE) -o $@ $< tests/fuzz/replay.c $(BUILD)/libtacit.a $(LIBS) $(LDFLAGS)
$(BUILD)/examples/%: examples/%.c $(BUILD)/libtacit.a | $(BUILD)/deps.ok
	$(COMPILE) -o $@ $< $(BUILD)/libtacit.a $(LIBS) $(LDFLAGS)
# The micro-world's generator is a program of its own: libc alone, and no part of the library.
$(BUILD)/world: $(wildcard demo/world/*.c) demo/world/world.h
	@mkdir -p $(@D) && echo '  CC $@' && $(CC) $(CPPFLAGS) -std=c11 $(OPT) $(WARN) $(SAN) $(CFLAGS) -o $@ $(filter %.c,$^) $(LDFLAGS)
# The preloaded shims come before the sanitizer's runtime and know nothing of it.
$(BUILD)/crash.so $(BUILD)/oom.so: override SAN :=
$(BUILD)/crash.so $(BUILD)/oom.so: $(BUILD)/%.so: tests/%.c | $(BUILD)/deps.ok
	$(COMPILE) -shared -o $@ $< -ldl

# A browser and the sqlite3 program, for tests/report_test.sh.
$(BUILD)/test-deps.ok: tools/deps.sh | $(BUILD)/deps.ok
	@tools/deps.sh chromium sqlite3
	@touch $@
build-tests: $(BUILD)/test-deps.ok all $(TESTS) $(FUZZ) $(EXAMPLES) $(BUILD)/world $(if $(wildcard tests/crash.c),$(BUILD)/crash.so $(BUILD)/oom.so)
check: build-tests layers
	@BUILD=$(BUILD) tests/run.sh

demo: all $(BUILD)/world
	@BUILD=$(BUILD) demo/run.sh

# The model inside the program again, from nothing: about half an hour on 2 cores; it resumes.
model: all $(BUILD)/world
	@BUILD=$(BUILD) demo/make_model.sh

# A model of bloomz-560m's layers, but four of them and a small vocabulary: the shapes of the products are the same.
bench: all
	@tools/deps.sh libopenblas0-pthread
	@[ -d $(BUILD)/bench-model ] || $(BUILD)/tacit init-model --layers 4 --width 1024 --heads 16 --vocab 32768 \
	    --out $(BUILD)/bench-model
	@for t in 1 2; do env -u OPENBLAS_CORETYPE $(BUILD)/tacit bench --model $(BUILD)/bench-model --threads $$t || exit; done

layers:
	@tools/layers.sh

# gcc takes more than eight minutes for the portable kern_rows.c unless it is told not to optimise.
asan:
	@$(MAKE) check BUILD=build-asan/asan OPT='-O1 -g' FLAGS_portable=-O0 SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
valgrind: build-tests
	@BUILD=$(BUILD) WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' tests/run.sh
mutants:
	@tests/mutants.sh

# The newest releases each time; PYTHON makes the virtual environment.
PYTHON ?= python3
INTEROP_VENV ?= $(BUILD)/interop-venv
interop: all
	@[ -x $(INTEROP_VENV)/bin/python ] || $(PYTHON) -m venv $(INTEROP_VENV)
	@$(INTEROP_VENV)/bin/pip install --quiet --disable-pip-version-check --upgrade torch transformers peft safetensors numpy
	@$(INTEROP_VENV)/bin/python tools/interop.py --tacit $(BUILD)/tacit $(INTEROP_FLAGS)

# What the Python stack takes for the same work. Its versions stay, so that a run can go on; remove the folder for newer ones.
BENCH_VENV ?= $(BUILD)/bench-venv
BENCH = --python $(BENCH_VENV)/bin/python --tacit $(BUILD)/tacit --root $(BUILD)/bench $(BENCH_FLAGS)
bench-venv:
	@[ -x $(BENCH_VENV)/bin/python ] || $(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check torch transformers peft trl datasets safetensors numpy
bench-peers: all $(BUILD)/world bench-venv
	@$(PYTHON) tools/bench_peers.py $(if $(MODEL),--model $(MODEL)) $(if $(DATA),--data $(DATA)) $(BENCH)
bench-scaling: all bench-venv
	@$(PYTHON) tools/bench_scaling.py $(BENCH)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')
lint:
	@tools/lint.sh

include tools/install.mk

clean:
	rm -rf build build-asan

-include $(OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(addsuffix .d,$(TESTS) $(FUZZ) $(EXAMPLES))
