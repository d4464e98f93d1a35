# duet: `make train` and `make test` do everything on a fresh machine; `make help` lists the rest.
GO ?= go
CONFIG ?=
BATCH ?= 32
PRECISION ?= fp32
FUZZTIME ?= 20s

# The build tags of this machine, found after `deps` has had its chance: dnnl where oneDNN is, turbo where libjpeg-turbo is,
# without either none (pure Go).
tags = $$({ scripts/has-dnnl.sh && echo dnnl; scripts/has-turbo.sh && echo turbo; } | paste -s -d ' ' -)
say_tags = echo "build tags: $${tags:-none (pure Go: slow; see make doctor)}" >&2

# Where there are bin/duet and no sources, as in the image (docker/Dockerfile), what wants the program has nothing to build.
sources = $(wildcard go.mod)

.DEFAULT_GOAL := build
.PHONY: help doctor deps build compile train test test-long test-torch test-pillow race fuzz mutants bench bench-torch bench-feed bench-pillow cross lint clean
.PHONY: deps-gpu kernels kernels-report build-gpu sim test-sim test-sim-fast test-sim-checked test-sim-ptx test-sim-long test-gpu gpu-bundle test-bundle lab test-lab test-image

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  variables: CONFIG=file.toml RUN=name RESUME=1 ARGS="--set key=value"; FUZZTIME=10m; SIM=fast trains on simulated GPUs; BATCH=32 PRECISION=fp32|bf16'

doctor: ## what this machine has, what is missing and how to get it
ifeq ($(sources),)
	@echo 'the program is built, and its sources are not here'; bin/duet version
else
	@$(GO) version || echo 'Go is missing: https://go.dev/dl'
	@if command -v $${CXX:-c++} >/dev/null; then $${CXX:-c++} --version | head -n 1; else echo 'no C++ compiler: apt-get install g++'; fi
	@if scripts/has-dnnl.sh; then echo 'oneDNN: found; the CPU build is fast'; \
	else echo 'oneDNN: missing; duet is built in pure Go, slow: apt-get install libdnnl-dev g++'; fi
	@if scripts/has-turbo.sh; then echo 'libjpeg-turbo: found; images are decoded fast'; \
	else echo 'libjpeg-turbo: missing; images are decoded in pure Go, slow: apt-get install libjpeg-dev gcc'; fi
	@if scripts/has-gpu.sh; then echo 'NVIDIA GPU: found; duet is built with CUDA'; else echo 'NVIDIA GPU: none; GPU=1 builds with CUDA all the same'; fi
	@if cuda=$$(scripts/deps-gpu.sh --find); then echo "CUDA toolkit: $$cuda"; else echo 'CUDA toolkit: none; make deps-gpu fetches what duet needs of it'; fi
	@if torch=$$(bench/torch/python.sh --find 2>/dev/null); then echo "PyTorch: $$($$torch -c 'import torch; print(torch.__version__)'); make test-torch compares with it"; \
	else echo 'PyTorch: not there; only make test-torch, bench-torch and bench-feed want it, and install it into build/torch'; fi
	@if bench/pillow/python.sh --find >/dev/null 2>&1; then echo 'Pillow: found; make test-pillow compares with it'; \
	else echo 'Pillow: not there; only make test-pillow and bench-pillow want it, and install it: apt-get install python3-pil python3-numpy'; fi
endif

deps:
	@scripts/deps.sh

build: $(if $(sources),compile) ## build bin/duet for what this machine has: with CUDA where there is an NVIDIA GPU (GPU=1: anyway, GPU=0: never)

compile: deps
	@if scripts/has-gpu.sh; then $(MAKE) --no-print-directory build-gpu; else \
	tags=$(tags); $(say_tags); $(GO) build -tags "$$tags" -o bin/duet ./cmd/duet; fi

train: $(if $(SIM),sim-$(SIM),build) ## train CONFIG; without one, quick.toml on images that the program draws
	$(if $(SIM),$(sim) $(SIM) )bin/duet train $(CONFIG) $(if $(RUN),--run $(RUN)) $(if $(RESUME),--resume) $(ARGS)

