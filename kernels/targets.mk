# Included by the Makefile at the root: CUDA, the simulated driver, GPU machines.

.PHONY: deps-gpu kernels kernels-report kernels-count build-gpu sim test-gpu
.PHONY: test-sim test-sim-some test-sim-all test-sim-engine test-sim-program test-sim-checked test-sim-ptx
.PHONY: test-sim-long
.PHONY: gpu-bundle test-bundle lab test-lab course course-fast course-checked course-ptx

# CUDA. The toolkit compiles the kernels to PTX and has the header that gorgonia.org/cu wants; the driver itself is
# found when the program starts (engine/backend/cuda/driver), so that this builds and tests where there is neither.
cuda = $$(scripts/deps-gpu.sh --find)
gpu_tags = $(tags) gpu
ptx = $(patsubst kernels/%.cu,kernels/ptx/%.ptx,$(wildcard kernels/*.cu))
NVCC_FLAGS = -std=c++17 -O3 --allow-unsupported-compiler -Werror all-warnings

deps-gpu: deps ## a CUDA compiler: the machine's, or a small one fetched into build/cuda
	@scripts/deps-gpu.sh

kernels: deps-gpu ## compile kernels/*.cu to PTX
	@$(MAKE) --no-print-directory -s -j"$$(getconf _NPROCESSORS_ONLN)" $(ptx)

# A file that says "// Arch compute_80" needs that architecture; the others are for all from Volta on.
kernels/ptx/%.ptx: kernels/%.cu $(wildcard kernels/*.h)
	@arch=$$(sed -n 's|^// Arch  *||p' $< | head -n 1); echo "nvcc $< ($${arch:-compute_70})"; \
	$(cuda)/bin/nvcc $(NVCC_FLAGS) -arch=$${arch:-compute_70} -ptx $< -o $@.new && mv $@.new $@

kernels-report: kernels ## registers, spills and occupancy of every kernel; machine code of the tensor cores' loops
	@kernels/report.sh $(cuda)/bin/ptxas
	@nvdisasm=$$(scripts/deps-nvdisasm.sh) && echo && $(GO) run ./kernels/sass \
	$(if $(WRITE),-write kernels/README.md) $(cuda)/bin/ptxas "$$nvdisasm" kernels/ptx

kernels-count: ## write what the program counts of each operation into kernels/README.md
	@$(GO) test ./cmd/duet -count 1 -run TestCountOfKernelsREADME -update

build/gpu/include:
	@mkdir -p build/gpu && ln -sfn "$(cuda)/include" $@

build/gpu/libcuda.a: $(wildcard engine/backend/cuda/driver/*) | build/gpu/include
	$(CC) -O2 -fPIC -Wall -Wextra -c engine/backend/cuda/driver/driver.c -o build/gpu/driver.o
	rm -f $@ && ar rcs $@ build/gpu/driver.o

build-gpu: kernels build/gpu/libcuda.a ## build bin/duet with CUDA in it, whether this machine has a GPU or not
	$(GO) build -tags "$(gpu_tags)" $(if $(REVISION),-ldflags "-X main.revision=$(REVISION)") \
	-o bin/duet ./cmd/duet

# The simulated driver (kernels/sim): VARIANT=fast runs the kernels compiled for the host, checked with every access
# checked, ptx the PTX itself, translated.
sim = kernels/sim/run.sh
CUDA_PACKAGES = ./kernels/... ./engine/backend/cuda/... ./engine/model/... ./engine/train/... ./cmd/...
on_sim = DUET_SIM_REPORT="$(CURDIR)/build/sim/$@.json" \
	$(GO) test -tags "$(gpu_tags) sim" -exec "$(CURDIR)/$(sim) $(1)" -timeout 60m -p 1

sim: sim-fast ## the simulated CUDA driver, build/sim/fast/libcuda.so.1; sim-checked and sim-ptx are its other builds

sim-%: build-gpu
	@$(MAKE) --no-print-directory -s -C kernels/sim CUDA="$(cuda)" $*

# RUN=name runs the tests of that name alone, as go test -run has it, on the fast build: RUN=TestConformance/fp32/op/lrn
# is one operation's. One device of the simulator keeps one core busy, so two of the runs go side by side.
test-sim: $(if $(RUN),test-sim-some,test-sim-all) ## all CUDA code on two simulated GPUs (RUN=name: these tests)

test-sim-some: sim-fast
	$(call on_sim,fast) -run '$(RUN)' $(CUDA_PACKAGES)

test-sim-all: build-gpu
	@$(MAKE) --no-print-directory -s -C kernels/sim CUDA="$(cuda)" fast checked ptx
	@$(MAKE) --no-print-directory -C kernels/sim CUDA="$(cuda)" test
	@$(MAKE) --no-print-directory -j2 --output-sync=target \
	test-sim-program test-sim-engine test-sim-checked test-sim-ptx

test-sim-engine:
	$(call on_sim,fast) $(filter-out ./cmd/%,$(CUDA_PACKAGES))

# What of the program's tests knows of GPUs; `make test` has the others.
test-sim-program:
	$(call on_sim,fast) -run TestSim $(filter ./cmd/%,$(CUDA_PACKAGES))

# The suite, where it is not WHOLE without the shapes of AlexNet, which launch no kernel that smaller ones do not (the
# fast build has them); and trainings on two devices, whose report must be clean. The checked build counts what kernels
# read and write, too.
test-sim-checked test-sim-ptx: test-sim-%:
	$(if $(WHOLE),,DUET_TEST_SMALL=1) $(call on_sim,$*) \
	-run 'TestConformance|TestSimStaged|TestSimWholePath$(if $(filter checked,$*),|TestTraffic)' \
	./engine/backend/cuda ./cmd/duet

test-sim-long: ## a hundred injected faults, 200 random networks, twenty orders; the whole suite on every build
	@$(MAKE) --no-print-directory sim-fast sim-checked sim-ptx
	DUET_TEST_FAULTS=100 DUET_TEST_NETWORKS=200 DUET_TEST_ORDERS=20 $(call on_sim,fast) -v \
	-run 'TestSimFaults|TestSimOracleRandom|TestSimOrders' ./cmd/duet
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-sim-checked test-sim-ptx WHOLE=1

test-gpu: build-gpu ## the same tests on the machine's GPUs
	$(GO) test -tags "$(gpu_tags)" -timeout 20m $(CUDA_PACKAGES)

gpu-bundle: kernels build/gpu/libcuda.a ## checks for a GPU machine with neither Go nor network (CIFAR10=archive)
	@rm -rf build/gpu-bundle build/gpu-bundle.tar.gz && mkdir -p build/gpu-bundle/configs
	$(GO) build -tags gpu -trimpath -ldflags "-s -w" -o build/gpu-bundle/duet ./cmd/duet
	$(GO) test -c -tags gpu -trimpath -ldflags "-s -w" -o build/gpu-bundle/cuda.test ./engine/backend/cuda
	@cp scripts/gpu/* build/gpu-bundle/ && cp configs/*.toml build/gpu-bundle/configs/
	@if [ -n "$(CIFAR10)" ]; then cp "$(CIFAR10)" build/gpu-bundle/cifar10.tar.gz; fi
	@tar czf build/gpu-bundle.tar.gz -C build gpu-bundle && \
	du -m build/gpu-bundle.tar.gz | awk '{ print $$2 ": " $$1 " MiB"; exit $$1 > 60 }'

test-bundle: gpu-bundle sim-fast ## gpu-bundle's own scripts, on the simulator
	cd build/gpu-bundle && SMALL=1 TOTAL=600 CONFORMANCE=TestCount \
	$(CURDIR)/$(sim) fast ./check.sh $(CURDIR)/build/gpu-results
	cd build/gpu-bundle && SMALL=1 TOTAL=400 $(CURDIR)/$(sim) fast ./compare.sh $(CURDIR)/build/gpu-results

# The course and experiments with kernels, kernels/lab/README.md.
build/lab/%: kernels/lab/%.cpp kernels/lab/lab.h build/gpu/libcuda.a
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -Wall -Wextra -I$(cuda)/include $< build/gpu/libcuda.a -ldl -o $@

build/lab/include/wgmma.h: kernels/lab/wgmma.py
	@mkdir -p $(@D)
	python3 $< >$@.new && mv $@.new $@

lab_headers = $(wildcard kernels/*.h kernels/lab/*.h kernels/lab/course/*.h) kernels/conv2d_tensor.cu
build/lab/ptx/%.ptx: kernels/lab/%.cu build/lab/include/wgmma.h $(lab_headers)
	@mkdir -p $(@D)
	@arch=$$(sed -n 's|^// Arch  *||p' $< | head -n 1); echo "nvcc $< ($${arch:-compute_70})"; \
	$(cuda)/bin/nvcc $(NVCC_FLAGS) -Ikernels -Ibuild/lab/include -arch=$${arch:-compute_70} -ptx $< -o $@

# The simulated driver with a folder's kernels in it: kernels/$(1), their PTX in build/$(2), itself in build/$(3).
lab_sim = -C kernels/sim CUDA="$(cuda)" KERNELS=../$(1) PTX=$(CURDIR)/build/$(2) OUT=$(CURDIR)/build/$(3)

course: course-fast ## a convolution in eight steps, on the simulator; course-checked, course-ptx: its other builds

course-fast course-checked course-ptx: course-%: deps-gpu build/lab/course/course \
		$(patsubst kernels/lab/%.cu,build/lab/ptx/%.ptx,$(wildcard kernels/lab/course/*.cu))
	@$(MAKE) --no-print-directory -s $(call lab_sim,lab/course,lab/ptx/course,lab/sim-course) $*
	DUET_SIM_REPORT=build/lab/$@.json OUT=build/lab/sim-course kernels/sim/run.sh $* \
	build/lab/course/course build/lab/ptx/course

experiments = conv2d_nhwc lrn_max_pool_nhwc
lab: deps-gpu $(experiments:%=build/lab/%) $(experiments:%=build/lab/ptx/%.ptx) ## kernels that are tried beforehand

test-lab: course lab ## the lab's kernels are right, on the simulator
	@$(MAKE) --no-print-directory -s $(call lab_sim,lab,lab/ptx,lab/sim) fast
	for e in $(experiments); do \
	OUT=build/lab/sim kernels/sim/run.sh fast build/lab/$$e build/lab/ptx/$$e.ptx 1 0 || exit 1; done

SYSTEMS = windows/amd64 darwin/arm64 freebsd/amd64 linux/arm64

# Not optimised, which takes three quarters of the time.
cross: ## the pure-Go build for other SYSTEMS; that it compiles is all that is known of them
	@for target in $(SYSTEMS); do \
	echo "go build for $$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} \
	$(GO) build -gcflags 'all=-N -l' ./... || exit 1; done
