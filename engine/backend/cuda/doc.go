// Package cuda is the backend that computes on NVIDIA GPUs (build tag gpu; without it the package is empty).
//
// A device is a context with one goroutine, locked to its thread, that enqueues work: kernels on a compute stream, and
// uploads on a copy stream beside it. All kernels are duet's own (folder kernels), compiled to PTX and embedded; the
// driver compiles them for the GPU at hand. gorgonia.org/cu makes the driver calls that it knows, the file calls.go the
// others. What is uploaded lies in pinned memory of the host (host.go, upload.go).
//
// An operation's file here, named like those of package op, which hold the formulas, chooses the kernels and lays out
// their launches. A kernel's launches are laid out when it is prepared, checked against the parameter lists of the PTX,
// and bound to memory when a program is loaded; a run only enqueues them. Updates of parameters that follow each other
// become one launch then (rows.go).
//
// Convolutions and linear layers have several kernels each: in tiles of two sizes, with and without tensor cores, and
// with their sums in one part or in several. The file choose.go picks one by count, by measurement or as a run's
// configuration says; tile.go counts.
//
// Tensors are row-major. In bf16, activations and their gradients are bf16, sums are fp32, and a weight's memory holds
// its fp32 master and behind it the bf16 copy that the forward and the backward pass read; the update writes both.
package cuda
