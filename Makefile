# duet: `make train` and `make test` do everything on a fresh machine; `make help` lists the rest.
GO ?= go
CONFIG ?=
BATCH ?= 32
PRECISION ?= fp32
DEVICES ?= auto
FUZZTIME ?= 20s
FUZZED ?= ./...

# The build tags of this machine, found after `deps` has had its chance: dnnl where oneDNN is, turbo where libjpeg-turbo
# is, without either none (pure Go).
tags = $$({ scripts/has-dnnl.sh && echo dnnl; scripts/has-turbo.sh && echo turbo; } | paste -s -d ' ' -)
say_tags = echo "build tags: $${tags:-none (pure Go: slow; see make doctor)}" >&2

# The same for every build, so that what is compiled for one serves all, gorgonia.org/cu being a part of it or not: its
# header and what it is linked to are found in build/gpu (kernels/targets.mk).
ifeq ($(findstring $(CURDIR)/build/gpu,$(CGO_LDFLAGS)),)
export CGO_CFLAGS := $(or $(CGO_CFLAGS),-g -O2) -I$(CURDIR)/build/gpu/include
export CGO_LDFLAGS := $(or $(CGO_LDFLAGS),-g -O2) -L$(CURDIR)/build/gpu
endif

# Where there are bin/duet and no sources, as in the image (docker/Dockerfile), what wants the program has nothing to
# build.
sources = $(wildcard go.mod)

.DEFAULT_GOAL := build
.PHONY: help help-all doctor deps build compile train test test-long test-board race fuzz mutants bench cross
.PHONY: test-image lint clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile $(more)
	@echo '  variables: CONFIG=file.toml RUN=name RESUME=1 ARGS="--set key=value"; FUZZTIME=10m;' \
	'SIM=fast trains on simulated GPUs; BATCH=32 PRECISION=fp32|bf16'

help-all: ## and what belongs to GPUs, to their simulator, and to comparisons with PyTorch and Pillow
	@$(MAKE) --no-print-directory help more="$(wildcard bench/targets.mk kernels/targets.mk)"

doctor: ## what this machine has, what is missing and how to get it
ifeq ($(sources),)
	@echo 'the program is built, and its sources are not here'; bin/duet version
else
	@$(GO) version || echo 'Go is missing: https://go.dev/dl'
	@if command -v $${CXX:-c++} >/dev/null; then $${CXX:-c++} --version | head -n 1; \
	else echo 'no C++ compiler: apt-get install g++'; fi
	@if scripts/has-dnnl.sh; then echo 'oneDNN: found; the CPU build is fast'; \
	else echo 'oneDNN: missing; duet is built in pure Go, slow: apt-get install libdnnl-dev g++'; fi
	@if scripts/has-turbo.sh; then echo 'libjpeg-turbo: found; images are decoded fast'; \
	else echo 'libjpeg-turbo: missing; images are decoded in pure Go, slow: apt-get install libjpeg-dev gcc'; fi
	@if scripts/has-gpu.sh; then echo 'NVIDIA GPU: found; duet is built with CUDA'; \
	else echo 'NVIDIA GPU: none; GPU=1 builds with CUDA all the same'; fi
	@if cuda=$$(scripts/deps-gpu.sh --find); then echo "CUDA toolkit: $$cuda"; \
	else echo 'CUDA toolkit: none; make deps-gpu fetches what duet needs of it'; fi
	@if torch=$$(bench/torch/python.sh --find 2>/dev/null); then \
	echo "PyTorch: $$($$torch -c 'import torch; print(torch.__version__)'); make test-torch compares with it"; \
	else echo 'PyTorch: not there; only make test-torch, bench-torch and bench-feed want it,' \
	'and install it into build/torch'; fi
	@if bench/pillow/python.sh --find >/dev/null 2>&1; then echo 'Pillow: found; make test-pillow compares with it'; \
	else echo 'Pillow: not there; only make test-pillow and bench-pillow want it, and install it:' \
	'apt-get install python3-pil python3-numpy'; fi
endif

deps:
	@scripts/deps.sh

build: $(if $(sources),compile) ## build bin/duet, with CUDA where there is an NVIDIA GPU (GPU=1: anyway, GPU=0: never)

compile: deps
	@if scripts/has-gpu.sh; then $(MAKE) --no-print-directory build-gpu; else \
	tags=$(tags); $(say_tags); $(GO) build -tags "$$tags" -o bin/duet ./cmd/duet; fi

train: $(if $(SIM),sim-$(SIM),build) ## train CONFIG; without one, quick.toml on images that the program draws
	$(if $(SIM),$(sim) $(SIM) )bin/duet train $(CONFIG) $(if $(RUN),--run $(RUN)) $(if $(RESUME),--resume) \
	$(if $(SIM),--set devices.tune=false) $(ARGS)

