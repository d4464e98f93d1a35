package alexnet

import (
	"math"

	"duet/internal/rng"
)

// initialiser fills a parameter of the whole network.
type initialiser func(values []float32, random rng.Stream)

// Initial draws the initial values of a parameter of the whole network. Value i depends on the seed, on the parameter's
// name and on i alone, so that every placement starts from the same network: it is the deviation times Normal(i) of
// rng.New(seed, rng.Init, rng.StreamOf(name), 0), rounded to float32, or a constant.
func (p Param) Initial(seed uint64) []float32 {
	values := make([]float32, p.Len())
	p.init(values, rng.New(seed, rng.Init, rng.StreamOf(p.Name), 0))
	return values
}

// constant fills with one value.
func constant(v float64) initialiser {
	return func(values []float32, _ rng.Stream) {
		for i := range values {
			values[i] = float32(v)
		}
	}
}

// normal draws from N(0, std).
func normal(std float64) initialiser {
	return func(values []float32, random rng.Stream) {
		for i := range values {
			values[i] = float32(std * random.Normal(uint64(i)))
		}
	}
}

// initialiserOf is the one that a layer asks for. He's is N(0, sqrt(2/inputs)), inputs being those of one output.
//
// Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2.
func initialiserOf(l Layer, shape []int) initialiser {
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