test: deps ## every test that this machine allows, under 4 minutes
	@tags=$(tags); $(say_tags); $(GO) test -tags "$$tags" ./...
	@if scripts/has-gpu.sh; then $(MAKE) --no-print-directory test-gpu; fi

test-long: deps ## the longer proofs: 200 steps and five kills, 200 random networks
	@tags=$(tags); $(say_tags); DUET_TEST_NETWORKS=200 $(GO) test -tags "$$tags long" -timeout 60m ./...

race: deps ## the race detector over everything that runs concurrently
	$(GO) test -race ./engine/... ./dataloader/... ./alexnet/... ./configs/... ./internal/...
	@if scripts/has-turbo.sh; then set -x; $(GO) test -race -tags turbo ./dataloader/picture; fi

# Inputs are made smaller in ten tries only: without that bound a slow target spends nearly all of its time on it. Each
# target has a core of its own. "context deadline exceeded" without a failing input is how go test sometimes ends when the
# time is over; it is no failure of the target.
fuzz: deps ## every fuzz target for FUZZTIME (20s), up to the first failure
	@tags=$(tags); $(say_tags); \
	found=$$($(GO) test -tags "$$tags" -list '^Fuzz' ./...) || { echo "$$found" >&2; exit 1; }; \
	echo "$$found" | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	tags="$$tags" xargs -P "$$(getconf _NPROCESSORS_ONLN)" -L 1 sh -c 'said=$$($(GO) test -tags "$$tags" -run "^\$$" -fuzz "^$$1\$$" \
		-fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 1 "$$0" 2>&1) || { echo "$$said" | grep -q "context deadline exceeded" && ! echo "$$said" | grep -q "Failing input"; } || { echo "$$said" >&2; exit 255; }; \
		echo "$$0 $$1: $$(echo "$$said" | grep -o "execs: [0-9]*" | tail -n 1)"'

# In pure Go, which links fastest. MUTANTS=100 SEED=2 draws more and others, PACKAGES="engine/plan" of some.
PACKAGES = engine/plan engine/op engine/train engine/checkpoint internal/disk engine/backend/worker alexnet dataloader dataloader/packed \
	dataloader/prepare dataloader/source dataloader/picture
MUTANTS ?= 20
SEED ?= 1

mutants: ## changes of one place that no test notices, MUTANTS (20) drawn of each package by SEED; hours
	$(GO) run ./scripts/mutants -n $(MUTANTS) -seed $(SEED) -quick 5s $(PACKAGES)

test-torch: build ## the same ten steps in PyTorch: losses and weights agree (installs PyTorch into build/torch)
	@devices=$$(scripts/has-dnnl.sh && echo dnnl:0 dnnl:0,dnnl:1); bench/torch/test.sh bin/duet $$devices reference:0 reference:0,reference:1

test-pillow: build ## prepared images agree with Pillow's (installs python3-pil; ARGS=FOLDER takes your photographs)
	@python=$$(bench/pillow/python.sh) && $$python bench/pillow/compare.py bin/duet $(ARGS)

bench: build ## images/s and milliseconds a layer of the full AlexNet
	bin/duet bench configs/alexnet.toml --devices dnnl:0 --batch $(BATCH) --precision $(PRECISION)

bench-torch: build ## PyTorch's and duet's training speed in turn, three networks (ARGS="--rounds 5")
	@python=$$(bench/torch/python.sh) && $$python bench/torch/bench.py bin/duet $(ARGS)

bench-feed: build ## how fast batches come, a PyTorch DataLoader's and duet's in turn (FEED=a packed set; makes one of 256x256 without)
	@python=$$(bench/torch/python.sh) && bench/torch/feed.sh bin/duet $$python "$(FEED)" $(ARGS)

bench-pillow: build ## Pillow's and duet's speed of preparing images in turn (ARGS="--rounds 5 FOLDER")
	@python=$$(bench/pillow/python.sh) && $$python bench/pillow/bench.py bin/duet $(ARGS)

