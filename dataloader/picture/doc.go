// Package picture brings one encoded file to a square of RGB bytes:
//
//	file -> pixels -> shorter side to Size, antialiased bicubic -> centre crop [Size,Size,3]
//
// JPEG, PNG, GIF (the first frame), BMP and WebP are told by their content, never by a name. A header is looked at
// before pixels are decoded, so that memory is bounded whatever a file claims. Colours end as 8-bit RGB: grey is
// repeated, 16 bits lose their lower byte, transparency lies over black, and CMYK is R = C*K/255 of the inverted values
// that JPEG stores (Adobe's convention, which files without Adobe's marker are taken to follow too). Colour profiles
// are not applied.
//
// Under the build tag turbo, JPEG is decoded by libjpeg-turbo and the resampling is vectorised; without it both are
// plain Go. Both resample to the same bytes; what two JPEG decoders make of one file differs by a grey level or two,
// more at edges where the chroma is subsampled. Both builds refuse the same files, but for some that are damaged
// inside: of photographs with one to three bytes changed, 3 in 100 are decoded by one of them only. AllowTruncated
// keeps more with libjpeg-turbo: of a progressive JPEG the part of its last scan, and what follows after damage.
//
// Memory is what one picture's decoder takes: libjpeg-turbo's some rows, and for a progressive JPEG two bytes a pixel
// and channel (Go's: four, and a byte for the picture); the other formats are decoded as a whole, in 1 to 8 bytes a
// pixel. With [MaxPixels] that is about half a gigabyte at most, 1 GB for a progressive JPEG in plain Go, and only for
// files that are long enough to have so many pixels, except for WebP.
package picture
