// Package dnnl is the backend that computes on the CPU with oneDNN (build tag dnnl; without it the package is empty).
//
// A device is an arena of memory and one thread that drives an OpenMP team. Convolutions, fully connected layers and
// normalisation are oneDNN primitives; the rest are loops of our own, one C++ file an operation, named like the files
// of package op, which hold the formulas. Tensors keep oneDNN's blocked formats from layer to layer.
//
// In bf16, activations and their gradients are bf16, and a parameter's memory holds its fp32 master, in the format in
// which its gradient comes, beside the bf16 copies that the forward and the backward pass read. The update refreshes
// the copies.
package dnnl