# CUDA. The toolkit compiles the kernels to PTX and has the header that gorgonia.org/cu wants; the driver itself is found
# when the program starts (engine/backend/cuda/driver), so that this builds and tests where there is neither.
cuda = $$(scripts/deps-gpu.sh --find)
gpu_tags = $(tags) gpu
gpu_env = CGO_CFLAGS="-g -O2 -I$(cuda)/include" CGO_LDFLAGS="-L$(CURDIR)/build/gpu"
ptx = $(patsubst kernels/%.cu,kernels/ptx/%.ptx,$(wildcard kernels/*.cu))
NVCC_FLAGS = -std=c++17 -O3 --allow-unsupported-compiler -Werror all-warnings

deps-gpu: deps ## a CUDA compiler: the machine's, or a small one fetched into build/cuda
	@scripts/deps-gpu.sh

kernels: deps-gpu ## compile kernels/*.cu to PTX
	@$(MAKE) --no-print-directory -s $(ptx)

# A file that says "// Arch compute_80" needs that architecture; the others are for all from Volta on.
kernels/ptx/%.ptx: kernels/%.cu $(wildcard kernels/*.h)
	@arch=$$(sed -n 's|^// Arch  *||p' $< | head -n 1); echo "nvcc $< ($${arch:-compute_70})"; \
	$(cuda)/bin/nvcc $(NVCC_FLAGS) -arch=$${arch:-compute_70} -ptx $< -o $@.new && mv $@.new $@

kernels-report: kernels ## registers, shared memory, spills and occupancy of every kernel on sm_70 to sm_90
	@kernels/report.sh $(cuda)/bin/ptxas

build/gpu/libcuda.a: $(wildcard engine/backend/cuda/driver/*)
	@mkdir -p build/gpu
	$(CC) -O2 -fPIC -Wall -Wextra -c engine/backend/cuda/driver/driver.c -o build/gpu/driver.o
	rm -f $@ && ar rcs $@ build/gpu/driver.o

build-gpu: kernels build/gpu/libcuda.a ## build bin/duet with CUDA in it, whether this machine has a GPU or not
	$(gpu_env) $(GO) build -tags "$(gpu_tags)" $(if $(REVISION),-ldflags "-X main.revision=$(REVISION)") -o bin/duet ./cmd/duet

# The simulated driver (kernels/sim): VARIANT=fast runs the kernels compiled for the host, checked with every access
# checked, ptx the PTX itself, translated.
sim = kernels/sim/run.sh
CUDA_PACKAGES = ./kernels/... ./engine/backend/cuda/... ./engine/train/... ./cmd/...
on_sim = $(gpu_env) DUET_SIM_REPORT="$(CURDIR)/build/sim/$(1).json" $(GO) test -tags "$(gpu_tags) sim" -exec "$(CURDIR)/$(sim) $(1)" -timeout 30m

sim: sim-fast ## the simulated CUDA driver, build/sim/fast/libcuda.so.1; sim-checked and sim-ptx are its other builds

sim-%: build-gpu
	@$(MAKE) --no-print-directory -s -C kernels/sim CUDA="$(cuda)" $*

# One device of the simulator keeps one core busy, so two of the runs go side by side.
test-sim: build-gpu ## all CUDA code on two simulated GPUs, the conformance suite on each build of the simulator, its own tests
	@$(MAKE) --no-print-directory -s -C kernels/sim CUDA="$(cuda)" fast checked ptx
	@$(MAKE) --no-print-directory -C kernels/sim CUDA="$(cuda)" test
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-sim-checked test-sim-ptx test-sim-fast

test-sim-fast:
	$(call on_sim,fast) -p 1 $(CUDA_PACKAGES)

# Beside the suite, trainings on two devices, whose report must be clean.
test-sim-checked test-sim-ptx: test-sim-%:
	$(call on_sim,$*) -p 1 -run 'TestConformance|TestSimStaged|TestSimWholePath' ./engine/backend/cuda ./cmd/duet

test-sim-long: sim-fast ## a hundred injected faults, each followed by an exact resume; 200 random networks
	DUET_TEST_FAULTS=100 DUET_TEST_NETWORKS=200 $(call on_sim,fast) -v -run 'TestSimFaults|TestSimOracleRandom' ./cmd/duet

test-gpu: build-gpu ## the same tests on the machine's GPUs
	$(gpu_env) $(GO) test -tags "$(gpu_tags)" -timeout 20m $(CUDA_PACKAGES)

gpu-bundle: kernels build/gpu/libcuda.a ## build/gpu-bundle.tar.gz: check.sh and compare.sh, for a GPU machine with neither Go nor network (CIFAR10=archive: a training in it)
	@rm -rf build/gpu-bundle build/gpu-bundle.tar.gz && mkdir -p build/gpu-bundle/configs
	$(gpu_env) $(GO) build -tags gpu -trimpath -ldflags "-s -w" -o build/gpu-bundle/duet ./cmd/duet
	$(gpu_env) $(GO) test -c -tags gpu -trimpath -ldflags "-s -w" -o build/gpu-bundle/cuda.test ./engine/backend/cuda
	@cp scripts/gpu/* build/gpu-bundle/ && cp configs/*.toml build/gpu-bundle/configs/
	@if [ -n "$(CIFAR10)" ]; then cp "$(CIFAR10)" build/gpu-bundle/cifar10.tar.gz; fi
	@tar czf build/gpu-bundle.tar.gz -C build gpu-bundle && du -m build/gpu-bundle.tar.gz | awk '{ print $$2 ": " $$1 " MiB"; exit $$1 > 60 }'

test-bundle: gpu-bundle sim-fast ## gpu-bundle's own scripts, on the simulator
	cd build/gpu-bundle && SMALL=1 TOTAL=600 CONFORMANCE=TestCount $(CURDIR)/$(sim) fast ./check.sh $(CURDIR)/build/gpu-results
	cd build/gpu-bundle && SMALL=1 TOTAL=400 $(CURDIR)/$(sim) fast ./compare.sh $(CURDIR)/build/gpu-results

# Experiments with kernels, kernels/lab/README.md.
build/lab/conv2d_nhwc: kernels/lab/conv2d_nhwc.cpp build/gpu/libcuda.a
	@mkdir -p build/lab
	$(CXX) -std=c++17 -O2 -Wall -Wextra -I$(cuda)/include $< build/gpu/libcuda.a -ldl -o $@

build/lab/ptx/%.ptx: kernels/lab/%.cu kernels/lab/wgmma.py $(wildcard kernels/*.h kernels/lab/*.h)
	@mkdir -p build/lab/ptx build/lab/include && python3 kernels/lab/wgmma.py >build/lab/include/wgmma.h
	$(cuda)/bin/nvcc $(NVCC_FLAGS) -Ikernels -Ibuild/lab/include -arch=$$(sed -n 's|^// Arch  *||p' $<) -ptx $< -o $@

lab: deps-gpu build/lab/conv2d_nhwc build/lab/ptx/conv2d_nhwc.ptx ## convolutions of channels-last tensors in tiles of many shapes: build/lab/conv2d_nhwc FILE.ptx BATCH RUNS

test-lab: lab ## the lab's kernels are right, on the simulator
	@$(MAKE) --no-print-directory -s -C kernels/sim CUDA="$(cuda)" KERNELS=../lab PTX=$(CURDIR)/build/lab/ptx OUT=$(CURDIR)/build/lab/sim fast
	OUT=build/lab/sim kernels/sim/run.sh fast build/lab/conv2d_nhwc build/lab/ptx/conv2d_nhwc.ptx 1 0

cross: ## the pure-Go build for other systems; that it compiles is all that is known of them
	@for target in windows/amd64 darwin/arm64 freebsd/amd64 linux/arm64; do \
	echo "go build for $$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build ./... || exit 1; done

test-image: sim-fast ## build the image with buildah on a base made by debootstrap, and train in it (as root, Debian or Ubuntu)
	@scripts/test-image.sh

lint: deps ## gofmt and vet, for all build tags
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'd: $$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	@tags=$(tags); set -x; $(GO) vet -tags "$$tags long" ./...
	@if scripts/has-turbo.sh; then set -x; $(GO) vet -tags turbo ./dataloader/...; fi
	@if scripts/deps-gpu.sh --find >/dev/null; then set -x; $(gpu_env) $(GO) vet -tags "$(gpu_tags) sim long" ./...; fi

clean: ## remove what was built; runs, data and the fetched CUDA compiler stay
	rm -rf bin build/gpu build/gpu-bundle build/gpu-bundle.tar.gz build/gpu-results build/lab build/sim kernels/ptx/*.ptx