test: deps ## every test that this machine allows, under 4 minutes
	@tags=$(tags); $(say_tags); $(GO) test -tags "$$tags" ./...
	@if scripts/has-gpu.sh; then $(MAKE) --no-print-directory test-gpu; fi

test-long: deps ## the longer proofs: 200 steps and five kills, 200 random networks
	@tags=$(tags); $(say_tags); DUET_TEST_NETWORKS=200 $(GO) test -tags "$$tags long" -timeout 60m ./...

# The packages that start goroutines, and those that run devices and loaders; without the suite's single operations,
# each of which runs by itself, and without the sweeps that send the same goroutines through other keys and damages.
sweeps = TestResumeWith|TestFixedKeys|TestOtherRequestsAreRefused|TestDamagedStateIsMadeAgain
concurrent = ./engine/plan ./engine/model ./engine/train ./engine/checkpoint ./engine/metrics ./engine/backend/... \
	./dataloader ./dataloader/packed ./dataloader/prepare ./internal/disk/...

test-board: build ## the page of `duet board` in a browser while two runs train; UPDATE=1 draws docs/board.png anew
	@scripts/deps-browser.sh
	DUET_PROGRAM="$(CURDIR)/bin/duet" $(GO) test -tags browser -count 1 -timeout 20m -run TestBrowser \
		./cmd/duet/board $(if $(UPDATE),-update)

race: deps ## the race detector over everything that runs concurrently
	@tags=$$(scripts/has-turbo.sh && echo turbo); set -x; \
	$(GO) test -race -tags "$$tags" -skip 'TestConformance/.*/op|$(sweeps)' $(concurrent)

# Inputs are made smaller in ten tries only: without that bound a slow target spends nearly all of its time on it. Each
# target has a core of its own. "context deadline exceeded" without a failing input is how go test sometimes ends when
# the time is over; it is no failure of the target.
fuzz: deps ## every fuzz target (of FUZZED packages) for FUZZTIME (20s), up to the first failure
	@tags=$(tags); $(say_tags); \
	found=$$($(GO) test -tags "$$tags" -list '^Fuzz' $(FUZZED)) || { echo "$$found" >&2; exit 1; }; \
	echo "$$found" | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	tags="$$tags" xargs -P "$$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c ' \
		said=$$($(GO) test -tags "$$tags" -run "^\$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x \
			-parallel 1 "$$0" 2>&1) || \
		{ echo "$$said" | grep -q "context deadline exceeded" && ! echo "$$said" | grep -q "Failing input"; } || \
		{ echo "$$said" >&2; exit 255; }; \
		echo "$$0 $$1: $$(echo "$$said" | grep -o "execs: [0-9]*" | tail -n 1)"'

# In pure Go, which links fastest. MUTANTS=100 SEED=2 draws more and others, PACKAGES="engine/plan" of some.
PACKAGES = engine/plan engine/op engine/model engine/train engine/checkpoint internal/disk \
	engine/backend/worker alexnet dataloader dataloader/packed dataloader/prepare dataloader/generated \
	dataloader/source dataloader/layout dataloader/tree dataloader/picture
MUTANTS ?= 20
SEED ?= 1

mutants: ## changes of one place that no test notices, MUTANTS (20) drawn of each package by SEED; hours
	$(GO) run ./scripts/mutants -n $(MUTANTS) -seed $(SEED) -quick 5s $(PACKAGES)

bench: build ## images/s and milliseconds a layer of the full AlexNet (DEVICES=dnnl:0, BATCH, PRECISION)
	bin/duet bench configs/alexnet.toml --devices $(DEVICES) --batch $(BATCH) --precision $(PRECISION)

test-image: sim-fast ## build the image without Docker, and train in it (as root on Debian or Ubuntu)
	@scripts/test-image.sh

# The most tags leave out two files, of dataloader/picture.
lint: deps ## gofmt, vet for all build tags, staticcheck of every file; clang-format; the length of lines
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'd: $$unformatted" >&2; exit 1; fi
	@scripts/lint.sh
	$(GO) vet ./...
	$(GO) tool staticcheck ./dataloader/picture
	@if scripts/has-turbo.sh; then set -ex; $(GO) vet -tags turbo ./dataloader/...; fi
	@tags=$(tags); if scripts/deps-gpu.sh --find >/dev/null; then $(MAKE) --no-print-directory build/gpu/libcuda.a; \
	tags="$$tags gpu sim"; fi; set -x; \
	$(GO) vet -tags "$$tags long browser" ./... && $(GO) tool staticcheck -tags "$$tags long browser" ./...

clean: ## remove what was built; runs, data and the fetched CUDA compiler stay
	rm -rf bin build/gpu build/gpu-bundle build/gpu-bundle.tar.gz build/gpu-results build/lab build/sim kernels/ptx/*.ptx

-include bench/targets.mk kernels/targets.mk
