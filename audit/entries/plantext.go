package entries

import (
	"crypto/sha256"
	"strconv"
	"strings"
)

// planned is one statement as a plan text lists it. Of its text only the hash is
// kept: verify holds all plans of a record at once.
type planned struct {
	label  string // "action: 1", "abort: 2", "undo: 1", "proof: of 1"
	target string
	verb   string
	text   [sha256.Size]byte
}

// part of the plan this statement belongs to, in the words of stmt.begin; empty
// for a line that only looks like one, as "undo: steps 3.1 3.2" does.
func (p planned) part() string {
	name, number, _ := strings.Cut(p.label, ": ")
	if _, err := strconv.Atoi(number); err != nil && name != PartProof {
		return ""
	}
	switch name {
	case "action":
		return PartMain
	case PartAbort, PartUndo, PartProof:
		return name
	}
	return ""
}

// statements reads all statements of a plan text. A label is a line that does
// not begin with "| ", so no statement can pose as one.
func statements(plan string) []planned {
	var list []planned
	var text []string
	open := false
	flush := func() {
		if open {
			list[len(list)-1].text = sha256.Sum256([]byte(strings.Join(text, "\n")))
		}
		open, text = false, nil
	}
	for line := range strings.Lines(plan) {
		line = strings.TrimSuffix(line, "\n")
		if t, ok := strings.CutPrefix(line, "| "); ok {
			text = append(text, t)
			continue
		}
		flush()
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		p := planned{label: strings.Join(f[:len(f)-2], " "), target: f[len(f)-2], verb: f[len(f)-1]}
		if p.part() != "" {
			list, open = append(list, p), true
		}
	}
	flush()
	return list
}

// holds says whether b, sent to target, is a statement of this plan. Proofs are
// counted per action in a plan, so any proof of the plan will do; everything
// that changes a server must be the very action it claims to be.
func holds(plan []planned, b StmtBegin, target string) bool {
	text := sha256.Sum256([]byte(b.Text))
	for _, p := range plan {
		if p.part() != b.Part || p.target != target || p.verb != b.Verb || p.text != text {
			continue
		}
		if b.Part == PartProof || p.label == label(b.Part, b.I) {
			return true
		}
	}
	return false
}

func label(part string, i int64) string {
	if part == PartMain {
		part = "action"
	}
	return part + ": " + strconv.FormatInt(i, 10)
}
