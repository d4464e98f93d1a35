// Package disk is what programs that may be killed at any moment need of files: whole ones, that are on disk when that
// is
// said, and locks that end with the process.
package disk
