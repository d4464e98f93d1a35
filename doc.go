// Package duet trains AlexNet and its relatives as in 2012, half of the feature maps on each of two devices, and uses
// what was learned. It is the front door of the module for a Go program of one's own; the command duet goes through
// it too.
//
//	config, err := duet.Load("configs/quick.toml", "train.epochs=1")
//	summary, err := duet.Train(ctx, config, duet.TrainOptions{})
//	classifier, err := duet.Open(summary.Folder, duet.OpenOptions{})
//	predictions, err := classifier.Predict(ctx, photo)
//
// [Load] reads a configuration, a file or a built-in one. [Train] trains from it, and records everything in the
// folder of a run. [Open] opens a checkpoint, or the best one of a run; a [Classifier] tells what images show, and
// how often it errs on images with labels.
//
// Importing the package links the backends of the program's build tags: dnnl for oneDNN on the CPU, gpu for NVIDIA
// GPUs, none for pure Go, which is slow. The device "auto" stands for the best of them that the machine has.
// docs/library.md tells how a program of another module is built.
package duet
