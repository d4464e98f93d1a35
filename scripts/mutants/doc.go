// Mutants tells which small changes of the code no test notices: it changes one place of a package at a time, runs the
// package's tests and then those of the packages that import it, and counts the changes that failed a test.
//
//	mutants [-n 20] [-seed 1] [-tags "dnnl turbo"] PACKAGE...
//
// The changes are drawn at random from all of a package's, the same ones for the same seed. They are handed to the go
// command as an overlay, so that no file of the module is ever written. A change that does not compile is not counted,
// and another is drawn for it. One that is noted in equivalent.txt is not counted either: no test could notice it, or
// none needs to.
//
// The exit status is 1 when fewer than -least of a package's changes were noticed.
package main
