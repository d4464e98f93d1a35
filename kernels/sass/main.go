// Command sass looks at the machine code of the kernels that use tensor cores: what the loop of their products consists
// of, and which share of the tensor cores' peak that leaves, on an A100 and on an H100.
//
//	go run ./kernels/sass [-write README.md] PTXAS NVDISASM FOLDER
//
// FOLDER has the kernels' PTX. -write puts the table into a file, between the lines that begin and end it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The lines of a file between which the table is.
const (
	begin = "<!-- make kernels-report WRITE=1 writes this -->\n\n"
	end   = "\n<!-- to here -->\n"
)

func main() {
	write := flag.String("write", "", "put the table into this file, too")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: sass [-write README.md] PTXAS NVDISASM FOLDER")
		os.Exit(2)
	}
	table, err := report(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	if err == nil {
		fmt.Print(table)
		if *write != "" {
			err = insert(*write, table)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sass:", err)
		os.Exit(1)
	}
}

// report is the table of all kernels with tensor instructions.
func report(ptxas, nvdisasm, folder string) (string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.ptx"))
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "sass")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	var rows []row
	for _, file := range files {
		ptx, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if !bytes.Contains(ptx, []byte("mma.sync")) {
			continue
		}
		for i, c := range cards {
			kernels, err := disassemble(ptxas, nvdisasm, file, filepath.Join(scratch, "cubin"), c.arch)
			if err != nil {
				return "", fmt.Errorf("%s for sm_%d: %w", file, c.arch, err)
			}
			if rows, err = gather(rows, kernels, i); err != nil {
				return "", err
			}
		}
	}
	if len(rows) == 0 {
		return "", errors.New("no kernel of " + folder + " has tensor instructions")
	}
	return format(rows), nil
}

// disassemble compiles PTX for an architecture and lists its kernels' machine code.
func disassemble(ptxas, nvdisasm, ptx, cubin string, arch int) ([]*kernel, error) {
	if _, err := output(ptxas, fmt.Sprintf("-arch=sm_%d", arch), ptx, "-o", cubin); err != nil {
		return nil, err
	}
	listing, err := output(nvdisasm, "-c", cubin)
	if err != nil {
		return nil, err
	}
	return read(listing)
}

// output runs a program.
func output(program string, args ...string) (*bytes.Buffer, error) {
	var said, failed bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(failed.String()))
	}
	return &said, nil
}

// insert puts the table into a file.
func insert(path, table string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		return fmt.Errorf("%s: no place for the table, between %q and %q", path, begin, end)
	}
	return os.WriteFile(path, []byte(before+begin+table+end+after), 0o644)
}
