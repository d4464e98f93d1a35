// Package picture brings one encoded file to a square of RGB bytes:
//
//	file -> pixels -> shorter side to Size, antialiased bicubic -> centre crop [Size,Size,3]
//
// JPEG, PNG, GIF (the first frame), BMP and WebP are told by their content, never by a name. A header is looked at before
// pixels are decoded, so that memory is bounded whatever a file claims. Colours end as 8-bit RGB: grey is repeated, 16 bits
// lose their lower byte, transparency lies over black, and CMYK is R = C*K/255 of the inverted values that JPEG stores
// (Adobe's convention, which files without Adobe's marker are taken to follow too). Colour profiles are not applied.
//
// Under the build tag turbo, JPEG is decoded by libjpeg-turbo and the resampling is vectorised; without it both are plain
// Go. Both builds refuse the same files, and both resample to the same bytes; what two JPEG decoders make of one file
// differs by a grey level or two, more at edges where the chroma is subsampled.
package picture
