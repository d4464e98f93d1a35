package metrics

import "fmt"

// Parse is a line as it was read.
func Parse(line []byte) (string, error) {
	var r record
	if err := parse(line, &r); err != nil {
		return "", err
	}
	return fmt.Sprint(*r.Step, r.asStep(), r.asValidation(), r.Loss.Set, r.ValLoss.Set), nil
}
