// Package packed is the packed format: labelled images, all of one size, in files that are mapped into memory.
//
// A packed set is a folder. Every array is a NumPy file, so that one line reads it:
//
//	images = numpy.load("train/images-00000.npy", mmap_mode="r")
//
// Its files:
//
//	set.json                 the index: format version, source and options, whether images were turned as their EXIF
//	                         data say, counts, shards, channel mean, colour PCA, CRC32C
//	classes.txt              one class a line, its folder or WordNet id and, after a tab, its name where that is known;
//	                         line i is label i
//	mean.npy                 float32 [3, H, W]: the mean image of the training split, 0 to 255
//	rejected.csv             file,cause: what of the source is not in the set
//	train/images-00000.npy   uint8 [n, H, W, 3], RGB: the first n images; images-00001.npy the next ones, and so on
//	train/labels.npy         int32 [N], of all shards' images in order
//	train/flags.npy          uint8 [N]: what was special about the image's file, bits of [duet/dataloader/picture.Flags]
//	train/files.csv          file,class: where each image came from
//	val/...                  the same; absent when the set has no validation split
//
// Texts are UTF-8; a byte of a file's name that is not stands in a .csv as \xNN.
//
// With the codec "jpeg" a shard is the JPEG files of its images, one after the other, in a uint8 [bytes], and beside it
// train/offsets-00000.npy, int64 [n+1], says where each begins and where the last one ends.
//
// All shards of a split but the last hold the same number of images (raw) or nearly the same number of bytes (jpeg), so
// that no file is larger than was asked for.
package packed
