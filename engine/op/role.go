package op

import "fmt"

// Role is what an operand is to its operation. From it a device knows how to store a leaf, and a plan what to give an
// update, without knowing the operation.
type Role uint8

const (
	Activation Role = iota // flows through the layers, or is the gradient of what does: in the precision of the device
	Weight                 // of a layer's products: in the format that its kernels like best
	Bias                   // of a layer
	Parameter              // a weight or a bias that is updated
	Velocity               // what momentum keeps of a parameter's gradients; it lies like its parameter
	Average                // of a parameter's values so far; it lies like its parameter, in every format that layers read
	Gradient               // of a parameter
	Rate                   // the learning rate
	Score                  // what the last layer gives, before softmax
	Label                  // the number of a class
	Loss                   // the gradient of the loss
	Image                  // pixels, in bytes
	Draw                   // the random numbers of an image
	Counter                // where a stream of random numbers begins
	Statistic              // of the data: a mean, or the sum of squares that LRN keeps; always in fp32 or wider
	Argmax                 // the places of maxima
)

var roles = [...]string{
	"activation", "weight", "bias", "parameter", "velocity", "average", "gradient", "rate", "score", "label", "loss",
	"image", "draw", "counter", "statistic", "argmax",
}

func (r Role) String() string {
	if int(r) < len(roles) {
		return roles[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// differentiable says whether a loss has a gradient with respect to operands of this role.
func (r Role) differentiable() bool { return r == Activation || r == Weight || r == Bias || r == Score }

// Updater is an operation that gives some of its inputs new values in place: each output has type, layout and memory of
// the input that it updates. Plans run it after everything else that reads those.
type Updater interface {
	Op
	// Updates says of each output which input it updates.
	Updates() []int
	// Peak is the companion that gives the largest magnitude in the gradient, or nil.
	Peak() Companion
}

// Updates are the inputs that an operation updates in place, in the order of its outputs; none of an ordinary one.
func Updates(o Op) []int {
	if u, is := o.(Updater); is {
		return u.Updates()
	}
	return nil
}

// Outputs are the types of what a kernel writes: what Infer says, or what an Updater updates, and last what a companion
// gives, unless that is nil.
func Outputs(o, companion Op, in []Type) ([]Type, error) {
	first, err := o.Infer(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name(), err)
	}
	out := []Type{first}
	if updated := Updates(o); len(updated) > 0 {
		out = nil
		for _, i := range updated {
			out = append(out, in[i])
		}
	}
	if companion == nil {
		return out, nil
	}
	last, err := companion.Infer(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", companion.Name(), err)
	}
	return append(out, last), nil
}
