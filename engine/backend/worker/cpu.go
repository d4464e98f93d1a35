package worker

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"duet/engine/backend"
)

// Describe describes a CPU device: memory and model where Linux tells them. what says with what it computes.
func Describe(name string, threads int, what string, precisions []string) backend.Info {
	var kib [2]int64
	for i, text := range procFile("/proc/meminfo", "MemTotal", "MemAvailable") {
		fmt.Sscan(text, &kib[i]) // stays 0 where there is no number
	}
	model := procFile("/proc/cpuinfo", "model name")[0]
	if model == "" {
		model = runtime.GOARCH
	}
	return backend.Info{Name: name, Description: model + ", " + what, TotalBytes: kib[0] << 10, FreeBytes: kib[1] << 10,
		Units: threads, Precisions: precisions}
}

// procFile finds the last value of each key in a file of lines "key : value"; "" where there is none.
func procFile(path string, keys ...string) []string {
	values := make([]string, len(keys))
	f, err := os.Open(path)
	if err != nil {
		return values
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		for i, k := range keys {
			if strings.TrimSpace(key) == k {
				values[i] = strings.TrimSpace(value)
			}
		}
	}
	return values
}

// Threads is how many threads a device opened with these options has: as many as they say, else its share of the cores.
func Threads(o backend.Options) int {
	if o.Threads > 0 {
		return o.Threads
	}
	return max(1, runtime.GOMAXPROCS(0)/max(1, o.Devices))
}
