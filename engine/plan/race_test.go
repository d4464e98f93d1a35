//go:build race

package plan_test

// racing says that the race detector is on, under which sync.Pool forgets things at random.
const racing = true
