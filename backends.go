package duet

import (
	_ "duet/engine/backend/cuda"      // NVIDIA GPUs, where built with the tag gpu
	_ "duet/engine/backend/dnnl"      // the CPU through oneDNN, where built with the tag dnnl
	_ "duet/engine/backend/reference" // the CPU in Go
)
