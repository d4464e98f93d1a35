package prepare

import "testing"

// BenchmarkStatistics is what the statistics cost an image of 256x256.
func BenchmarkStatistics(b *testing.B) {
	image := make([]byte, 256*256*3)
	for i := range image {
		image[i] = uint8(i * i >> 3)
	}
	sum := make([]uint32, len(image))
	b.Run("products", func(b *testing.B) {
		var p products
		for b.Loop() {
			p.add(productsOf(image))
		}
	})
	b.Run("sum", func(b *testing.B) {
		for b.Loop() {
			addTo(sum, image)
		}
	})
}
