//go:build gpu

package cuda

// sumMaps is the maps of a block of bias_gradient.
const sumMaps = 32

// biasGradient sums a gradient [places, maps] over the places, in as many parts as keep a large GPU busy, each long
// enough that its sum does not count.
func (b *builder) biasGradient(db, dz operand, places, maps int) {
	blocks := ceilDiv(maps, sumMaps)
	each := max(256, ceilDiv(places, max(1, 2*enough/blocks)))
	n := ceilDiv(places, each)
	if n == 1 {
		b.sumPlaces(db, dz, places, maps, 1)
		return
	}
	parts := b.scratch(float32s.size() * int64(n*maps))
	b.sumPlaces(parts, dz, places, maps, n)
	b.sumPlaces(db, parts, n, maps, 1)
}

// sumPlaces sums a matrix [places, maps] in parts.
func (b *builder) sumPlaces(sums, from operand, places, maps, parts int) {
	b.launch("bias_gradient_"+from.element.String(), dims{x: ceilDiv(maps, sumMaps), y: parts}, dims{}, 0, sums, from,
		int32(places), int32(maps), int32(ceilDiv(places, parts)))
}
