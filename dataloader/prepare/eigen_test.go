package prepare

import (
	"math"
	"testing"
)

// The eigenvectors of symmetric matrices are unit vectors, those of the largest values first, with a positive largest
// component: the first of two that are as large.
func TestSymmetricEigen(t *testing.T) {
	const tol = 1e-12
	half := math.Sqrt(0.5)
	for _, c := range []struct {
		a       [3][3]float64
		values  [3]float64
		vectors [3][3]float64
	}{
		{[3][3]float64{{3, 0, 0}, {0, 2, 0}, {0, 0, 1}}, [3]float64{3, 2, 1}, [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
		{[3][3]float64{{1, 0, 0}, {0, 2, 0}, {0, 0, 3}}, [3]float64{3, 2, 1}, [3][3]float64{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}},
		{[3][3]float64{{2, 0, 0}, {0, 3, 0}, {0, 0, 1}}, [3]float64{3, 2, 1}, [3][3]float64{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}},
		{[3][3]float64{{2, 0, 0}, {0, 1, 0}, {0, 0, 3}}, [3]float64{3, 2, 1}, [3][3]float64{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}},
		{[3][3]float64{{5, 2, 0}, {2, 5, 0}, {0, 0, 1}}, [3]float64{7, 3, 1},
			[3][3]float64{{half, half, 0}, {half, -half, 0}, {0, 0, 1}}},
		{[3][3]float64{{5, -2, 0}, {-2, 5, 0}, {0, 0, 1}}, [3]float64{7, 3, 1},
			[3][3]float64{{half, -half, 0}, {half, half, 0}, {0, 0, 1}}},
		{[3][3]float64{{5, 0, 2}, {0, 9, 0}, {2, 0, 5}}, [3]float64{9, 7, 3},
			[3][3]float64{{0, 1, 0}, {half, 0, half}, {half, 0, -half}}},
		{[3][3]float64{{9, 0, 0}, {0, 5, 2}, {0, 2, 5}}, [3]float64{9, 7, 3},
			[3][3]float64{{1, 0, 0}, {0, half, half}, {0, half, -half}}},
		{[3][3]float64{{2, 1, 0}, {1, 2, 1}, {0, 1, 2}}, [3]float64{2 + math.Sqrt2, 2, 2 - math.Sqrt2},
			[3][3]float64{{0.5, half, 0.5}, {half, 0, -half}, {-0.5, half, -0.5}}},
		{[3][3]float64{{4, 1, 1}, {1, 4, 1}, {1, 1, 5}}, [3]float64{}, [3][3]float64{}}, // held by what they are alone
		{[3][3]float64{{1e4, -300, 7}, {-300, 2e3, 55}, {7, 55, 3}}, [3]float64{}, [3][3]float64{}},
		{[3][3]float64{}, [3]float64{}, [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
	} {
		values, vectors := symmetricEigen(c.a)
		scale := math.Abs(c.a[0][0]) + math.Abs(c.a[1][1]) + math.Abs(c.a[2][2])
		for k := range 3 {
			known := c.vectors != [3][3]float64{}
			if known && !(math.Abs(values[k]-c.values[k]) <= tol*(1+scale)) {
				t.Errorf("%v: value %d is %v, want %v", c.a, k, values[k], c.values[k])
			}
			if k > 0 && values[k] > values[k-1] {
				t.Errorf("%v: values %v, want the largest first", c.a, values)
			}
			largest := 0.
			for i := range 3 {
				if math.Abs(vectors[k][i]) > math.Abs(largest)+1e-9 {
					largest = vectors[k][i]
				}
				product, dot := 0., 0.
				for j := range 3 {
					product += c.a[i][j] * vectors[k][j]
					dot += vectors[k][j] * vectors[i][j]
				}
				if !(math.Abs(product-values[k]*vectors[k][i]) <= tol*(1+scale)) {
					t.Errorf("%v: vector %v is no eigenvector of %v", c.a, vectors[k], values[k])
				}
				if want := map[bool]float64{true: 1}[i == k]; !(math.Abs(dot-want) <= tol) {
					t.Errorf("%v: vectors %d and %d: product %v, want %v", c.a, k, i, dot, want)
				}
				if known && !(math.Abs(vectors[k][i]-c.vectors[k][i]) <= 1e-9) {
					t.Errorf("%v: vector %d is %v, want %v", c.a, k, vectors[k], c.vectors[k])
				}
			}
			if largest < 0 {
				t.Errorf("%v: vector %d is %v: want its largest component to be positive", c.a, k, vectors[k])
			}
		}
	}
}

// The products of images of any length are those of plain sums, also where every value is the largest.
func TestProducts(t *testing.T) {
	for n := range 40 {
		for _, value := range []func(i int) byte{func(int) byte { return 255 },
			func(i int) byte { return byte(i*i*7 + 31*i) }} {
			image := make([]byte, 3*n)
			var want products
			for i := range image {
				image[i] = value(i)
			}
			for p := 0; p < len(image); p += 3 {
				at := 0
				for i := range 3 {
					for j := i; j < 3; j++ {
						want[at] += uint64(image[p+i]) * uint64(image[p+j])
						at++
					}
				}
			}
			if got := productsOf(image); got != want {
				t.Errorf("%d pixels: %v, want %v", n, got, want)
			}
		}
	}
}
