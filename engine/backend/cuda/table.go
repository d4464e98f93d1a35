//go:build gpu

package cuda

import "duet/engine/op"

// table holds the operations by name.
var table = map[string]func(*builder, op.Op) bool{
	"relu":      of(prepareReLU),
	"relu_grad": of(prepareReLUGrad),
}
