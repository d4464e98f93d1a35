package lex

import (
	"reflect"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	text := "$L_1:\t@!%p1 ld.global.L2::128B.v2.f32 {%f1, _}, [%rd2+-16]; // end\n" +
		"/* two\nlines */ mov.f32 %f1, 0f3F800000;\n.file 1 \"a; b\"\nfma.rn.f64 %fd1, 1.5, %tid.x, 12U;"
	tokens, err := Tokens(text)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	lines := map[string]int{}
	for _, token := range tokens {
		words = append(words, token.Text)
		lines[token.Text] = token.Line
	}
	want := strings.Split("$L_1 : @ ! %p1 ld.global.L2::128B.v2.f32 { %f1 , _ } , [ %rd2 + - 16 ] ; "+
		"mov.f32 %f1 , 0f3F800000 ; .file 1", " ")
	want = append(want, "a; b", "fma.rn.f64", "%fd1", ",", "1.5", ",", "%tid.x", ",", "12U", ";", "")
	if !reflect.DeepEqual(words, want) {
		t.Errorf("got  %q\nwant %q", words, want)
	}
	for word, line := range map[string]int{"$L_1": 1, "mov.f32": 3, "a; b": 4, "fma.rn.f64": 5, "": 5} {
		if lines[word] != line {
			t.Errorf("%q on line %d, want %d", word, lines[word], line)
		}
	}
}

func TestTokensErrors(t *testing.T) {
	for text, want := range map[string]string{
		"ret;\n#":       "line 2: unexpected character '#'",
		"\n\"no quote":  "line 2: a string without its closing quote",
		"\"a\nb\"":      "line 1: a string without its closing quote",
		"a\n/* comment": "line 2: a comment without its end",
	} {
		if _, err := Tokens(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
