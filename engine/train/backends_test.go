package train_test

import (
	_ "duet/engine/backend/cuda" // where built with the tag gpu
	_ "duet/engine/backend/dnnl" // where built with the tag dnnl
	_ "duet/engine/backend/reference"
)
