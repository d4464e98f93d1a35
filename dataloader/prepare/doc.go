// Package prepare turns a source of labelled images into a packed set, once, on all cores.
//
// The images of a split keep the order of the source's listing, so that the same source and options give the same
// bytes, whatever the number of workers and however often the work was interrupted. Memory does not grow with the
// images, only by some hundred bytes for each one's name.
//
// # Interruption
//
// The set is made in OUT.partial, which holds:
//
//	lock         held by the process that works there; a killed process holds nothing
//	begun.json   source, options, decoder, and a fingerprint of what was listed
//	set/         the set, so far
//	state/       what is known of every shard that is whole and on disk
//
// The next Run with the same source and options goes on after the last of those shards. When all is written, set/ is
// renamed to OUT: a folder that was asked for is whole or not there.
package prepare
