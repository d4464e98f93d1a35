package train_test

import (
	_ "duet/engine/backend/dnnl" // where built with the tag dnnl
	_ "duet/engine/backend/reference"
)
