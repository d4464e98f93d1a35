package invalid

import "strings"

// shown is how many bytes of a text an error repeats.
const shown = 80

// Short is Printable of a text of any length: the beginning, if it is too long for a line.
func Short(text string) string {
	if len(text) <= shown {
		return Printable(text)
	}
	return Printable(strings.ToValidUTF8(text[:shown], "?")) + "..."
}
