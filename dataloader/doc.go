// Package dataloader gives a training its batches: it has a configured source packed once (packages source, picture,
// prepare and packed), and makes batches of the packed set ready in the background.
//
// [NewTrainLoader] and [NewEvalLoader] give batches of whole packed images, with the numbers that the augmentation on
// the device needs ([Batch.Draws]). Cropping, mirroring, mean subtraction and colour shift happen there, not here. All
// random numbers are functions of (seed, epoch, image), so neither workers nor a restart change them, and an epoch's
// new order touches no pixels.
package dataloader
