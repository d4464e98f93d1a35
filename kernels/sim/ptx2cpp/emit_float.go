package main

// arithmetic are the forms of add, sub and mul for floats. Without a rounding it is to the nearest, and here as there,
// nothing is joined to a multiply-add.
func arithmetic(operator, function string) []form {
	return []form{
		of("f32", "rn? ftz? sat?", "TTT", "%a "+operator+" %b"),
		of("f32", directed+" ftz? sat?", "TTT", "ptx::"+function+"<%R>(%a, %b)"),
		of("f64", "rn?", "TTT", "%a "+operator+" %b"),
		of("f64", directed, "TTT", "ptx::"+function+"<%R>(%a, %b)"),
		of("f16", "rn?", "TTT", "ptx::half_"+function+"<ptx::f16>(%a, %b)"),
		of("bf16", "rn?", "TTT", "ptx::half_"+function+"<ptx::bf16>(%a, %b)"),
		of("f16x2", "rn?", "TTT", "ptx::pairwise<ptx::half_"+function+"<ptx::f16>>(%a, %b)"),
		of("bf16x2", "rn?", "TTT", "ptx::pairwise<ptx::half_"+function+"<ptx::bf16>>(%a, %b)"),
	}
}

// fused are the forms of fma, and of mad for floats, which is the same on what we compile for.
var fused = []form{
	of("f32", "rn ftz? sat?", "TTTT", "ptx::fma(%a, %b, %c)"),
	of("f32", directed+" ftz? sat?", "TTTT", "ptx::fma<%R>(%a, %b, %c)"),
	of("f64", "rn", "TTTT", "ptx::fma(%a, %b, %c)"),
	of("f64", directed, "TTTT", "ptx::fma<%R>(%a, %b, %c)"),
	of("f16", "rn", "TTTT", "ptx::half_fma<ptx::f16>(%a, %b, %c)"),
	of("bf16", "rn", "TTTT", "ptx::half_fma<ptx::bf16>(%a, %b, %c)"),
	of("f16x2", "rn", "TTTT", "ptx::pairwise<ptx::half_fma<ptx::f16>>(%a, %b, %c)"),
	of("bf16x2", "rn", "TTTT", "ptx::pairwise<ptx::half_fma<ptx::bf16>>(%a, %b, %c)"),
	of("f16", "rn relu", "TTTT", "ptx::half_relu<ptx::f16>(ptx::half_fma<ptx::f16>(%a, %b, %c))"),
	of("bf16", "rn relu", "TTTT", "ptx::half_relu<ptx::bf16>(ptx::half_fma<ptx::bf16>(%a, %b, %c))"),
}

// signs are the forms of abs and neg: they change the bit of the sign and nothing else.
func signs(opcode string) []form {
	code, half, two := "ptx::magnitude(%a)", "%a & 0x7fff", "%a & 0x7fff7fffu"
	if opcode == "neg" {
		code, half, two = "-(%a)", "%a ^ 0x8000", "%a ^ 0x80008000u"
	}
	return []form{of("f32", "ftz?", "TT", code), of("f64", "", "TT", code), of("f16|bf16", "", "TT", half),
		of("f16x2|bf16x2", "", "TT", two)}
}

// extremes are the forms of min and max for floats.
func extremes(opcode string) []form {
	forms := []form{
		of("f32", "ftz?", "TTT", "ptx::"+opcode+"imum(%a, %b)"),
		of("f64", "", "TTT", "ptx::"+opcode+"imum(%a, %b)"),
		of("f32", "ftz? NaN", "TTT", "ptx::"+opcode+"imum_nan(%a, %b)"),
	}
	for _, t := range []string{"f16", "bf16"} {
		for _, nan := range []string{"", "_nan"} {
			modifiers := map[string]string{"": "", "_nan": "NaN"}[nan]
			function := "ptx::half_" + opcode + "imum" + nan + "<ptx::" + t + ">"
			forms = append(forms, of(t, modifiers, "TTT", function+"(%a, %b)"),
				of(t+"x2", modifiers, "TTT", "ptx::pairwise<"+function+">(%a, %b)"))
		}
	}
	return forms
}

// floatHandlers are the rest of chapter 9.7.3. The approximations are the host's functions, which are closer than the
// hardware's: a test must allow what the PTX ISA allows them.
var floatHandlers = map[string]handler{
	"fma": formed(fused...),
	"rcp": formed(
		of("f32", "rn|approx ftz?", "TT", "1.f / %a"), of("f32", directed+" ftz?", "TT", "ptx::divide<%R>(1.f, %a)"),
		of("f64", "rn", "TT", "1. / %a"), of("f64", directed, "TT", "ptx::divide<%R>(1., %a)"),
		of("f64", "approx ftz", "TT", "ptx::upper_half(1. / %a)")),
	"sqrt": formed(
		of("f32", "rn|approx ftz?", "TT", "__builtin_sqrtf(%a)"), of("f32", directed+" ftz?", "TT", "ptx::root<%R>(%a)"),
		of("f64", "rn", "TT", "__builtin_sqrt(%a)"), of("f64", directed, "TT", "ptx::root<%R>(%a)")),
	"rsqrt": formed(
		of("f32", "approx ftz?", "TT", "(float)(1. / __builtin_sqrt((double)%a))"),
		of("f64", "approx", "TT", "1. / __builtin_sqrt(%a)"),
		of("f64", "approx ftz", "TT", "ptx::upper_half(1. / __builtin_sqrt(%a))")),
	"ex2": formed(of("f32", "approx ftz?", "TT", "__builtin_exp2f(%a)"),
		of("f16", "approx", "TT", "ptx::half_exp2<ptx::f16>(%a)"),
		of("bf16", "approx ftz", "TT", "ptx::half_exp2<ptx::bf16>(%a)"),
		of("f16x2", "approx", "TT", "ptx::pairwise<ptx::half_exp2<ptx::f16>>(%a)"),
		of("bf16x2", "approx ftz", "TT", "ptx::pairwise<ptx::half_exp2<ptx::bf16>>(%a)")),
	"lg2": formed(of("f32", "approx ftz?", "TT", "__builtin_log2f(%a)")),
	"sin": formed(of("f32", "approx ftz?", "TT", "__builtin_sinf(%a)")),
	"cos": formed(of("f32", "approx ftz?", "TT", "__builtin_cosf(%a)")),
	"tanh": formed(of("f32", "approx", "TT", "__builtin_tanhf(%a)"),
		of("f16", "approx", "TT", "ptx::half_tanh<ptx::f16>(%a)"),
		of("bf16", "approx", "TT", "ptx::half_tanh<ptx::bf16>(%a)"),
		of("f16x2", "approx", "TT", "ptx::pairwise<ptx::half_tanh<ptx::f16>>(%a)"),
		of("bf16x2", "approx", "TT", "ptx::pairwise<ptx::half_tanh<ptx::bf16>>(%a)")),
	"copysign": formed(of(floats, "", "TTT", "ptx::with_sign(%a, %b)")), // the sign of the first
	"testp": formed(
		of(floats, "finite", "pT", "__builtin_isfinite(%a)"), of(floats, "infinite", "pT", "__builtin_isinf(%a) != 0"),
		of(floats, "number", "pT", "%a == %a"), of(floats, "notanumber", "pT", "%a != %a"),
		of(floats, "normal", "pT", "__builtin_isnormal(%a)"), of(floats, "subnormal", "pT", "ptx::subnormal(%a)")),
}
