package reference

import "duet/engine/op"

// features is how many outputs of a fully connected layer one part computes for the whole batch.
const features = 16

func linear[T real](o op.Linear, out, in []tensor[T]) parts {
	batch, ins, outs := in[0].shape[0], in[0].shape[1], in[1].shape[0]
	x, w, b, y := in[0].float, in[1].float, in[2].float, out[0].float
	return parts{n: blocks(outs, features), scratch: features * batch, run: func(part int, scratch []float64) {
		first := part * features
		count := min(features, outs-first)
		sums := scratch[:count*batch]
		for i := range sums {
			sums[i] = float64(b[first+i/batch])
		}
		products(sums, w[first*ins:], ins, count, x, ins, batch, ins)
		for n := range batch {
			row := y[n*outs+first:][:count]
			for i := range row {
				row[i] = T(rectify(o.ReLU, sums[i*batch+n]))
			}
		}
	}}
}

// columns is how many inputs of a fully connected layer one part of the gradients computes.
const columns = 256

func linearGradInput[T real](_ op.LinearGradInput, out, in []tensor[T]) parts {
	batch, outs, ins := in[1].shape[0], in[0].shape[0], in[0].shape[1]
	w, dz, dx := in[0].float, in[1].float, out[0].float
	const step = 4 // rows of w at a time, so that they are read once for the whole batch
	return parts{n: blocks(ins, columns), scratch: batch * columns, run: func(part int, scratch []float64) {
		first := part * columns
		count := min(columns, ins-first)
		sums := scratch[:batch*count]
		clear(sums)
		var z [step]float64
		for o := 0; o < outs; o += step {
			rows := min(step, outs-o)
			for n := range batch {
				for r := range rows {
					z[r] = float64(dz[n*outs+o+r])
				}
				combine(sums[n*count:][:count], z[:rows], w[o*ins+first:], ins)
			}
		}
		for n := range batch {
			row := dx[n*ins+first:][:count]
			for i := range row {
				row[i] = T(sums[n*count+i])
			}
		}
	}}
}

func linearGradWeight[T real](_ op.LinearGradWeight, out, in []tensor[T]) parts {
	batch, ins, outs := in[0].shape[0], in[0].shape[1], in[1].shape[1]
	x, dz, dw := in[0].float, in[1].float, out[0].float
	const rows = 64 // of dw in one part
	perRow := blocks(ins, columns)
	weight := parts{n: perRow * blocks(outs, rows), scratch: columns + batch, run: func(part int, scratch []float64) {
		first := part % perRow * columns
		count := min(columns, ins-first)
		sums, z := scratch[:count], scratch[columns:][:batch]
		top := part / perRow * rows
		for o := top; o < min(outs, top+rows); o++ {
			for n := range z {
				z[n] = float64(dz[n*outs+o])
			}
			clear(sums)
			combine(sums, z, x[first:], ins)
			row := dw[o*ins+first:][:count]
			for i := range row {
				row[i] = T(sums[i])
			}
		}
	}}
	if len(out) == 1 {
		return weight
	}
	return both(weight, sumParts(out[1].float, dz, batch))
}

func linearGradBias[T real](_ op.LinearGradBias, out, in []tensor[T]) parts {
	return sumParts(out[0].float, in[1].float, in[1].shape[0])
}

// sumParts sums over the batch.
func sumParts[T real](db, dz []T, batch int) parts {
	return each(len(db), func(first, end int) {
		for o := first; o < end; o++ {
			sum := 0.0
			for n := range batch {
				sum += float64(dz[n*len(db)+o])
			}
			db[o] = T(sum)
		}
	})
}
