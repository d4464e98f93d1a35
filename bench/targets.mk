# Included by the Makefile at the root: duet beside its peers.

.PHONY: test-torch test-pillow test-tensorboard test-convert test-import-torch test-onnx-web
.PHONY: bench-torch bench-feed bench-pillow

test-torch: build ## the same ten steps in PyTorch: losses and weights agree (installs PyTorch into build/torch)
	@devices=$$(scripts/has-dnnl.sh && echo dnnl:0 dnnl:0,dnnl:1); \
	bench/torch/test.sh bin/duet $$devices reference:0 reference:0,reference:1

test-pillow: build ## prepared images agree with Pillow's (installs python3-pil; ARGS=FOLDER takes your photographs)
	@python=$$(bench/pillow/python.sh) && $$python bench/pillow/compare.py bin/duet $(ARGS)

test-tensorboard: build ## TensorBoard shows what metrics.jsonl has (installs TensorBoard into build/tensorboard)
	@python=$$(bench/tensorboard/python.sh) && $$python bench/tensorboard/check.py bin/duet

test-import-torch: build ## torchvision's AlexNet says what it says in PyTorch (ARGS=FOLDER takes your photographs)
	@# It installs both into build/torch, and what PyTorch's exporters want.
	@python=$$(bench/torch/python.sh) && { $$python -c 'import torchvision, PIL, onnxscript, safetensors' 2>/dev/null || \
	{ $$python -m pip install -q --no-deps torchvision==0.29.2 pillow==13.0.0 safetensors==0.8.0 && \
	$$python -m pip install -q onnx==1.23.2 onnxscript==0.7.2; }; } && \
	$$python bench/convert/check_torch.py bin/duet $(ARGS)

test-convert: build ## files of ONNX and Caffe are read and written, and networks exported, as their own code does
	@# It installs that into build/convert. PyTorch is tried where make test-torch has installed it.
	@$(GO) build -o build/check-convert ./bench/convert && python=$$(bench/convert/python.sh) && \
	$$python bench/convert/check.py build/check-convert && $$python bench/convert/check_caffe.py bin/duet && \
	$$python bench/convert/check_onnx.py bin/duet && \
	$$python bench/convert/export.py bin/duet $$(bench/torch/python.sh --find)

test-onnx-web: build ## networks in a browser, by the page of docs/exchange.md, say what they say in duet
	@scripts/deps-browser.sh
	@web=$$(bench/convert/web.sh) && DUET_PROGRAM="$(CURDIR)/bin/duet" ONNX_WEB="$$web" \
	$(GO) test -tags browser -count 1 -v -run TestBrowser ./bench/convert

bench-torch: build ## PyTorch's and duet's training speed in turn, three networks (ARGS="--rounds 5")
	@python=$$(bench/torch/python.sh) && $$python bench/torch/bench.py bin/duet $(ARGS)

bench-feed: build ## how fast batches come, a PyTorch DataLoader's and duet's in turn (FEED=a packed set)
	@python=$$(bench/torch/python.sh) && bench/torch/feed.sh bin/duet $$python "$(FEED)" $(ARGS)

bench-pillow: build ## Pillow's and duet's speed of preparing images in turn (ARGS="--rounds 5 FOLDER")
	@python=$$(bench/pillow/python.sh) && $$python bench/pillow/bench.py bin/duet $(ARGS)
