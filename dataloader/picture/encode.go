package picture

import "fmt"

func checkEncode(pixels []byte, size, quality int) error {
	switch {
	case size < 1 || size > MaxSize:
		return fmt.Errorf("size %d: want 1 to %d pixels", size, MaxSize)
	case len(pixels) != size*size*3:
		return fmt.Errorf("%d bytes of pixels: want %d, %dx%d RGB", len(pixels), size*size*3, size, size)
	case quality < 1 || quality > 100:
		return fmt.Errorf("JPEG quality %d: want 1 to 100", quality)
	}
	return nil
}
