package main

import "fmt"

// warpHandlers are what the lanes of a warp do together; chapters 9.7.9 and 9.7.13 of the PTX ISA. The forms without
// .sync are for older architectures than ours and unknown.
var warpHandlers = map[string]handler{
	"shfl":       shuffle,
	"vote":       vote,
	"match":      match,
	"redux":      redux,
	"activemask": activemask,
}

var (
	shufflePattern = compile("sync up|down|bfly|idx b32")
	votePattern    = compile("sync all|any|uni pred")
	ballotPattern  = compile("sync ballot b32")
	matchPattern   = compile("any|all sync b32|b64")
	reduxSums      = compile("sync add|min|max u32|s32")
	reduxLogic     = compile("sync and|or|xor b32")
	maskPattern    = compile("b32")
)

// writePair is statements that put what a block of statements leaves in result and ok into a register and, where the
// destination is a pair, a predicate.
func (e *emitter) writePair(in *instruction, t ptxType, statements string) (string, error) {
	d := in.operands[0]
	list := []operand{d}
	if d.kind == pair {
		list = d.list
	}
	text, err := e.write(in.line, list[0], t, "result")
	if err != nil {
		return "", err
	}
	if len(list) == 2 {
		also, err := e.write(in.line, list[1], pred, "ok")
		if err != nil {
			return "", err
		}
		text += " " + also
	}
	return fmt.Sprintf("{ %s %s }", statements, text), nil
}

// shuffle is shfl.sync.mode.b32 d[|p], value, lane or distance, clamp, mask.
func shuffle(e *emitter, in *instruction) (string, error) {
	got, ok := shufflePattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 5, 5); err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	v, err := e.reads(in, b32, in.operands[1:]...)
	if err != nil {
		return "", err
	}
	return e.writePair(in, b32, fmt.Sprintf("bool ok; const uint32_t result = ptx::shuffle_%s(%s, %s, %s, %s, &ok);",
		got[1], v[0], v[1], v[2], v[3]))
}

func vote(e *emitter, in *instruction) (string, error) {
	got, ok := votePattern.match(in.modifiers)
	_, ballot := ballotPattern.match(in.modifiers)
	if !ok && !ballot {
		return "", unknown(in)
	}
	if err := count(in, 3, 3); err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	p, err := e.read(in.line, in.operands[1], pred)
	if err != nil {
		return "", err
	}
	mask, err := e.read(in.line, in.operands[2], b32)
	if err != nil {
		return "", err
	}
	if ballot {
		return e.write(in.line, in.operands[0], b32, fmt.Sprintf("__ballot_sync(%s, %s)", mask, p))
	}
	return e.write(in.line, in.operands[0], pred, fmt.Sprintf("ptx::vote_%s(%s, %s)", got[1], mask, p))
}

// match is match.any or match.all, which says in a predicate whether all are the same.
func match(e *emitter, in *instruction) (string, error) {
	got, ok := matchPattern.match(in.modifiers)
	if !ok {
		return "", unknown(in)
	}
	if err := count(in, 3, 3); err != nil {
		return "", err
	}
	if got[0] == "any" && in.operands[0].kind == pair {
		return "", fmt.Errorf("match.any has no predicate")
	}
	t, _ := typeNamed(got[2])
	b32, _ := typeNamed("b32")
	value, err := e.read(in.line, in.operands[1], t)
	if err != nil {
		return "", err
	}
	mask, err := e.read(in.line, in.operands[2], b32)
	if err != nil {
		return "", err
	}
	return e.writePair(in, b32, fmt.Sprintf("bool ok; const uint32_t result = ptx::match_%s(%s, %s, &ok);", got[0], mask,
		value))
}

func redux(e *emitter, in *instruction) (string, error) {
	got, ok := reduxSums.match(in.modifiers)
	if !ok {
		if got, ok = reduxLogic.match(in.modifiers); !ok {
			return "", unknown(in)
		}
	}
	if err := count(in, 3, 3); err != nil {
		return "", err
	}
	t, _ := typeNamed(got[2])
	v, err := e.reads(in, t, in.operands[1])
	if err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	mask, err := e.read(in.line, in.operands[2], b32)
	if err != nil {
		return "", err
	}
	value := fmt.Sprintf("(%s)(%s)", map[bool]string{true: "int", false: "unsigned"}[t.class == 's'], v[0])
	return e.write(in.line, in.operands[0], t, fmt.Sprintf("__reduce_%s_sync(%s, %s)", got[1], mask, value))
}

func activemask(e *emitter, in *instruction) (string, error) {
	if _, ok := maskPattern.match(in.modifiers); !ok {
		return "", unknown(in)
	}
	if err := count(in, 1, 1); err != nil {
		return "", err
	}
	b32, _ := typeNamed("b32")
	return e.write(in.line, in.operands[0], b32, "sim::active_mask()")
}
