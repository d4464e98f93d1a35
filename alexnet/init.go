package alexnet

import (
	"math"

	"duet/engine/model"
	"duet/internal/rng"
)

// constant fills with one value.
func constant(v float64) model.Fill {
	return func(values []float32, _ rng.Stream) {
		for i := range values {
			values[i] = float32(v)
		}
	}
}

// normal draws from N(0, std).
func normal(std float64) model.Fill {
	return func(values []float32, random rng.Stream) {
		for i := range values {
			values[i] = float32(std * random.Normal(uint64(i)))
		}
	}
}

// initialiserOf is the one that a layer asks for. He's is N(0, sqrt(2/inputs)), inputs being those of one output.
//
// Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2.
func initialiserOf(l Layer, shape []int) model.Fill {
	switch l.Init {
	case "normal":
		return normal(l.Std)
	case "constant":
		return constant(l.Std)
	}
	inputs := 1
	for _, d := range shape[1:] {
		inputs *= d
	}
	return normal(math.Sqrt(2 / float64(inputs)))
}
