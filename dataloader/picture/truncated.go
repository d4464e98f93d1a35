package picture

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// cutShort makes ErrTruncated the cause of the errors by which decoders say that their input ended.
func cutShort(err error) error {
	if err == nil || errors.Is(err, ErrTruncated) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "not enough") {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return err
}
