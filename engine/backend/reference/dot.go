package reference

// products adds to c the products of every row of a with every row of b, over rows of k elements:
//
//	c[i*n+j] += sum_k a[i*lda+k] * b[j*ldb+k]
//
// Each sum runs over k in order, in one accumulator, whatever the tile: 2 x 4 of them at a time keep the processor's
// adders busy.
func products[A, B real](c []float64, a []A, lda, m int, b []B, ldb, n, k int) {
	for i := 0; i < m; i += 2 {
		second := min(i+1, m-1)
		a0, a1 := a[i*lda:][:k], a[second*lda:][:k]
		for j := 0; j < n; j += 4 {
			j1, j2, j3 := min(j+1, n-1), min(j+2, n-1), min(j+3, n-1)
			s := dots(a0, a1, b[j*ldb:][:k], b[j1*ldb:][:k], b[j2*ldb:][:k], b[j3*ldb:][:k])
			width := min(4, n-j)
			row := c[i*n+j:][:width]
			for q := range row {
				row[q] += s[q]
			}
			if second == i {
				continue
			}
			row = c[second*n+j:][:width]
			for q := range row {
				row[q] += s[4+q]
			}
		}
	}
}

// dots are the eight products of two rows with four.
func dots[A, B real](a0, a1 []A, b0, b1, b2, b3 []B) [8]float64 {
	var s00, s01, s02, s03, s10, s11, s12, s13 float64
	n := len(a0)
	a1, b0, b1, b2, b3 = a1[:n], b0[:n], b1[:n], b2[:n], b3[:n]
	for k := range a0 {
		x, y := float64(a0[k]), float64(a1[k])
		p, q, r, t := float64(b0[k]), float64(b1[k]), float64(b2[k]), float64(b3[k])
		s00 += x * p
		s01 += x * q
		s02 += x * r
		s03 += x * t
		s10 += y * p
		s11 += y * q
		s12 += y * r
		s13 += y * t
	}
	return [8]float64{s00, s01, s02, s03, s10, s11, s12, s13}
}

// combine adds to acc a combination of rows of a matrix, four at a time in order:
//
//	acc[i] += sum_r z[r] * a[r*lda+i]
func combine[T real](acc, z []float64, a []T, lda int) {
	n := len(acc)
	r := 0
	for ; r+4 <= len(z); r += 4 {
		z0, z1, z2, z3 := z[r], z[r+1], z[r+2], z[r+3]
		a0, a1 := a[r*lda:][:n], a[(r+1)*lda:][:n]
		a2, a3 := a[(r+2)*lda:][:n], a[(r+3)*lda:][:n]
		for i := range acc {
			acc[i] += z0*float64(a0[i]) + z1*float64(a1[i]) + z2*float64(a2[i]) + z3*float64(a3[i])
		}
	}
	for ; r < len(z); r++ {
		z0, a0 := z[r], a[r*lda:][:n]
		for i := range acc {
			acc[i] += z0 * float64(a0[i])
		}
	}
}

// rectify is max(v, 0) when on, and a NaN for a NaN.
func rectify(on bool, v float64) float64 {
	if on && v < 0 {
		return 0
	}
	return v
}

// blocks is how many blocks of a size cover n.
func blocks(n, size int) int { return (n + size - 1) / size }
