// Package dataloader turns a source of labelled images into a packed set on disk, and a packed set into batches.
//
// # Sources
//
// [Prepare] recognises a source by looking at it:
//
//   - a folder of class folders: SOURCE/<class>/.../<image>.jpg
//   - a folder with splits: SOURCE/train/<class>/... and SOURCE/{val,valid,validation,test}/<class>/...
//   - either of these inside a .tar or .tar.gz
//   - CIFAR-10's binary version (data_batch_*.bin, test_batch.bin), a folder or a .tar.gz
//   - IDX files (MNIST, Fashion-MNIST: train-images-idx3-ubyte and its three companions, plain or .gz), likewise
//   - the word "generated": images that the package draws itself
//
// Images are JPEG or PNG of any colour model; they become 8-bit RGB. Transparent pixels are shown over black. The
// orientation that a camera wrote beside the pixels (EXIF) is ignored, as ImageNet does. The shorter side is resized to
// the packed size with a Catmull-Rom filter (widened when it shrinks, so that nothing aliases) and the centre square is
// kept. Classes are the sorted folder names.
//
// # The packed set
//
// A packed set is a folder. Every array is a NumPy file, so that numpy.load(path, mmap_mode="r") reads it:
//
//	set.json           format version, source, size, counts, channel mean, colour PCA, CRC32C of every file
//	classes.txt        one class name a line; line i is label i
//	mean.npy           float32 [3, H, W]: the mean image of the training split, 0 to 255
//	rejected.csv       file,cause: what of the source is not in the set
//	train/images.npy   uint8 [N, H, W, 3]: RGB, memory-mapped by [Open]
//	train/labels.npy   int32 [N]
//	train/files.csv    file,class: where each image came from, in the order of images.npy
//	val/...            the same three files; absent when the set has no validation split
//
// A set is written into OUT.partial and renamed when it is complete and on disk: a folder with a set.json is whole.
// The same source and options give the same bytes, whatever the number of workers.
//
// # Batches
//
// [NewTrainLoader] and [NewEvalLoader] give batches of whole packed images, with the numbers that the augmentation on
// the device needs ([Batch.Draws]). Cropping, mirroring, mean subtraction and colour shift happen there, not here. All
// random numbers are functions of (seed, epoch, image), so neither workers nor a restart change them.
package dataloader
