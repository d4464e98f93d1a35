package alexnet

import "fmt"

// Activation is the function that follows the sums of a layer with weights: "relu", "tanh", or "" for none.
type Activation string

const wantActivation = `want "relu", "tanh" or "none"`

func (a Activation) known() bool { return a == "" || a == relu || a == tanh }

// UnmarshalTOML takes a name; "none" is as if the key were not there.
func (a *Activation) UnmarshalTOML(v any) error {
	name, is := v.(string)
	switch *a = Activation(name); {
	case !is:
		return fmt.Errorf("%v, %s", v, wantActivation)
	case name == "none":
		*a = ""
	case name == "" || !a.known():
		return fmt.Errorf("%q, %s", name, wantActivation)
	}
	return nil
}
