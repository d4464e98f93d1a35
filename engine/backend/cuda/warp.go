//go:build gpu

package cuda

import "duet/engine/op"

func prepareWarp(b *builder, o op.Warp) { b.sight("warp_forward", o.Crop, o.Scale) }
