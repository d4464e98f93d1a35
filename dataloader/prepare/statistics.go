package prepare

import "math"

// Statistics of the training images. All sums are integers, so that neither order nor workers change them.
type statistics struct {
	mean        []float32     // [3, H, W], 0 to 255
	channelMean [3]float32    // R, G, B, 0 to 255
	eigen       [3][3]float32 // row k: unit vector of the k-th principal colour, largest first
	std         [3]float32    // standard deviation along it: the square root of the eigenvalue
}

// moments are sums over images of one size.
type moments struct {
	sum      []uint64 // [H*W*3]: every value of the image
	products products
}

// products are sums over all pixels of the products of channels: R*R, R*G, R*B, G*G, G*B, B*B.
type products [6]uint64

// productsOf sums over one image [H*W*3]. A multiplication takes several products at a time, side by side in fields of
// 20 bits: 16 pixels' products of at most 255*255 fit in one.
func productsOf(image []byte) products {
	const field, pixels = 20, 16
	const mask = 1<<field - 1
	var p products
	for len(image) >= 3 {
		part := image[:min(len(image)/3, pixels)*3]
		image = image[len(part):]
		var red, green, blue uint64 // R times (R, G, B), G times (G, B), B times B
		for ; len(part) >= 3; part = part[3:] {
			r, g, b := uint64(part[0]), uint64(part[1]), uint64(part[2])
			red += r * (r | g<<field | b<<(2*field))
			green += g * (g | b<<field)
			blue += b * b
		}
		p[0] += red & mask
		p[1] += red >> field & mask
		p[2] += red >> (2 * field)
		p[3] += green & mask
		p[4] += green >> field
		p[5] += blue
	}
	return p
}

// addTo adds an image to a sum of images.
func addTo(sum []uint32, image []byte) {
	sum = sum[:len(image)]
	for i, v := range image {
		sum[i] += uint32(v)
	}
}

func (p *products) add(q products) {
	for i, v := range q {
		p[i] += v
	}
}

// addShard adds the sums over a shard.
func (m *moments) addShard(s *shardState) {
	for i, v := range s.Sum {
		m.sum[i] += uint64(v)
	}
	m.products.add(s.Products)
}

// finish turns the sums over n images into means and principal components.
func (m *moments) finish(n int) statistics {
	pixels := len(m.sum) / 3
	s := statistics{mean: make([]float32, len(m.sum))}
	var total [3]uint64
	for i, v := range m.sum {
		total[i%3] += v
		s.mean[i%3*pixels+i/3] = float32(float64(v) / float64(n))
	}
	count := float64(n) * float64(pixels)
	var mean [3]float64
	for c := range 3 {
		mean[c] = float64(total[c]) / count
		s.channelMean[c] = float32(mean[c])
	}
	var covariance [3][3]float64
	at := 0
	for i := range 3 {
		for j := i; j < 3; j++ {
			covariance[i][j] = float64(m.products[at])/count - mean[i]*mean[j]
			covariance[j][i] = covariance[i][j]
			at++
		}
	}
	values, vectors := symmetricEigen(covariance)
	for k := range 3 {
		s.std[k] = float32(math.Sqrt(max(values[k], 0)))
		for c := range 3 {
			s.eigen[k][c] = float32(vectors[k][c])
		}
	}
	return s
}

// symmetricEigen finds the eigenvalues of a symmetric matrix, largest first, and the unit eigenvectors in the rows of
// vectors, by Jacobi's rotations. The largest component of every vector is positive, so that the answer is unique.
func symmetricEigen(a [3][3]float64) (values [3]float64, vectors [3][3]float64) {
	v := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} // columns become the eigenvectors
	for range 50 {                                      // converges quadratically: six sweeps are enough
		if math.Abs(a[0][1])+math.Abs(a[0][2])+math.Abs(a[1][2]) == 0 {
			break
		}
		for p := range 2 {
			for q := p + 1; q < 3; q++ {
				if a[p][q] == 0 {
					continue
				}
				theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
				t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
				if theta < 0 {
					t = -t
				}
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range 3 {
					a[k][p], a[k][q] = c*a[k][p]-s*a[k][q], s*a[k][p]+c*a[k][q]
				}
				for k := range 3 {
					a[p][k], a[q][k] = c*a[p][k]-s*a[q][k], s*a[p][k]+c*a[q][k]
					v[k][p], v[k][q] = c*v[k][p]-s*v[k][q], s*v[k][p]+c*v[k][q]
				}
				a[p][q], a[q][p] = 0, 0
			}
		}
	}
	order := [3]int{0, 1, 2}
	for i := range 3 {
		for j := i + 1; j < 3; j++ {
			if a[order[j]][order[j]] > a[order[i]][order[i]] {
				order[i], order[j] = order[j], order[i]
			}
		}
	}
	for k, column := range order {
		values[k] = a[column][column]
		largest := 0
		for c := range 3 {
			if math.Abs(v[c][column]) > math.Abs(v[largest][column])+1e-9 {
				largest = c
			}
		}
		sign := math.Copysign(1, v[largest][column])
		for c := range 3 {
			vectors[k][c] = sign * v[c][column]
		}
	}
	return values, vectors
}
