package packed

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAvailableMemory(t *testing.T) {
	const meminfo = "MemTotal:       16000 kB\nMemFree:          100 kB\nMemAvailable:    8000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
		known bool
	}{
		"nothing is known": {nil, 0, false},
		"the machine's":    {map[string]string{"proc/meminfo": meminfo}, 8000 << 10, true},
		"version 2, with what is cached": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "5000\n", "sys/fs/cgroup/a/b/memory.current": "4500\n",
			"sys/fs/cgroup/a/b/memory.stat": "anon 4000\ninactive_file 300\nactive_file 70\n"}, 870, true},
		"a group around it has less": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "5000\n", "sys/fs/cgroup/a/b/memory.current": "10\n",
			"sys/fs/cgroup/a/memory.max": "900\n", "sys/fs/cgroup/a/memory.current": "100\n"}, 800, true},
		"no limit": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.current": "4500\n"}, 8000 << 10, true},
		"what is cached is more than what is used": {map[string]string{"proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max":     "5000\n",
			"sys/fs/cgroup/memory.current": "100\n", "sys/fs/cgroup/memory.stat": "inactive_file 300\n"}, 5000, true},
		"lines of something else": {map[string]string{"proc/meminfo": "MemAvailable:\nMemAvailable:  2 kB\n",
			"proc/self/cgroup": "\n0:\n1::\n0::/\n"}, 2048, true},
		"no number": {map[string]string{"proc/meminfo": "MemAvailable:  many kB\n", "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "5000\n", "sys/fs/cgroup/memory.current": "x\n"}, 0, false},
		"the largest limit": {map[string]string{"proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1152921504606846975\n", "sys/fs/cgroup/memory.current": "0\n"}, 1<<60 - 1, true},
		"so large that it is none": {map[string]string{"proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1152921504606846976\n", "sys/fs/cgroup/memory.current": "0\n"}, 0, false},
		"the machine has less": {map[string]string{"proc/meminfo": "MemAvailable:  1 kB\n", "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "5000\n", "sys/fs/cgroup/memory.current": "0\n"}, 1024, true},
		"version 1": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "7:cpu,cpuacct:/\n4:memory:/a\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "6000\n", "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "5500\n",
			"sys/fs/cgroup/memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 100\n"}, 600, true},
		"a path outside of the container": {map[string]string{"proc/meminfo": meminfo,
			"proc/self/cgroup": "4:memory:/docker/1f\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "6000\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "7000\n"}, 0, true},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got, known := availableBelow(root); got != c.want || known != c.known {
			t.Errorf("%s: %d, %v, want %d, %v", name, got, known, c.want, c.known)
		}
	}
}
