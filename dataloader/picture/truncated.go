package picture

import (
	"errors"
	"fmt"
	"image/png"
	"io"
)

// cutShort makes ErrTruncated the cause of the errors by which decoders say that their input ended.
func cutShort(err error) error {
	if err == nil || errors.Is(err, ErrTruncated) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, png.FormatError("not enough pixel data")) {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return err
}
